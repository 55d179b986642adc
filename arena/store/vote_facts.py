"""What ratings and boards read of the votes: facts by the million, and what stands around them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from arena.domain.battle import Purpose, Verdict, VoterKind
from arena.store.battles import BATTLE, CONTENDER, FETCHED_ROWS, VOTE, VOTER, key_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection

    from arena.domain.request import Mode


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which votes: of simulated images or of real ones, by people or by judges; None: of every one."""

    simulated: bool
    kind: VoterKind = VoterKind.HUMAN
    mode: Mode | None = None
    category: str | None = None
    prompt_id: str | None = None

    def of(self, query: sa.Select[Any]) -> sa.Select[Any]:
        """A query over votes, narrowed to these."""
        query = query.where(VOTE.c.simulated == self.simulated, VOTE.c.kind == self.kind)
        if self.mode is not None:
            query = query.where(VOTE.c.mode == self.mode)
        if self.category is not None:
            query = query.where(VOTE.c.category == self.category)
        if self.prompt_id is not None:
            query = query.join(BATTLE, BATTLE.c.id == VOTE.c.battle_id).where(BATTLE.c.prompt_id == self.prompt_id)
        return query


def facts(
    connection: Connection,
    *,
    simulated: bool,
    kind: VoterKind = VoterKind.HUMAN,
    mode: Mode | None = None,
    category: str | None = None,
) -> bytes:
    """The facts of every vote that counts, one after the other, in the order in which they were cast.

    Left out are votes that were taken back, that are in quarantine, that skipped, and those on pairs that only check
    the voter.
    """
    return _joined(connection, Wanted(simulated, kind, mode, category).of(_counting(simulated=simulated, kind=kind)))


def _joined(connection: Connection, query: sa.Select[Any]) -> bytes:
    """The facts that a query selects, in the order of the votes.

    Read from the driver's own cursor: making a row object of each of a million values takes twice as long as the rest.
    """
    cursor = connection.execute(query.order_by(VOTE.c.id)).cursor
    pieces: list[bytes] = []
    while rows := cursor.fetchmany(FETCHED_ROWS):
        pieces += [row[0] for row in rows]
    return b"".join(pieces)


def _counting(*, simulated: bool, kind: VoterKind) -> sa.Select[Any]:
    return sa.select(VOTE.c.facts).where(
        VOTE.c.undone_at.is_(None),
        VOTE.c.quarantine.is_(None),
        VOTE.c.simulated == simulated,
        VOTE.c.kind == kind,
        VOTE.c.verdict != Verdict.SKIP,
        VOTE.c.purpose == Purpose.RATE,
    )


def facts_set_apart(connection: Connection, wanted: Wanted) -> dict[str, bytes]:
    """The facts of votes that would count if they were not set apart, by reason (its words before a colon)."""
    query = sa.select(VOTE.c.quarantine, VOTE.c.facts).where(
        VOTE.c.quarantine.is_not(None),
        VOTE.c.undone_at.is_(None),
        VOTE.c.verdict != Verdict.SKIP,
        VOTE.c.purpose == Purpose.RATE,
    )
    found: dict[str, list[bytes]] = {}
    for reason, packed in connection.execute(wanted.of(query)):
        found.setdefault(reason.partition(":")[0].strip(), []).append(packed)
    return {reason: b"".join(pieces) for reason, pieces in found.items()}


def check_votes(connection: Connection, wanted: Wanted) -> int:
    """How many votes were cast on gold and repeated pairs, which rate nobody."""
    query = sa.select(sa.func.count(VOTE.c.id)).where(
        VOTE.c.purpose != sa.literal_column(f"'{Purpose.RATE}'"),  # spelt out, so that the index of these is used
        VOTE.c.undone_at.is_(None),
    )
    return int(connection.execute(wanted.of(query)).scalar_one())


def competition_facts(connection: Connection, prompt_id: str, *, simulated: bool) -> bytes:
    """The facts of the votes that count on one prompt, by people."""
    query = _counting(simulated=simulated, kind=VoterKind.HUMAN).join(BATTLE, BATTLE.c.id == VOTE.c.battle_id)
    return _joined(connection, query.where(BATTLE.c.prompt_id == prompt_id))


