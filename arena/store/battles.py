"""What is written and read about contenders, voters, battles and votes, as functions of one connection."""

from __future__ import annotations

import hashlib
import json
import struct
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from arena.domain.battle import Battle, Cell, Entry, Purpose, Rule, Verdict, Vote, VoterKind
from arena.domain.request import Mode
from arena.store.runs import ATTEMPT, PROMPT, insert_ignore
from arena.store.schema import METADATA
from arena.units import NANO_USD_PER_USD, ms_from_ns

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection

CONTENDER, RENDITION = METADATA.tables["contender"], METADATA.tables["rendition"]
VOTER, BATTLE, VOTE = METADATA.tables["voter"], METADATA.tables["battle"], METADATA.tables["vote"]

FACTS = struct.Struct("<iiqqb3x")
"""Left and right contender, prompt, voter, verdict: one vote as the ratings read it."""
FETCHED_ROWS = 20_000
VERDICT_CODE = {verdict: code for code, verdict in enumerate(Verdict)}


@dataclass(frozen=True, slots=True)
class Standing:
    """A battle with what has become of it."""

    battle: Battle
    vote: Vote | None


def key_of(text: str) -> int:
    """A number of 63 bits that stands for a prompt or a voter in `facts`."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


# -- renditions --------------------------------------------------------------------------------------------------------


def rendition(connection: Connection, source_sha256: str) -> Mapping[str, Any] | None:
    """The stored rendition of an image, or why it was kept out; None if it was not looked at yet."""
    row = connection.execute(sa.select(RENDITION).where(RENDITION.c.source_sha256 == source_sha256)).mappings().first()
    return None if row is None else dict(row)


def write_rendition(
    connection: Connection, source_sha256: str, recipe: str, sha256: str | None, kept_out: str | None
) -> None:
    """Note what came of an image; a newer recipe replaces an older one."""
    values = {"recipe": recipe, "sha256": sha256, "kept_out": kept_out, "made_at": datetime.now(UTC)}
    insert_ignore(connection, RENDITION, [{"source_sha256": source_sha256, **values}])
    older = (RENDITION.c.source_sha256 == source_sha256) & (RENDITION.c.recipe != recipe)
    connection.execute(RENDITION.update().where(older).values(values))


# -- voters, battles, votes --------------------------------------------------------------------------------------------


def register_voter(connection: Connection, voter_id: str, kind: VoterKind, label: str | None = None) -> None:
    """Make a voter known; a known one stays as it is."""
    row = {"id": voter_id, "kind": kind, "label": label, "created_at": datetime.now(UTC)}
    insert_ignore(connection, VOTER, [row])


def voter_kind(connection: Connection, voter_id: str) -> VoterKind | None:
    """Whether a voter is a person or a judge; None if unknown."""
    kind = connection.execute(sa.select(VOTER.c.kind).where(VOTER.c.id == voter_id)).scalar()
    return None if kind is None else VoterKind(kind)


def write_battle(connection: Connection, battle: Battle, token_sha256: str) -> Battle:
    """Store a pair before it is shown; returns it with its id."""
    row = {
        "token_sha256": token_sha256,
        "voter_id": battle.voter_id,
        "cell": battle.cell.key,
        **battle.cell.model_dump(exclude={"key"}),
        **_side("left", battle.left),
        **_side("right", battle.right),
        **battle.model_dump(include={"rule", "propensity", "purpose", "salt", "created_at", "shown_at", "expires_at"}),
    }
    stored = connection.execute(BATTLE.insert().returning(BATTLE.c.id), row).scalar_one()
    return battle.model_copy(update={"id": int(stored)})


def _side(name: str, entry: Entry) -> dict[str, object]:
    return {
        f"{name}_contender": entry.contender,
        f"{name}_attempt_id": entry.attempt_id,
        f"{name}_position": entry.position,
        f"{name}_sha256": entry.sha256,
    }


def standing(connection: Connection, token_sha256: str) -> Standing | None:
    """The battle of a token and its vote, if there is one that was not taken back."""
    held = BATTLE.outerjoin(VOTE, (VOTE.c.battle_id == BATTLE.c.id) & VOTE.c.undone_at.is_(None))
    columns = [*BATTLE.c, *(VOTE.c[n].label(f"vote_{n}") for n in ("id", "verdict", "cast_at", "dwell_ms", "network"))]
    row = (
        connection.execute(sa.select(*columns).select_from(held).where(BATTLE.c.token_sha256 == token_sha256))
        .mappings()
        .first()
    )
    if row is None:
        return None
    battle = battle_of(dict(row))
    vote = None
    if row["vote_id"] is not None:
        vote = Vote(
            battle_id=battle.id,
            voter_id=battle.voter_id,
            verdict=Verdict(row["vote_verdict"]),
            cast_at=row["vote_cast_at"],
            dwell_ms=row["vote_dwell_ms"],
            network=row["vote_network"],
        )
    return Standing(battle, vote)


def battle_of(row: Mapping[str, Any]) -> Battle:
    """A battle from its row."""
    cell = Cell(
        key=row["cell"],
        prompt_id=row["prompt_id"],
        prompt_sha256=row["prompt_sha256"],
        mode=Mode(row["mode"]),
        category=row["category"],
        simulated=row["simulated"],
    )
    left, right = (
        Entry(
            contender=row[f"{side}_contender"],
            attempt_id=row[f"{side}_attempt_id"],
            position=row[f"{side}_position"],
            sha256=row[f"{side}_sha256"],
            cell=row["cell"],
        )
        for side in ("left", "right")
    )
    return Battle(
        id=row["id"],
        voter_id=row["voter_id"],
        cell=cell,
        left=left,
        right=right,
        rule=Rule(row["rule"]),
        propensity=row["propensity"],
        purpose=Purpose(row["purpose"]),
        salt=row["salt"],
        created_at=row["created_at"],
        shown_at=row["shown_at"],
        expires_at=row["expires_at"],
    )


def write_vote(
    connection: Connection, battle: Battle, vote: Vote, kind: VoterKind, quarantine: str | None = None
) -> bool:
    """Store a vote, set apart if there is a reason; False if its battle has one already, whatever races with it."""
    facts = FACTS.pack(
        battle.left.contender,
        battle.right.contender,
        key_of(f"{battle.cell.prompt_id}/{battle.cell.prompt_sha256}"),
        key_of(vote.voter_id),
        VERDICT_CODE[vote.verdict],
    )
    row = {
        **vote.model_dump(),
        "kind": kind,
        "mode": battle.cell.mode,
        "category": battle.cell.category,
        "simulated": battle.cell.simulated,
        "purpose": battle.purpose,
        "quarantine": quarantine,
        "facts": facts,
    }
    try:
        with connection.begin_nested():
            connection.execute(VOTE.insert(), row)
    except IntegrityError:
        return False
    return True


def mark_shown(connection: Connection, battle_id: int, at: datetime) -> None:
    """Note when a battle was first put on a screen; a later showing changes nothing."""
    unseen = (BATTLE.c.id == battle_id) & BATTLE.c.shown_at.is_(None)
    connection.execute(BATTLE.update().where(unseen).values(shown_at=at))


def hold_voter(connection: Connection, voter_id: str) -> None:
    """Let no other transaction vote for this voter until this one has ended, so that caps hold."""
    connection.execute(sa.select(VOTER.c.id).where(VOTER.c.id == voter_id).with_for_update())


def hold_network(connection: Connection, network: str) -> None:
    """Let no other transaction vote from this network until this one has ended; SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(key_of(f"network/{network}"))))


