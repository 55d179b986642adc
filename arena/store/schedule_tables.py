"""The tables of schedules: how far each is settled, what became of each slot, and each execution of a slot's run.

No `from __future__ import annotations` here: SQLModel reads the annotations at class creation.
"""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKeyConstraint, Index
from sqlmodel import Field, SQLModel

from arena.domain.run import RunStatus
from arena.domain.schedule import MissedBecause, SlotStatus
from arena.store.tables import one_of

__all__ = ["ExecutionRow", "ScheduleRow", "SlotRow"]


class ScheduleRow(SQLModel, table=True):
    """A schedule that was seen. Every slot up to `settled_until` is decided; what lies before it is never looked at."""

    __tablename__ = "schedule"
    name: str = Field(primary_key=True)
    cron: str
    timezone: str
    enabled: bool
    first_seen_at: datetime
    settled_until: datetime


class SlotRow(SQLModel, table=True):
    """A slot that began or was missed. Its key is what keeps two schedulers from running it both."""

    __tablename__ = "slot"
    __table_args__ = (
        one_of("status", SlotStatus),
        one_of("reason", MissedBecause),
        CheckConstraint("(status = 'missed') = (reason IS NOT NULL)", name="missed_with_reason"),
        CheckConstraint("(status = 'missed') = (run_id IS NULL)", name="run_unless_missed"),
    )
    schedule: str = Field(primary_key=True, foreign_key="schedule.name")
    slot_at: datetime = Field(primary_key=True)
    due_at: datetime
    status: str
    reason: str | None = None
    note: str | None = None
    run_id: str | None = Field(default=None, foreign_key="run.id", unique=True)
    failures: int = 0
    decided_at: datetime


class ExecutionRow(SQLModel, table=True):
    """One stretch of executing a slot's run. Until its cost is known, it counts with all that it reserved."""

    __tablename__ = "slot_execution"
    __table_args__ = (
        ForeignKeyConstraint(["schedule", "slot_at"], ["slot.schedule", "slot.slot_at"]),
        one_of("ended_as", RunStatus),
        CheckConstraint("(ended_at IS NULL) = (spent_nano_usd IS NULL)", name="spent_when_ended"),
        Index(None, "schedule", "month"),
        Index(None, "ended_at"),
    )
    schedule: str = Field(primary_key=True)
    slot_at: datetime = Field(primary_key=True)
    number: int = Field(primary_key=True)
    month: str = Field(max_length=7)
    began_at: datetime
    ended_at: datetime | None = None
    ended_as: str | None = None
    reserved_nano_usd: int | None = Field(default=None, sa_type=BigInteger)
    spent_nano_usd: int | None = Field(default=None, sa_type=BigInteger)
