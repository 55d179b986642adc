"""The slots that have come since a schedule was last settled, and how far it is settled now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from arena.domain.schedule import MissedBecause
from arena.store import schedules
from arena.store.schedules import Missed
from harness.schedules.cron import Cron
from harness.schedules.policy import Due

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from arena.store.engine import Connection
    from harness.schedules.files import Entry

CLOCK_AHEAD = timedelta(minutes=10)
"""A schedule that is settled further than this into the future was seen by a clock that ran ahead."""


@dataclass(frozen=True, slots=True)
class Past:
    """Slots whose instant has come and that are not decided: those that are due, and those whose jitter runs."""

    due: tuple[Due, ...]
    jittering: tuple[datetime, ...]

    def settled(self, undecided: Collection[datetime], now: datetime) -> datetime:
        """Up to when all slots are decided, if these are not."""
        first = min([*undecided, *self.jittering], default=None)
        return now if first is None else first - timedelta(microseconds=1)


def past(connection: Connection, entry: Entry, settled_until: datetime, now: datetime) -> Past:
    """What has come by now."""
    slots = list(entry.cron.between(settled_until, now))
    if not slots:
        return Past((), ())
    decided = schedules.decided_since(connection, entry.schedule.name, settled_until)
    come = [Due(slot, entry.due_at(slot)) for slot in slots if slot not in decided]
    return Past(tuple(d for d in come if d.due_at <= now), tuple(d.slot_at for d in come if d.due_at > now))


def is_as_seen(entry: Entry, seen: schedules.Seen) -> bool:
    """Whether a schedule has the slots that it had when it was last seen."""
    schedule = entry.schedule
    return (seen.cron, seen.timezone, seen.enabled) == (schedule.cron, schedule.timezone, schedule.enabled)


def owed(connection: Connection, name: str, seen: schedules.Seen, now: datetime) -> list[Missed]:
    """The slots that a schedule still owed as it was before it was changed."""
    decided = schedules.decided_since(connection, name, seen.settled_until)
    slots = Cron(seen.cron, seen.timezone).between(seen.settled_until, now)
    note = "the schedule was changed or switched off before it could run"
    return [Missed(slot, slot, MissedBecause.CHANGED, note) for slot in slots if slot not in decided]


def next_due(entry: Entry, now: datetime) -> datetime | None:
    """When the next slot of a schedule is due; a slot whose instant has come may still be, by its jitter."""
    for slot in entry.cron.after(now - timedelta(seconds=entry.schedule.jitter_s)):
        due_at = entry.due_at(slot)
        if due_at > now:
            return due_at
    return None
