"""Letting go of what is old: image bytes, the records of single HTTP calls, and whole attempts. No figure changes.

A pruned image keeps its row, with hash, size and the day; a run whose calls or attempts are pruned says so. Images that
a standing vote was about, a battle that is open, or a gold pair stay. The figures of a run without its attempts are
computed from its digest (`arena.store.digests`), to the same last digit.

The bytes of an image are deleted in two steps, each in a transaction in which no run is being executed: the row is
marked, then the file is deleted if the row is still marked. A run that delivers the same bytes again in between finds
them and takes the mark off; a crash in between leaves a file too much, which the next pruning finds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import sqlalchemy as sa

from arena.domain.purpose import RunPurpose
from arena.domain.run import RunStatus
from arena.errors import RunBusyError, StoreError
from arena.store import digests
from arena.store.battles import RENDITION
from arena.store.owners import alive
from arena.store.runs import ARTIFACT, ATTEMPT, CALL, DIGEST, GLIMPSE, IMAGE, RUN, TRIAL
from arena.store.schema import METADATA

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import Connection

    from arena.store.blobs import BlobStore

BATTLE, VOTE, GOLD_PAIR = (METADATA.tables[name] for name in ("battle", "vote", "gold_pair"))
AT_ONCE = 500
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class StoredImage:
    """An image whose bytes are kept, and when it was last delivered. `needed`: by votes, open battles or gold pairs."""

    sha256: str
    size_bytes: int
    delivered_at: datetime
    needed: bool


@dataclass(frozen=True, slots=True)
class SettledRun:
    """A run that has ended, with the number of its recorded calls."""

    id: str
    ended_at: datetime
    calls: int


@dataclass(frozen=True, slots=True)
class SettledAttempts:
    """A run that has ended, with the number of its attempts."""

    id: str
    ended_at: datetime
    attempts: int


# -- images --------------------------------------------------------------------------------------------------------


def stored_images(connection: Connection, now: datetime) -> list[StoredImage]:
    """Every image whose bytes are kept, the one that was last delivered longest ago first."""
    needed = _needed(connection, now)
    newest = sa.func.max(ATTEMPT.c.intended_at)
    query = (
        sa.select(ARTIFACT.c.sha256, ARTIFACT.c.size_bytes, newest)
        .join(IMAGE, IMAGE.c.sha256 == ARTIFACT.c.sha256)
        .join(ATTEMPT, ATTEMPT.c.id == IMAGE.c.attempt_id)
        .where(ARTIFACT.c.pruned_at.is_(None))
        .group_by(ARTIFACT.c.sha256, ARTIFACT.c.size_bytes)
        .order_by(newest, ARTIFACT.c.sha256)
    )
    return [StoredImage(row[0], row[1], row[2], row[0] in needed) for row in connection.execute(query)]


def to_prune(
    images: Sequence[StoredImage], *, before: datetime | None, most_bytes: int | None, voted_too: bool = False
) -> list[StoredImage]:
    """Of images, oldest first: those last delivered before an instant, and as many as it takes to be that small."""
    left_bytes = sum(image.size_bytes for image in images)
    chosen = []
    for image in images:
        too_old = before is not None and image.delivered_at < before
        too_many = most_bytes is not None and left_bytes > most_bytes
        if (too_old or too_many) and (voted_too or not image.needed):
            chosen.append(image)
            left_bytes -= image.size_bytes
    return chosen


def mark_pruned(connection: Connection, sha256s: Sequence[str], now: datetime) -> None:
    """Note that the bytes of images are let go of. RunBusyError while a run is being executed."""
    refuse_while_running(connection, now, "prune images once it has ended")
    for part in _parts(sha256s):
        kept = ARTIFACT.c.sha256.in_(part) & ARTIFACT.c.pruned_at.is_(None)
        connection.execute(ARTIFACT.update().where(kept).values(pruned_at=now))


def delete_pruned(
    connection: Connection, blobs: BlobStore, renditions: BlobStore, sha256s: Sequence[str], now: datetime
) -> int:
    """Delete the files of images that are marked, and what was made of them to be shown; returns how many went."""
    refuse_while_running(connection, now, "prune images once it has ended")
    deleted = 0
    for part in _parts(sha256s):
        marked = ARTIFACT.c.sha256.in_(part) & ARTIFACT.c.pruned_at.is_not(None)
        query = (
            sa.select(ARTIFACT.c.sha256, RENDITION.c.sha256)
            .outerjoin(RENDITION, RENDITION.c.source_sha256 == ARTIFACT.c.sha256)
            .where(marked)
        )
        for sha256, rendition in connection.execute(query):
            deleted += blobs.delete(sha256)
            if rendition is not None:
                renditions.delete(rendition)
    return deleted


def left_over(connection: Connection, blobs: BlobStore) -> list[str]:
    """Images that are marked as pruned and whose files are there all the same."""
    query = sa.select(ARTIFACT.c.sha256).where(ARTIFACT.c.pruned_at.is_not(None))
    return [sha256 for sha256 in connection.execute(query).scalars() if blobs.path(sha256).exists()]


def pruned_at(connection: Connection, sha256: str) -> datetime | None:
    """When the bytes of an image were let go of; None if they were not."""
    found: datetime | None = connection.execute(
        sa.select(ARTIFACT.c.pruned_at).where(ARTIFACT.c.sha256 == sha256)
    ).scalar_one_or_none()
    return found


def _needed(connection: Connection, now: datetime) -> set[str]:
    standing = sa.select(VOTE.c.battle_id).where(VOTE.c.undone_at.is_(None))
    in_use = BATTLE.c.id.in_(standing) | (BATTLE.c.expires_at > now)
    found: set[str] = set()
    for side in ("left", "right"):
        same = IMAGE.c.attempt_id == BATTLE.c[f"{side}_attempt_id"]
        same &= IMAGE.c.position == BATTLE.c[f"{side}_position"]
        query = sa.select(IMAGE.c.sha256).distinct().select_from(BATTLE).join(IMAGE, same).where(in_use)
        found |= set(connection.execute(query).scalars())
    for column in (GOLD_PAIR.c.better_sha256, GOLD_PAIR.c.worse_sha256):
        found |= set(connection.execute(sa.select(column).where(GOLD_PAIR.c.withdrawn_at.is_(None))).scalars())
    return found


# -- calls ---------------------------------------------------------------------------------------------------------


def settled_runs(connection: Connection, before: datetime) -> list[SettledRun]:
    """Runs that ended before an instant and whose calls are still there, oldest first."""
    query = (
        sa.select(RUN.c.id, RUN.c.ended_at, sa.func.count())
        .join(TRIAL, TRIAL.c.run_id == RUN.c.id)
        .join(ATTEMPT, ATTEMPT.c.trial_id == TRIAL.c.id)
        .join(CALL, CALL.c.attempt_id == ATTEMPT.c.id)
        .where(RUN.c.status != RunStatus.RUNNING, RUN.c.ended_at < before)
        .group_by(RUN.c.id, RUN.c.ended_at)
        .order_by(RUN.c.ended_at)
    )
    return [SettledRun(*row) for row in connection.execute(query)]


def forget_calls(connection: Connection, run_id: str, now: datetime) -> None:
    """Delete the records of a run's calls. It can no longer be resumed: what failed calls may have cost is in them."""
    of_run = sa.select(ATTEMPT.c.id).join(TRIAL, TRIAL.c.id == ATTEMPT.c.trial_id).where(TRIAL.c.run_id == run_id)
    ended = (RUN.c.id == run_id) & (RUN.c.status != RunStatus.RUNNING)
    if connection.execute(RUN.update().where(ended).values(calls_pruned_at=now)).rowcount == 1:
        connection.execute(CALL.delete().where(CALL.c.attempt_id.in_(of_run)))


