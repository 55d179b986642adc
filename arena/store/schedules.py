"""What is written about schedules, as functions of one connection: slots, their executions, and money by month.

Whoever decides about slots holds `lock` for its transaction, so two schedulers decide one after the other.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from arena.domain.run import RunStatus
from arena.domain.schedule import MissedBecause, SlotStatus
from arena.store.owners import alive
from arena.store.runs import RUN, insert_ignore
from arena.store.schema import METADATA

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import Connection

    from arena.domain.schedule import Schedule

SCHEDULE, SLOT, EXECUTION = (METADATA.tables[name] for name in ("schedule", "slot", "slot_execution"))
UNFINISHED = (SlotStatus.RUNNING, SlotStatus.INTERRUPTED)

# Asked at every look of a scheduler, so they are made once.
_SEEN = sa.select(SCHEDULE.c.name, SCHEDULE.c.cron, SCHEDULE.c.timezone, SCHEDULE.c.enabled, SCHEDULE.c.settled_until)
_SAME_SLOT = (EXECUTION.c.schedule == SLOT.c.schedule) & (EXECUTION.c.slot_at == SLOT.c.slot_at)
_LAST_EXECUTION = sa.select(sa.func.max(EXECUTION.c.number)).where(_SAME_SLOT).correlate(SLOT).scalar_subquery()
_UNFINISHED = (
    sa.select(
        SLOT.c.schedule,
        SLOT.c.slot_at,
        SLOT.c.failures,
        RUN.c.id,
        RUN.c.status,
        RUN.c.owner,
        RUN.c.heartbeat_at,
        EXECUTION.c.ended_at,
        EXECUTION.c.ended_as,
    )
    .join(RUN, RUN.c.id == SLOT.c.run_id)
    .join(EXECUTION, _SAME_SLOT & (EXECUTION.c.number == _LAST_EXECUTION))
    .where(SLOT.c.status.in_(UNFINISHED))
    .order_by(SLOT.c.slot_at)
)


@dataclass(frozen=True, slots=True)
class Seen:
    """How a schedule was when it was last seen, and up to when its slots are decided."""

    cron: str
    timezone: str
    enabled: bool
    settled_until: datetime


@dataclass(frozen=True, slots=True)
class Missed:
    """A slot that does not run, and why."""

    slot_at: datetime
    due_at: datetime
    reason: MissedBecause
    note: str


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A slot whose run has not ended, or whose end was not noted. `alive`: a process executes it."""

    schedule: str
    slot_at: datetime
    run_id: str
    run_status: RunStatus
    owner: str | None
    heard_at: datetime | None
    """When the process that executes it last gave a sign of life."""
    failures: int
    alive: bool
    open_execution: bool
    last_ended_at: datetime | None
    last_ended_as: str | None

    @property
    def on_this_machine(self) -> bool:
        """Whether the process that executes it is one of this machine's."""
        return self.owner is not None and self.owner.rsplit(":", 2)[0] == socket.gethostname()


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time in which a slot's run was executed."""

    schedule: str
    began_at: datetime
    ended_at: datetime


@dataclass(frozen=True, slots=True)
class PastSlot:
    """A decided slot, for people. `began_at` None: it never began. `spent_nano_usd` None: not known yet."""

    schedule: str
    slot_at: datetime
    status: SlotStatus
    reason: MissedBecause | None
    note: str | None
    run_id: str | None
    began_at: datetime | None
    ended_at: datetime | None
    executions: int
    spent_nano_usd: int | None


# -- schedules -----------------------------------------------------------------------------------------------------


def lock(connection: Connection) -> None:
    """Keep other schedulers from deciding anything until the transaction ends (SQLite's writers exclude each other)."""
    connection.execute(sa.select(SCHEDULE.c.name).order_by(SCHEDULE.c.name).with_for_update()).all()


def seen(connection: Connection) -> dict[str, Seen]:
    """How each schedule was last seen, by its name."""
    return {row[0]: Seen(*row[1:]) for row in connection.execute(_SEEN)}


def begin_schedule(connection: Connection, schedule: Schedule, now: datetime) -> None:
    """A schedule seen for the first time starts from now; if another scheduler was faster, its row stays."""
    row = {
        "name": schedule.name,
        "cron": schedule.cron,
        "timezone": schedule.timezone,
        "enabled": schedule.enabled,
        "first_seen_at": now,
        "settled_until": now,
    }
    insert_ignore(connection, SCHEDULE, [row])