def is_taken(connection: Connection, battle: Battle) -> bool:
    """Whether this voter has been shown, or has open in another window, the same pair for the same purpose.

    A pair that was loaded, never shown, and has expired has been seen by nobody.
    """
    low, high = sorted((battle.left.contender, battle.right.contender))
    pair = sa.or_(
        *((BATTLE.c.left_contender == a) & (BATTLE.c.right_contender == b) for a, b in ((low, high), (high, low)))
    )
    query = sa.select(BATTLE.c.id).where(
        BATTLE.c.voter_id == battle.voter_id,
        BATTLE.c.cell == battle.cell.key,
        pair,
        BATTLE.c.shown_at.is_not(None) | (BATTLE.c.expires_at > battle.created_at),
    )
    if battle.purpose is Purpose.REPEAT:
        query = query.where(BATTLE.c.purpose == Purpose.REPEAT)
    return connection.execute(query).first() is not None


def was_voted(connection: Connection, battle_id: int) -> bool:
    """Whether a battle has, or ever had, a vote."""
    return connection.execute(sa.select(VOTE.c.id).where(VOTE.c.battle_id == battle_id)).first() is not None


def undo_vote(connection: Connection, battle_id: int, not_before: datetime, now: datetime) -> bool:
    """Take a vote back that was cast at `not_before` or later; the row stays, marked. Whether there was one."""
    mine = (VOTE.c.battle_id == battle_id) & VOTE.c.undone_at.is_(None) & (VOTE.c.cast_at >= not_before)
    return connection.execute(VOTE.update().where(mine).values(undone_at=now)).rowcount == 1


