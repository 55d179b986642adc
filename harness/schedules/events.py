"""What schedulers do, one line an event."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from arena.units import format_duration_s, format_usd, usd_from_nano

if TYPE_CHECKING:
    from datetime import datetime

    from arena.store.schedules import Missed, Unfinished
    from harness.schedules.files import Entry
    from harness.schedules.policy import Due


class EventKind(StrEnum):
    """`problem`: something to look at."""

    SEEN = "seen"
    BEGINS = "begins"
    RESUMES = "resumes"
    ENDED = "ended"
    MISSED = "missed"
    WAITS = "waits"
    PROBLEM = "problem"
    STOPPING = "stopping"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that a scheduler did or found. `slot` is in the schedule's zone; None: it is about no slot."""

    at: datetime
    kind: EventKind
    schedule: str | None
    slot: datetime | None
    text: str
    run_id: str | None = None

    def line(self) -> str:
        """Without a line break, whatever the text came from."""
        about = [self.schedule] if self.schedule else []
        about += [f"slot {self.slot:%Y-%m-%dT%H:%M%z}"] if self.slot else []
        words = f"{self.at:%Y-%m-%dT%H:%M:%SZ} {self.kind} {' '.join(about)}".rstrip()
        return " ".join(f"{words}: {self.text}".split())


def event(
    now: datetime, kind: EventKind, entry: Entry, slot_at: datetime | None, text: str, run_id: str | None = None
) -> Event:
    """An event of a schedule."""
    local = None if slot_at is None else entry.local(slot_at)
    return Event(now, kind, entry.schedule.name, local, text, run_id)


def missed_event(entry: Entry, missed: Missed, now: datetime) -> Event:
    """A slot does not run."""
    return event(now, EventKind.MISSED, entry, missed.slot_at, f"{missed.reason}: {missed.note}")


def begins_event(entry: Entry, due: Due, run_id: str, calls: int, allowance: int | None, now: datetime) -> Event:
    """A slot's run begins."""
    late_s = (now - due.due_at).total_seconds()
    late = f", {format_duration_s(late_s)} late" if late_s >= 1 else ""
    text = f"run {run_id}, {calls} calls, {may_spend(allowance)}{late}"
    return event(now, EventKind.BEGINS, entry, due.slot_at, text, run_id)


def waits_event(entry: Entry, due: Due, busy: Unfinished, now: datetime) -> Event:
    """A slot is due, and another run is executed on this machine, or an earlier one of the schedule."""
    text = f"until {busy.owner} has executed run {busy.run_id} of {busy.schedule}"
    return event(now, EventKind.WAITS, entry, due.slot_at, text)


def may_spend(allowance_nano_usd: int | None) -> str:
    """A run's budget, in words."""
    return "no budget" if allowance_nano_usd is None else f"at most {format_usd(usd_from_nano(allowance_nano_usd))}"