def redefine(connection: Connection, schedule: Schedule, now: datetime) -> None:
    """From now on it is as it is given; what lies before is settled."""
    values = {
        "cron": schedule.cron,
        "timezone": schedule.timezone,
        "enabled": schedule.enabled,
        "settled_until": now,
    }
    connection.execute(SCHEDULE.update().where(SCHEDULE.c.name == schedule.name).values(values))


def settle_until(connection: Connection, name: str, moment: datetime) -> None:
    """Every slot up to this moment is decided."""
    connection.execute(SCHEDULE.update().where(SCHEDULE.c.name == name).values(settled_until=moment))


def forget_the_future(connection: Connection, name: str, now: datetime) -> None:
    """A clock that ran ahead has been put right: what it made of slots that are still to come does not count."""
    ahead = (SLOT.c.schedule == name) & (SLOT.c.slot_at > now) & (SLOT.c.status == SlotStatus.MISSED)
    connection.execute(SLOT.delete().where(ahead))
    settle_until(connection, name, now)


# -- slots ---------------------------------------------------------------------------------------------------------


def decided_since(connection: Connection, name: str, after: datetime) -> set[datetime]:
    """The slots after a moment that are decided already."""
    query = sa.select(SLOT.c.slot_at).where(SLOT.c.schedule == name, SLOT.c.slot_at > after)
    return set(connection.execute(query).scalars())


def write_missed(connection: Connection, name: str, missed: Sequence[Missed], now: datetime) -> None:
    """Record slots that do not run; what is decided already stays as it is."""
    rows = [
        {
            "schedule": name,
            "slot_at": m.slot_at,
            "due_at": m.due_at,
            "status": SlotStatus.MISSED,
            "reason": m.reason,
            "note": m.note,
            "run_id": None,
            "failures": 0,
            "decided_at": now,
        }
        for m in missed
    ]
    if rows:
        insert_ignore(connection, SLOT, rows)


def claim(connection: Connection, name: str, slot_at: datetime, due_at: datetime, run_id: str, now: datetime) -> None:
    """Make a slot this run's. IntegrityError if it is decided already: nobody claims a slot twice."""
    row = {
        "schedule": name,
        "slot_at": slot_at,
        "due_at": due_at,
        "status": SlotStatus.RUNNING,
        "run_id": run_id,
        "failures": 0,
        "decided_at": now,
    }
    connection.execute(SLOT.insert(), row)


def set_slot(
    connection: Connection,
    name: str,
    slot_at: datetime,
    status: SlotStatus,
    *,
    note: str | None = None,
    failed: bool = False,
) -> None:
    """Change what became of a slot; `failed` counts one more execution that an error of ours has ended."""
    values = {"status": status, "note": note, "failures": SLOT.c.failures + int(failed)}
    connection.execute(SLOT.update().where(SLOT.c.schedule == name, SLOT.c.slot_at == slot_at).values(values))


def unfinished(connection: Connection, now: datetime, me: str) -> list[Unfinished]:
    """The slots of all schedules that are running or were cut short, oldest first.

    `me` asks while it executes nothing: what is still marked as its own was cut short.
    """
    return [
        Unfinished(
            row.schedule,
            row.slot_at,
            row.id,
            RunStatus(row.status),
            row.owner,
            row.heartbeat_at,
            row.failures,
            row.status == RunStatus.RUNNING and row.owner != me and alive(row.owner, row.heartbeat_at, now),
            row.ended_at is None,
            row.ended_at,
            row.ended_as,
        )
        for row in connection.execute(_UNFINISHED)
    ]


# -- executions and money ------------------------------------------------------------------------------------------


def begin_execution(
    connection: Connection, name: str, slot_at: datetime, month: str, reserved_nano_usd: int | None, now: datetime
) -> None:
    """Reserve money for one stretch of executing a slot's run, before any of it is spent."""
    before = sa.select(sa.func.count()).where(EXECUTION.c.schedule == name, EXECUTION.c.slot_at == slot_at)
    row = {
        "schedule": name,
        "slot_at": slot_at,
        "number": 1 + connection.execute(before).scalar_one(),
        "month": month,
        "began_at": now,
        "reserved_nano_usd": reserved_nano_usd,
    }
    connection.execute(EXECUTION.insert(), row)