def votes_since(
    connection: Connection, since: datetime, *, voter_id: str | None = None, network: str | None = None
) -> int:
    """How many votes a voter, or a network prefix, has cast since an instant, those taken back included."""
    query = sa.select(sa.func.count()).select_from(VOTE).where(VOTE.c.cast_at >= since)
    if voter_id is not None:
        query = query.where(VOTE.c.voter_id == voter_id)
    if network is not None:
        query = query.where(VOTE.c.network == network)
    return int(connection.execute(query).scalar_one())


def battles_since(connection: Connection, since: datetime, voter_id: str) -> int:
    """How many pairs a voter was given since an instant."""
    query = sa.select(sa.func.count(BATTLE.c.id)).where(BATTLE.c.voter_id == voter_id, BATTLE.c.created_at >= since)
    return int(connection.execute(query).scalar_one())


def cost_and_time(connection: Connection, attempt_id: int | None) -> tuple[float | None, float | None]:
    """What an attempt cost in dollars and how long it took in milliseconds, as far as that is known."""
    columns = (ATTEMPT.c.cost_nano_usd, ATTEMPT.c.last_image_byte_ns)
    row = connection.execute(sa.select(*columns).where(ATTEMPT.c.id == attempt_id)).first()
    if row is None:
        return None, None
    cost = None if row.cost_nano_usd is None else row.cost_nano_usd / NANO_USD_PER_USD
    return cost, ms_from_ns(row.last_image_byte_ns)


@dataclass(frozen=True, slots=True)
class ShownPrompt:
    """What of a prompt is shown with a pair."""

    text: str
    sources: tuple[str, ...]


def prompt_shown(connection: Connection, prompt_id: str, sha256: str) -> ShownPrompt:
    """The text of a prompt and the names of its input images."""
    same = (PROMPT.c.id == prompt_id) & (PROMPT.c.sha256 == sha256)
    row = connection.execute(sa.select(PROMPT.c.text, PROMPT.c.sources_json).where(same)).one()
    return ShownPrompt(row.text, tuple(json.loads(row.sources_json)))


@dataclass(frozen=True, slots=True)
class Seen:
    """What a voter has been shown: pairs of contenders in a cell, and images whose maker was revealed.

    `waiting` are the images of pairs that may still be voted on, in another window perhaps.
    """

    pairs: frozenset[tuple[str, int, int]]
    revealed: frozenset[str]
    waiting: frozenset[str] = frozenset()

    def told(self, more: frozenset[str]) -> Seen:
        """The same after the makers of more images were revealed."""
        return replace(self, revealed=self.revealed | more) if more else self


def seen(connection: Connection, voter_id: str, now: datetime | None = None) -> Seen:
    """Everything that may not be shown to this voter again.

    A pair that was loaded, never shown, and has expired by `now` has been seen by nobody. Without `now` none has
    expired.
    """
    voted = sa.select(VOTE.c.battle_id).where(VOTE.c.voter_id == voter_id)
    query = sa.select(
        BATTLE.c.cell,
        BATTLE.c.left_contender,
        BATTLE.c.right_contender,
        BATTLE.c.left_sha256,
        BATTLE.c.right_sha256,
        BATTLE.c.expires_at,
        BATTLE.c.id.in_(voted).label("voted"),
    ).where(BATTLE.c.voter_id == voter_id)
    if now is not None:
        query = query.where(BATTLE.c.shown_at.is_not(None) | (BATTLE.c.expires_at > now))
    pairs, revealed, waiting = set(), set(), set()
    for row in connection.execute(query):
        low, high = sorted((row.left_contender, row.right_contender))
        pairs.add((row.cell, low, high))
        if row.voted:
            revealed |= {row.left_sha256, row.right_sha256}
        elif now is None or row.expires_at > now:
            waiting |= {row.left_sha256, row.right_sha256}
    return Seen(frozenset(pairs), frozenset(revealed), frozenset(waiting))
