"""Decides about slots and claims them: which run is to begin, or to be resumed, now.

All of it happens in transactions that exclude other schedulers': what is missed is written, a run is made together with
the claim of its slot and the reservation of its money, and a run whose process died is taken over together with the
settlement of what it had spent. So it may be called by anybody, at any moment, on any machine.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from arena.domain.run import RunStatus
from arena.domain.schedule import MissedBecause, SlotStatus
from arena.errors import ArenaError
from arena.store import owners, runs, schedules
from arena.store.schedules import Missed, Seen, Unfinished
from arena.units import format_usd, usd_from_nano
from harness.plan import check_keys
from harness.schedules import funds
from harness.schedules.events import EventKind, begins_event, event, may_spend, missed_event, waits_event
from harness.schedules.past import CLOCK_AHEAD, is_as_seen, next_due, owed, past
from harness.schedules.policy import decide
from harness.session import Session, begin, recall, spent_nano_usd, take_over

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from arena.catalog import Catalog
    from arena.settings import Settings
    from arena.store.engine import Connection, Database
    from harness.plan import Prepared
    from harness.schedules.events import Event
    from harness.schedules.files import Entry
    from harness.schedules.policy import Decision

MOST_FAILURES = 3
"""After so many executions that an error of ours has ended, a slot is given up."""
RETRY_AFTER = timedelta(minutes=5)
ENDED = frozenset({RunStatus.FINISHED, RunStatus.BUDGET})


@dataclass(frozen=True, slots=True)
class Work:
    """A claimed slot, with the run that this process now holds."""

    entry: Entry
    slot_at: datetime
    session: Session


class Dispatcher:
    """Over the schedules that it is given; `tell` hears what it does, after it is durable.

    Asked only while its process executes no run of a schedule.
    """

    def __init__(
        self,
        database: Database,
        settings: Settings,
        catalog: Catalog,
        entries: Sequence[Entry],
        environ: Mapping[str, str],
        tell: Callable[[Event], None],
    ) -> None:
        self._database, self._settings, self._catalog, self._environ = database, settings, catalog, environ
        self.entries = tuple(entries)
        self._tell = tell
        self._not_resumed: dict[str, datetime] = {}  # when a run could last not be taken over

    def next_work(self, now: datetime) -> Work | None:
        """Decide about everything that is due by now; the run that is to be executed first, or None."""
        with self._database.read() as connection:
            unfinished, seen = _unfinished(connection, now), schedules.seen(connection)
            since = [(_waiting_since(connection, entry, seen, unfinished, now), entry) for entry in self.entries]
        waiting = [(moment, entry) for moment, entry in since if moment is not None]
        for _, entry in sorted(waiting, key=lambda w: (w[0], w[1].schedule.name)):
            work = self._attend(entry, now)
            if work is not None:
                return work
        return None

    def next_due(self, now: datetime) -> datetime | None:
        """When the next slot of any schedule is due."""
        coming = [next_due(entry, now) for entry in self.entries if entry.schedule.enabled]
        return min((due for due in coming if due is not None), default=None)

    def ended(self, work: Work, status: RunStatus, now: datetime, problem: str | None = None) -> None:
        """Note how an execution ended and what it cost; `problem` is the sentence of an error of ours."""
        name, run_id = work.entry.schedule.name, work.session.run.id
        with self._database.write() as connection:
            schedules.lock(connection)
            total = spent_nano_usd(connection, work.session.prepared, run_id)
            spent = schedules.end_execution(connection, name, work.slot_at, total, status, now)
            _conclude(connection, name, work.slot_at, status, problem, now)
        said = f"run {run_id} {status}, {format_usd(usd_from_nano(spent))} spent at most"
        text = f"{said}: {problem}" if problem else said
        self._tell(event(now, EventKind.ENDED, work.entry, work.slot_at, text, run_id))

    # -- deciding ------------------------------------------------------------------------------------------------------

    def _attend(self, entry: Entry, now: datetime) -> Work | None:
        """Decide about one schedule, and claim what is to run next."""
        told: list[Event] = []
        prepared = self._usable(entry, now) if entry.schedule.enabled else None
        with self._database.write() as connection:
            schedules.lock(connection)
            settled_until = _seen(connection, entry, now, told)
            if prepared is None:
                self._give_up(connection, entry, now, told)
                work, cut_short = None, None
            else:
                work, cut_short = self._decide(connection, entry, prepared, settled_until, now, told)
        for one in told:
            self._tell(one)
        return self._resumed(entry, cut_short, now) if cut_short is not None else work

    def _usable(self, entry: Entry, now: datetime) -> Prepared | ArenaError:
        try:
            return funds.usable(entry, self._catalog, self._environ, now.date())
        except ArenaError as error:
            return error

    def _decide(
        self,
        connection: Connection,
        entry: Entry,
        prepared: Prepared | ArenaError,
        settled_until: datetime,
        now: datetime,
        told: list[Event],
    ) -> tuple[Work | None, Unfinished | None]:
        """What is claimed, or else the slot whose run is to be resumed first."""
        name = entry.schedule.name
        unfinished = [u for u in _unfinished(connection, now) if not self._closed(connection, entry, u, now, told)]
        cut_short = next((u for u in unfinished if u.schedule == name and not u.alive), None)
        busy = next((u for u in unfinished if u.alive and (u.schedule == name or u.on_this_machine)), None)
        come = past(connection, entry, settled_until, now)
        spans = schedules.spans(connection, come.due[0].due_at, now) if come.due else []
        decision = decide(entry.schedule, come.due, spans, now, finishing=cut_short is not None)
        work, missed = None, list(decision.missed)
        if busy is not None and decision.run:
            told.append(waits_event(entry, decision.run[0], busy, now))
        elif cut_short is None:
            work, unpaid = self._claimed(connection, entry, prepared, decision, now, told)
            missed += unpaid
        schedules.write_missed(connection, name, missed, now)
        told[:0] = [missed_event(entry, m, now) for m in missed]
        decided = {m.slot_at for m in missed} | ({work.slot_at} if work else set())
        undecided = [due.slot_at for due in come.due if due.slot_at not in decided]
        schedules.settle_until(connection, name, max(settled_until, come.settled(undecided, now)))
        return work, None if busy else cut_short

    # -- claiming ------------------------------------------------------------------------------------------------------

    def _claimed(
        self,
        connection: Connection,
        entry: Entry,
        prepared: Prepared | ArenaError,
        decision: Decision,
        now: datetime,
        told: list[Event],
    ) -> tuple[Work | None, list[Missed]]:
        """The first slot that can be paid for, with its run; and those before it that cannot run."""
        missed: list[Missed] = []
        for due in decision.run:
            if isinstance(prepared, ArenaError):
                missed.append(Missed(due.slot_at, due.due_at, MissedBecause.UNUSABLE, str(prepared)))
                continue
            allowance = funds.allowance_nano_usd(connection, entry, now)
            try:
                funds.check_month(entry, prepared, allowance, now)
            except funds.MonthUsedUpError as error:
                missed.append(Missed(due.slot_at, due.due_at, MissedBecause.BUDGET, str(error)))
                continue
            session = begin(connection, prepared, self._settings, usd_from_nano(allowance), now)
            name, run_id = entry.schedule.name, session.run.id
            schedules.claim(connection, name, due.slot_at, due.due_at, run_id, now)
            reserved = funds.reserved_nano_usd(prepared, allowance)
            schedules.begin_execution(connection, name, due.slot_at, entry.month(now), reserved, now)
            told.append(begins_event(entry, due, run_id, len(session.trials), allowance, now))
            return Work(entry, due.slot_at, session), missed
        return None, missed

    def _resumed(self, entry: Entry, cut_short: Unfinished, now: datetime) -> Work | None:
        """Take over the run of a slot that was cut short; None if that cannot be done now."""
        if cut_short.last_ended_as == RunStatus.FAILED and now < (cut_short.last_ended_at or now) + RETRY_AFTER:
            return None
        slot_at, run_id = cut_short.slot_at, cut_short.run_id
        if run_id in self._not_resumed and now < self._not_resumed[run_id] + RETRY_AFTER:
            return None
        try:
            with self._database.write() as connection:
                schedules.lock(connection)
                session, allowance = self._taken_over(connection, entry, cut_short, now)
        except ArenaError as error:
            self._not_resumed[run_id] = now
            with self._database.write() as connection:
                schedules.lock(connection)
                self._settle(connection, cut_short, RunStatus.FAILED, now)
                given_up = _failed(connection, entry.schedule.name, slot_at, str(error), now)
            then = "given up" if given_up else "tried again later"
            text = f"run {run_id} cannot be resumed, {then}: {error}"
            self._tell(event(now, EventKind.PROBLEM, entry, slot_at, text, run_id))
            return None
        text = f"run {run_id}, {len(session.trials)} calls are left, {may_spend(allowance)}"
        if session.became_unknown:
            text += f"; {session.became_unknown} were in flight when it was cut off and stay unknown"
        self._tell(event(now, EventKind.RESUMES, entry, slot_at, text, run_id))
        return Work(entry, slot_at, session)

    def _taken_over(
        self, connection: Connection, entry: Entry, cut_short: Unfinished, now: datetime
    ) -> tuple[Session, int | None]:
        """The run, held by this process; what it spent is settled, and what it may spend from now on is reserved."""
        name, slot_at = entry.schedule.name, cut_short.slot_at
        session = take_over(connection, self._catalog, runs.get_run(connection, cut_short.run_id), now)
        check_keys(session.prepared, self._environ)
        if cut_short.open_execution:
            ended_at = cut_short.heard_at or now
            spent = session.spent_nano_usd
            schedules.end_execution(connection, name, slot_at, spent, RunStatus.INTERRUPTED, ended_at)
        allowance = funds.allowance_nano_usd(connection, entry, now, session.spent_nano_usd)
        if allowance is not None:
            budget = session.spent_nano_usd + allowance
            runs.set_budget(connection, session.run.id, budget)
            session = replace(session, run=session.run.model_copy(update={"budget_nano_usd": budget}))
        reserved = funds.reserved_nano_usd(session.prepared, allowance)
        schedules.begin_execution(connection, name, slot_at, entry.month(now), reserved, now)
        schedules.set_slot(connection, name, slot_at, SlotStatus.RUNNING)
        return session, allowance

    def _closed(self, connection: Connection, entry: Entry, slot: Unfinished, now: datetime, told: list[Event]) -> bool:
        """Whether a slot's run has ended although that was not noted: its process died, or a person finished it."""
        if slot.schedule != entry.schedule.name or slot.run_status not in ENDED:
            return False
        total = self._cost(connection, slot)
        if not slot.open_execution:
            schedules.begin_execution(connection, slot.schedule, slot.slot_at, entry.month(now), 0, now)
        schedules.end_execution(connection, slot.schedule, slot.slot_at, total, slot.run_status, now)
        _conclude(connection, slot.schedule, slot.slot_at, slot.run_status, None, now)
        text = f"run {slot.run_id} {slot.run_status}"
        told.append(event(now, EventKind.ENDED, entry, slot.slot_at, text, slot.run_id))
        return True

    def _give_up(self, connection: Connection, entry: Entry, now: datetime, told: list[Event]) -> None:
        """A schedule that is switched off resumes nothing."""
        note = "switched off before its run could be resumed"
        for slot in _unfinished(connection, now):
            if slot.schedule == entry.schedule.name and not slot.alive:
                self._settle(connection, slot, RunStatus.INTERRUPTED, now)
                schedules.set_slot(connection, slot.schedule, slot.slot_at, SlotStatus.FAILED, note=note)
                told.append(event(now, EventKind.ENDED, entry, slot.slot_at, f"run {slot.run_id}: {note}", slot.run_id))

    def _settle(self, connection: Connection, slot: Unfinished, ended_as: RunStatus, now: datetime) -> None:
        """End the execution of a process that died, when it was last heard of, with what its run has cost."""
        if slot.open_execution:
            total, ended_at = self._cost(connection, slot), slot.heard_at or now
            schedules.end_execution(connection, slot.schedule, slot.slot_at, total, ended_as, ended_at)

    def _cost(self, connection: Connection, slot: Unfinished) -> int | None:
        """What the run of a slot has cost; None if that cannot be told: what was reserved counts then."""
        try:
            return spent_nano_usd(connection, recall(connection, self._catalog, slot.run_id), slot.run_id)
        except ArenaError:
            return None