# -- attempts ------------------------------------------------------------------------------------------------------


def with_attempts(connection: Connection, before: datetime) -> list[SettledAttempts]:
    """Runs that ended before an instant and whose attempts are still there, oldest first.

    Those of a search for a limit or of a look at behaviour are not among them: what these found is read from waits and
    images, which no digest has.
    """
    query = (
        sa.select(RUN.c.id, RUN.c.ended_at, sa.func.count())
        .join(TRIAL, TRIAL.c.run_id == RUN.c.id)
        .join(ATTEMPT, ATTEMPT.c.trial_id == TRIAL.c.id)
        .where(RUN.c.status != RunStatus.RUNNING, RUN.c.ended_at < before, RUN.c.attempts_pruned_at.is_(None))
        .where(RUN.c.purpose.not_in((RunPurpose.CAPACITY, RunPurpose.BEHAVIOUR)))
        .group_by(RUN.c.id, RUN.c.ended_at)
        .order_by(RUN.c.ended_at)
    )
    return [SettledAttempts(*row) for row in connection.execute(query)]


def forget_attempts(connection: Connection, run_id: str, now: datetime) -> list[str]:
    """Delete a run's attempts, whose figures its digest keeps; returns the images that nobody delivered any more.

    Attempts whose images votes, battles or gold pairs are about stay, as those need them. StoreError without a digest:
    then the figures would go, too.
    """
    refuse_while_running(connection, now, "prune attempts once it has ended")
    has_digest = sa.select(DIGEST.c.run_id).where(DIGEST.c.run_id == run_id, DIGEST.c.version == digests.VERSION)
    if connection.execute(has_digest).first() is None:
        raise StoreError(f"run {run_id} has no digest that would keep its figures; `arena db upgrade` makes it")
    connection.execute(RUN.update().where(RUN.c.id == run_id).values(attempts_pruned_at=now, calls_pruned_at=now))
    gone = _attempts_to_go(connection, run_id)
    delivered: set[str] = set()
    for part in _parts(gone):
        delivered |= set(connection.execute(sa.select(IMAGE.c.sha256).where(IMAGE.c.attempt_id.in_(part))).scalars())
        for table in (CALL, IMAGE, GLIMPSE):
            connection.execute(table.delete().where(table.c.attempt_id.in_(part)))
        connection.execute(ATTEMPT.delete().where(ATTEMPT.c.id.in_(part)))
    still: set[str] = set()
    for hashes in _parts(sorted(delivered)):
        still |= set(connection.execute(sa.select(IMAGE.c.sha256).where(IMAGE.c.sha256.in_(hashes))).scalars())
    return sorted(delivered - still)