def end_execution(
    connection: Connection, name: str, slot_at: datetime, run_spent_nano_usd: int | None, ended_as: str, now: datetime
) -> int:
    """Put what an execution cost in the place of what it reserved; returns that.

    `run_spent_nano_usd` is what the run has cost in all; None: that cannot be told, and what was reserved counts.
    """
    mine = (EXECUTION.c.schedule == name) & (EXECUTION.c.slot_at == slot_at)
    earlier = connection.execute(sa.select(sa.func.sum(EXECUTION.c.spent_nano_usd)).where(mine)).scalar_one()
    is_open = mine & EXECUTION.c.ended_at.is_(None)
    if run_spent_nano_usd is None:
        reserved = connection.execute(sa.select(EXECUTION.c.reserved_nano_usd).where(is_open)).scalar_one_or_none()
        spent = int(reserved or 0)
    else:
        spent = max(0, run_spent_nano_usd - int(earlier or 0))
    values = {"ended_at": now, "ended_as": ended_as, "spent_nano_usd": spent}
    connection.execute(EXECUTION.update().where(is_open).values(values))
    return spent


def month_spent_nano_usd(connection: Connection, name: str, month: str) -> int:
    """What a schedule's executions of a month (`2026-11`) have cost, and what those under way have reserved."""
    amount = sa.func.coalesce(EXECUTION.c.spent_nano_usd, EXECUTION.c.reserved_nano_usd, 0)
    query = sa.select(sa.func.sum(amount)).where(EXECUTION.c.schedule == name, EXECUTION.c.month == month)
    return int(connection.execute(query).scalar_one() or 0)


def spans(connection: Connection, since: datetime, now: datetime) -> list[Span]:
    """When runs of slots were executed, as far as that reaches beyond `since`.

    One whose process died ended when it was last heard of.
    """
    same = (SLOT.c.schedule == EXECUTION.c.schedule) & (SLOT.c.slot_at == EXECUTION.c.slot_at)
    query = (
        sa.select(
            EXECUTION.c.schedule,
            EXECUTION.c.began_at,
            EXECUTION.c.ended_at,
            RUN.c.status,
            RUN.c.owner,
            RUN.c.heartbeat_at,
        )
        .join(SLOT, same)
        .join(RUN, RUN.c.id == SLOT.c.run_id)
        .where(EXECUTION.c.ended_at.is_(None) | (EXECUTION.c.ended_at >= since))
        .order_by(EXECUTION.c.began_at)
    )
    found = []
    for row in connection.execute(query):
        running = row.status == RunStatus.RUNNING and alive(row.owner, row.heartbeat_at, now)
        ended_at = row.ended_at or (now if running else max(row.began_at, row.heartbeat_at or row.began_at))
        found.append(Span(row.schedule, row.began_at, ended_at))
    return found


def past_slots(connection: Connection, names: Sequence[str] | None, limit: int) -> list[PastSlot]:
    """Decided slots, newest first."""
    same = (EXECUTION.c.schedule == SLOT.c.schedule) & (EXECUTION.c.slot_at == SLOT.c.slot_at)
    count = sa.func.count(EXECUTION.c.number)
    ended = sa.case((count == sa.func.count(EXECUTION.c.ended_at), sa.func.max(EXECUTION.c.ended_at)))
    spent = sa.case((count == sa.func.count(EXECUTION.c.ended_at), sa.func.sum(EXECUTION.c.spent_nano_usd)))
    columns = (SLOT.c.schedule, SLOT.c.slot_at, SLOT.c.status, SLOT.c.reason, SLOT.c.note, SLOT.c.run_id)
    query = (
        sa.select(*columns, sa.func.min(EXECUTION.c.began_at), ended, count, spent)
        .outerjoin(EXECUTION, same)
        .group_by(*columns)
        .order_by(SLOT.c.slot_at.desc(), SLOT.c.schedule)
        .limit(limit)
    )
    if names is not None:
        query = query.where(SLOT.c.schedule.in_(names))
    return [
        PastSlot(
            row[0],
            row[1],
            SlotStatus(row[2]),
            None if row[3] is None else MissedBecause(row[3]),
            row[4],
            row[5],
            row[6],
            row[7],
            int(row[8]),
            None if row[9] is None else int(row[9]),
        )
        for row in connection.execute(query)
    ]