def _waiting_since(
    connection: Connection, entry: Entry, known: Mapping[str, Seen], unfinished: Sequence[Unfinished], now: datetime
) -> datetime | None:
    """Since when something waits to be decided about a schedule; None if nothing does. Reads only."""
    name, enabled = entry.schedule.name, entry.schedule.enabled
    cut_short = [u for u in unfinished if u.schedule == name and not u.alive]
    if cut_short:
        return cut_short[0].slot_at
    seen = known.get(name)
    if seen is None:
        return now if enabled else None
    if not is_as_seen(entry, seen) or (enabled and seen.settled_until > now + CLOCK_AHEAD):
        return now
    due = past(connection, entry, seen.settled_until, now).due if enabled else ()
    return due[0].due_at if due else None


def _unfinished(connection: Connection, now: datetime) -> list[Unfinished]:
    return schedules.unfinished(connection, now, owners.new_owner())


def _seen(connection: Connection, entry: Entry, now: datetime, told: list[Event]) -> datetime:
    """Note a schedule as it is now; returns up to when its slots are decided.

    One seen for the first time starts from now. So does one that was changed or switched on: its new slots are not
    looked for in the past, and what its old ones still owed is missed.
    """
    schedule = entry.schedule
    seen = schedules.seen(connection).get(schedule.name)
    if seen is None:
        schedules.begin_schedule(connection, schedule, now)
        told.append(event(now, EventKind.SEEN, entry, None, "seen for the first time; its slots count from now"))
        return now
    if is_as_seen(entry, seen):
        if seen.settled_until > now + CLOCK_AHEAD:
            schedules.forget_the_future(connection, schedule.name, now)
            told.append(event(now, EventKind.PROBLEM, entry, None, "was settled by a clock that ran ahead"))
            return now
        return seen.settled_until
    if seen.enabled:
        missed = owed(connection, schedule.name, seen, now)
        schedules.write_missed(connection, schedule.name, missed, now)
        told += [missed_event(entry, m, now) for m in missed]
    schedules.redefine(connection, schedule, now)
    what = "changed; its slots count from now" if schedule.enabled else "switched off"
    told.append(event(now, EventKind.SEEN, entry, None, what))
    return now


def _conclude(
    connection: Connection, name: str, slot_at: datetime, status: RunStatus, problem: str | None, now: datetime
) -> None:
    if status in ENDED:
        note = "stopped by its budget" if status is RunStatus.BUDGET else None
        schedules.set_slot(connection, name, slot_at, SlotStatus.DONE, note=note)
    elif status is RunStatus.INTERRUPTED:
        schedules.set_slot(connection, name, slot_at, SlotStatus.INTERRUPTED)
    else:
        _failed(connection, name, slot_at, problem, now)


def _failed(connection: Connection, name: str, slot_at: datetime, problem: str | None, now: datetime) -> bool:
    """One more failure; True if the slot is given up by that."""
    slot = next((u for u in _unfinished(connection, now) if (u.schedule, u.slot_at) == (name, slot_at)), None)
    given_up = slot is not None and slot.failures + 1 >= MOST_FAILURES
    status = SlotStatus.FAILED if given_up else SlotStatus.INTERRUPTED
    schedules.set_slot(connection, name, slot_at, status, note=problem, failed=True)
    return given_up
