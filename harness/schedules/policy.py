"""What becomes of slots that are past: which run, in which order, and why the others do not. A function of values.

A slot is late when a scheduler could have begun it `grace_s` ago. While schedulers were executing runs, of whatever
schedule, it could not be begun: scheduled runs of one machine never disturb each other's figures.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from arena.domain.schedule import CatchUp, MissedBecause, Overlap, Schedule
from arena.store.schedules import Missed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from arena.store.schedules import Span

NOBODY_THERE = "no scheduler was there when it was due"
STILL_RUNNING = "an earlier slot still ran"
LATER_DUE = "a later slot was due before it could begin"


@dataclass(frozen=True, slots=True)
class Due:
    """A slot, and when it is to begin."""

    slot_at: datetime
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Decision:
    """Slots that are to run, one after the other, and slots that do not run."""

    run: tuple[Due, ...]
    missed: tuple[Missed, ...]


def decide(
    schedule: Schedule, past: Sequence[Due], spans: Sequence[Span], now: datetime, *, finishing: bool
) -> Decision:
    """Decide about slots that were due by now.

    `spans` are the executions of all schedules' runs that reach into this time; `finishing`: an earlier slot's run of
    this schedule was cut short and comes first.
    """
    grace = timedelta(seconds=schedule.grace_s)
    missed: list[Missed] = []
    late: list[Due] = []
    on_time: list[Due] = []
    for due in past:
        if schedule.overlap is Overlap.SKIP and _fell_into(schedule.name, due, spans):
            missed.append(_missed(due, MissedBecause.OVERLAP, STILL_RUNNING))
        else:
            (late if now - _free_at(due.due_at, spans, grace) > grace else on_time).append(due)
    late = _caught_up(schedule, late, bool(on_time), missed)
    on_time = _not_overlapping(schedule, on_time, missed, finishing=finishing)
    wanted = sorted([*late, *on_time], key=lambda d: d.slot_at)
    excess = max(0, len(wanted) - schedule.backlog_most)
    for due in wanted[:excess]:
        reason = MissedBecause.OFF if due in late else MissedBecause.OVERLAP
        missed.append(_missed(due, reason, f"more than {schedule.backlog_most} slots waited"))
    return Decision(tuple(wanted[excess:]), tuple(sorted(missed, key=lambda m: m.slot_at)))


def _fell_into(name: str, due: Due, spans: Sequence[Span]) -> bool:
    return any(s.schedule == name and s.began_at <= due.due_at < s.ended_at for s in spans)


def _free_at(moment: datetime, spans: Sequence[Span], grace: timedelta) -> datetime:
    """From when on a scheduler could have begun something that was due at a moment: after what it was busy with."""
    for span in spans:  # in the order in which they began
        if span.began_at <= moment + grace and span.ended_at > moment:
            moment = span.ended_at
    return moment


def _caught_up(schedule: Schedule, late: list[Due], served: bool, missed: list[Missed]) -> list[Due]:
    """The late slots that run all the same."""
    if schedule.catch_up is CatchUp.ALL:
        return late
    keep = 0 if schedule.catch_up is CatchUp.NONE or served else 1
    dropped = late[: len(late) - keep]
    missed += [_missed(due, MissedBecause.OFF, NOBODY_THERE) for due in dropped]
    return late[len(dropped) :]


def _not_overlapping(schedule: Schedule, on_time: list[Due], missed: list[Missed], *, finishing: bool) -> list[Due]:
    """The slots of now that run: all if they may queue, else one, and none while an earlier slot's run is finished."""
    if schedule.overlap is Overlap.QUEUE or not on_time:
        return on_time
    keep, why = ([], STILL_RUNNING) if finishing else (on_time[-1:], LATER_DUE)
    missed += [_missed(due, MissedBecause.OVERLAP, why) for due in on_time[: len(on_time) - len(keep)]]
    return keep


def _missed(due: Due, reason: MissedBecause, note: str) -> Missed:
    return Missed(due.slot_at, due.due_at, reason, note)