def _attempts_to_go(connection: Connection, run_id: str) -> list[int]:
    """The attempts of a run that no battle and no gold pair is about."""
    of_run = sa.select(ATTEMPT.c.id).join(TRIAL, TRIAL.c.id == ATTEMPT.c.trial_id).where(TRIAL.c.run_id == run_id)
    shown = sa.union(*(sa.select(BATTLE.c[f"{s}_attempt_id"]).where(BATTLE.c[f"{s}_attempt_id"].is_not(None))
                       for s in ("left", "right")))  # fmt: skip
    gold = sa.union(*(sa.select(c).where(GOLD_PAIR.c.withdrawn_at.is_(None))
                      for c in (GOLD_PAIR.c.better_sha256, GOLD_PAIR.c.worse_sha256)))  # fmt: skip
    known = sa.select(IMAGE.c.attempt_id).where(IMAGE.c.sha256.in_(gold))
    query = of_run.where(ATTEMPT.c.id.not_in(shown), ATTEMPT.c.id.not_in(known))
    return list(connection.execute(query).scalars())


def calls_pruned_at(connection: Connection, run_id: str) -> datetime | None:
    """When the records of a run's calls were deleted; None if they were not."""
    return _pruned_at(connection, RUN.c.calls_pruned_at, run_id)


def attempts_pruned_at(connection: Connection, run_id: str) -> datetime | None:
    """When the attempts of a run were deleted, all that no vote is about; None if they were not."""
    return _pruned_at(connection, RUN.c.attempts_pruned_at, run_id)


def _pruned_at(connection: Connection, column: sa.ColumnElement[Any], run_id: str) -> datetime | None:
    found: datetime | None = connection.execute(sa.select(column).where(RUN.c.id == run_id)).scalar_one_or_none()
    return found


def refuse_while_running(connection: Connection, now: datetime, then: str) -> None:
    """RunBusyError while a run is being executed; `then` is what to do instead."""
    running = sa.select(RUN.c.id, RUN.c.owner, RUN.c.heartbeat_at).where(RUN.c.status == RunStatus.RUNNING)
    for row in connection.execute(running):
        if alive(row.owner, row.heartbeat_at, now):
            raise RunBusyError(f"run {row.id} is being executed by {row.owner}; {then}")


def _parts(keys: Sequence[T]) -> list[Sequence[T]]:
    return [keys[i : i + AT_ONCE] for i in range(0, len(keys), AT_ONCE)]
