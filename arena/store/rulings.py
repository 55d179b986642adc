"""Who and what is set apart, by whom, and why; rulings are added, and the latest one counts.

A vote that is set apart carries its reason (`vote.quarantine`), so that what rates and what does not is one column. A
reason is a few words, with more after a colon; boards count by the words before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from arena.domain.check import Ruler, Ruling
from arena.store.battles import BATTLE, VOTE
from arena.store.schema import METADATA

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import Connection

RULING = METADATA.tables["ruling"]
CAPPED_VOTER = "over the cap of votes a day by one voter"
CAPPED_NETWORK = "over the cap of votes a day from one network"


def rule(connection: Connection, ruling: Ruling) -> None:
    """Add a ruling, and mark the votes that it is about; an image's is marked by who keeps images out."""
    connection.execute(RULING.insert(), ruling.model_dump())
    if ruling.vote_id is not None:
        reason = ruling.reason if ruling.apart else None
        connection.execute(VOTE.update().where(VOTE.c.id == ruling.vote_id).values(quarantine=reason))
    if ruling.voter_id is not None:
        _mark_voter(connection, ruling)


def _mark_voter(connection: Connection, ruling: Ruling) -> None:
    """Set the votes of a voter apart that stand for no reason of their own, or take those back in that a ruling set."""
    mine = VOTE.c.voter_id == ruling.voter_id
    said = sa.select(RULING.c.reason).where(RULING.c.voter_id == ruling.voter_id, RULING.c.apart)
    of_voter = VOTE.c.quarantine.in_(said)
    if not ruling.apart:
        connection.execute(VOTE.update().where(mine, of_voter).values(quarantine=None))
        return
    latest = sa.select(sa.func.max(RULING.c.id)).where(RULING.c.vote_id.is_not(None)).group_by(RULING.c.vote_id)
    released = sa.select(RULING.c.vote_id).where(RULING.c.id.in_(latest), ~RULING.c.apart)
    changed = mine & (VOTE.c.quarantine.is_(None) | of_voter) & VOTE.c.id.not_in(released)
    connection.execute(VOTE.update().where(changed).values(quarantine=ruling.reason))


def ruling_on_voter(connection: Connection, voter_id: str) -> Ruling | None:
    """What counts for a voter: the operator's latest word, or the house's where the operator has said nothing."""
    return _latest(connection, RULING.c.voter_id == voter_id).get(voter_id)


def rulings_on_voters(connection: Connection) -> dict[str, Ruling]:
    """What counts for each voter about whom anything was said."""
    return _latest(connection, RULING.c.voter_id.is_not(None))


def rulings_on_images(connection: Connection) -> dict[str, Ruling]:
    """What counts for each image about which anything was said."""
    return _latest(connection, RULING.c.image_sha256.is_not(None))


def rulings_on_votes(connection: Connection) -> dict[int, Ruling]:
    """What counts for each single vote about which anything was said."""
    return _latest(connection, RULING.c.vote_id.is_not(None))


def _latest(connection: Connection, which: sa.ColumnElement[bool]) -> dict[Any, Ruling]:
    found: dict[Any, Ruling] = {}
    rows = connection.execute(sa.select(RULING).where(which).order_by(RULING.c.id)).mappings()
    for ruling in (Ruling.model_validate({k: v for k, v in row.items() if k != "id"}) for row in rows):
        subject = ruling.voter_id or ruling.vote_id or ruling.image_sha256
        known = found.get(subject)
        if known is None or ruling.by is Ruler.OPERATOR or known.by is Ruler.HOUSE:
            found[subject] = ruling
    return found


def vote_exists(connection: Connection, vote_id: int) -> bool:
    """Whether there is such a vote."""
    return connection.execute(sa.select(VOTE.c.id).where(VOTE.c.id == vote_id)).first() is not None


@dataclass(frozen=True, slots=True)
class SetApart:
    """Votes of one voter that are set apart for one reason; `last_at` is when the latest of them was cast."""

    voter_id: str
    reason: str
    votes: int
    vote_ids: tuple[int, ...]
    last_at: datetime


def set_apart(connection: Connection) -> list[SetApart]:
    """Every vote that is set apart and was not taken back, by voter and reason, the most votes first."""
    query = sa.select(VOTE.c.id, VOTE.c.voter_id, VOTE.c.quarantine, VOTE.c.cast_at).where(
        VOTE.c.quarantine.is_not(None), VOTE.c.undone_at.is_(None)
    )
    grouped: dict[tuple[str, str], list[tuple[int, datetime]]] = {}
    for row in connection.execute(query.order_by(VOTE.c.id)):
        grouped.setdefault((row.voter_id, row.quarantine), []).append((row.id, row.cast_at))
    found = [
        SetApart(voter, reason, len(votes), tuple(i for i, _ in votes), max(at for _, at in votes))
        for (voter, reason), votes in grouped.items()
    ]
    return sorted(found, key=lambda s: (-s.votes, s.voter_id, s.reason))


def mark_over_caps(connection: Connection, per_voter: int | None, per_network: int | None, now: datetime) -> int:
    """Set votes apart that were cast here over a cap in a sliding day, take back in those that no longer are.

    Votes that stand aside for another reason stay so, and so do single votes that the operator released. Returns how
    many are over a cap. Votes are refused over a cap when they are cast, so this finds what a stricter cap finds later.
    """
    query = (
        sa.select(VOTE.c.id, VOTE.c.voter_id, VOTE.c.network, VOTE.c.cast_at, VOTE.c.quarantine)
        .join(BATTLE, BATTLE.c.id == VOTE.c.battle_id)
        .where(BATTLE.c.salt != "")
        .order_by(VOTE.c.cast_at, VOTE.c.id)
    )
    rows = list(connection.execute(query))
    over: dict[int, str] = {}
    for most, column, reason in (
        (per_network, "network", CAPPED_NETWORK),
        (per_voter, "voter_id", CAPPED_VOTER),
    ):
        if most is not None:
            over |= dict.fromkeys(_over(rows, column, most), reason)
    kept = {vote_id for vote_id, said in rulings_on_votes(connection).items() if said.by is Ruler.OPERATOR}
    for row in rows:
        wanted = over.get(row.id)
        mine = row.quarantine in {None, CAPPED_VOTER, CAPPED_NETWORK}
        if mine and row.quarantine != wanted and row.id not in kept:
            said = wanted or "no longer over a cap"
            rule(connection, Ruling(vote_id=row.id, apart=wanted is not None, reason=said, by=Ruler.HOUSE, at=now))
    return len(over)


def _over(rows: Sequence[Any], column: str, most: int) -> list[int]:
    """The votes before which, within a day, as many as are allowed were cast by the same voter or network."""
    by_owner: dict[str, list[datetime]] = {}
    found = []
    for row in rows:
        owner = getattr(row, column)
        if owner is None:
            continue
        times = by_owner.setdefault(owner, [])
        if len(times) >= most and times[-most] >= row.cast_at - timedelta(days=1):
            found.append(row.id)
        else:
            times.append(row.cast_at)
    return found
