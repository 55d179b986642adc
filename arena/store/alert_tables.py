"""What was told of incidents, to whom and when; incidents themselves are computed, never stored.

No `from __future__ import annotations` here: SQLModel reads the annotations at class creation.
"""

from datetime import date, datetime

from sqlalchemy import CheckConstraint, UniqueConstraint
from sqlmodel import Field, SQLModel

from arena.store.tables import ROW_ID

__all__ = ["AlertRow"]


class AlertRow(SQLModel, table=True):
    """One message over one channel: that an incident began, or that it ended. `sent_at`: when the other side took it.

    A row without `sent_at` was claimed by a process that has not been able to deliver it.
    """

    __tablename__ = "alert"
    __table_args__ = (
        UniqueConstraint("incident", "event", "channel", name="uq_alert_incident_event_channel"),
        CheckConstraint("event IN ('opened', 'closed')", name="event"),
    )
    id: int | None = Field(default=None, primary_key=True, sa_type=ROW_ID)
    incident: str = Field(max_length=12)
    series: str = Field(index=True)
    noticed: date
    event: str
    channel: str
    claimed_at: datetime
    sent_at: datetime | None = None
    tries: int = 1
    complaint: str | None = None
