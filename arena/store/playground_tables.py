"""What visitors of the playground have been promised of the day's money.

No `from __future__ import annotations` here: SQLModel reads the annotations at class creation.
"""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint
from sqlmodel import Field, SQLModel

__all__ = ["PlaygroundReservationRow"]


class PlaygroundReservationRow(SQLModel, table=True):
    """An amount that was set aside before anything was fired; released only if nothing was."""

    __tablename__ = "playground_reservation"
    __table_args__ = (CheckConstraint("amount_nano_usd >= 0", name="amount"),)
    token: str = Field(primary_key=True, max_length=64)
    at: datetime = Field(index=True)
    amount_nano_usd: int = Field(sa_type=BigInteger)
    run_id: str | None = Field(default=None, foreign_key="run.id")
    released_at: datetime | None = None