def competition_rows(connection: Connection, *, simulated: bool) -> list[dict[str, Any]]:
    """One row a prompt that people have voted on: entrants and votes, the most voted first."""
    counted = (VOTE.c.battle_id == BATTLE.c.id) & VOTE.c.undone_at.is_(None) & VOTE.c.quarantine.is_(None)
    sides = sa.union_all(
        *(
            sa.select(BATTLE.c.prompt_id, BATTLE.c.mode, BATTLE.c.category, VOTE.c.id, column.label("contender"))
            .join(VOTE, counted)
            .where(
                VOTE.c.simulated == simulated,
                VOTE.c.kind == VoterKind.HUMAN,
                VOTE.c.verdict != Verdict.SKIP,
                VOTE.c.purpose == Purpose.RATE,
            )
            for column in (BATTLE.c.left_contender, BATTLE.c.right_contender)
        )
    ).subquery()
    votes, entrants = (sa.func.count(sides.c[name].distinct()) for name in ("id", "contender"))
    query = (
        sa.select(sides.c.prompt_id, sides.c.mode, sides.c.category, entrants.label("entrants"), votes.label("votes"))
        .group_by(sides.c.prompt_id, sides.c.mode, sides.c.category)
        .order_by(votes.desc(), sides.c.prompt_id)
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def shared_verdicts(connection: Connection, *, simulated: bool) -> dict[str, list[tuple[int, int]]]:
    """For each judge, the pairs of images that people voted on, too: net votes of either for one of the images."""
    query = (
        sa.select(
            VOTE.c.kind, VOTE.c.voter_id, VOTER.c.label, VOTE.c.verdict, BATTLE.c.left_sha256, BATTLE.c.right_sha256
        )
        .join(BATTLE, BATTLE.c.id == VOTE.c.battle_id)
        .join(VOTER, VOTER.c.id == VOTE.c.voter_id)
        .where(
            VOTE.c.undone_at.is_(None),
            VOTE.c.quarantine.is_(None),
            VOTE.c.simulated == simulated,
            VOTE.c.purpose == Purpose.RATE,
            BATTLE.c.left_sha256.is_not(None),
            BATTLE.c.right_sha256.is_not(None),
        )
    )
    people: dict[tuple[str, str], int] = {}
    judges: dict[str, dict[tuple[str, str], int]] = {}
    for row in connection.execute(query):
        pair = (min(row.left_sha256, row.right_sha256), max(row.left_sha256, row.right_sha256))
        for_left = {Verdict.LEFT.value: 1, Verdict.RIGHT.value: -1}.get(row.verdict, 0)
        net = for_left if pair[0] == row.left_sha256 else -for_left
        if row.kind == VoterKind.HUMAN:
            people[pair] = people.get(pair, 0) + net
        else:
            mine = judges.setdefault(row.label or row.voter_id, {})
            mine[pair] = mine.get(pair, 0) + net
    return {name: [(people[p], net) for p, net in mine.items() if p in people] for name, mine in judges.items()}


def own_votes(connection: Connection, voter_id: str, *, simulated: bool) -> list[tuple[str, str, Verdict]]:
    """The votes of one voter as left and right endpoint and verdict, in the order in which they were cast.

    Those that are set apart are among them: they are the voter's own all the same.
    """
    left, right = CONTENDER.alias(), CONTENDER.alias()
    query = (
        sa.select(left.c.endpoint_id, right.c.endpoint_id, VOTE.c.verdict)
        .select_from(VOTE)
        .join(BATTLE, BATTLE.c.id == VOTE.c.battle_id)
        .join(left, left.c.id == BATTLE.c.left_contender)
        .join(right, right.c.id == BATTLE.c.right_contender)
        .where(
            VOTE.c.voter_id == voter_id,
            VOTE.c.simulated == simulated,
            VOTE.c.undone_at.is_(None),
            VOTE.c.verdict != Verdict.SKIP,
            VOTE.c.purpose == Purpose.RATE,
        )
        .order_by(VOTE.c.id)
    )
    return [(a, b, Verdict(verdict)) for a, b, verdict in connection.execute(query)]


def voters_by_key(connection: Connection) -> dict[int, str]:
    """The pseudonyms of all voters by the numbers that stand for them in `facts`."""
    return {key_of(name): name for name in connection.execute(sa.select(VOTER.c.id)).scalars()}


def voted_categories(connection: Connection) -> list[str]:
    """Every category in which a vote was cast, in alphabetical order."""
    return list(connection.execute(sa.select(VOTE.c.category).distinct().order_by(VOTE.c.category)).scalars())


def quarantine(connection: Connection, vote_ids: Iterable[int], reason: str | None) -> int:
    """Put votes aside with a reason, or take them back in (None); nothing is deleted. Returns how many."""
    changed = VOTE.update().where(VOTE.c.id.in_(list(vote_ids))).values(quarantine=reason)
    return connection.execute(changed).rowcount
