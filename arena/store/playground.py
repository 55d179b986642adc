"""The playground's purse: an amount is set aside in one transaction before anything is fired, and once a click."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import sqlalchemy as sa

from arena.errors import BudgetError
from arena.store.schema import METADATA
from arena.units import NANO_USD_PER_USD, format_usd, nano_usd

if TYPE_CHECKING:
    from sqlalchemy import Connection

RESERVATION = METADATA.tables["playground_reservation"]


def reserved_usd(connection: Connection, day: datetime) -> Decimal:
    """What has been set aside on the day (UTC) of an instant and not been released.

    A reservation counts in full, whatever its run came to: it is the most that can have been spent.
    """
    begin = day.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    total = connection.execute(
        sa.select(sa.func.coalesce(sa.func.sum(RESERVATION.c.amount_nano_usd), 0)).where(
            RESERVATION.c.at >= begin, RESERVATION.c.at < begin + timedelta(days=1), RESERVATION.c.released_at.is_(None)
        )
    ).scalar_one()
    return Decimal(int(total)) / NANO_USD_PER_USD


def reserve(connection: Connection, token: str, amount_usd: Decimal, usd_per_day: Decimal, now: datetime) -> bool:
    """Set an amount aside, in a transaction of `Database.write`; False if this token's has been before.

    BudgetError if the day's budget does not pay for it. Nobody else reserves between the look and the writing: SQLite
    has one writer at a time, PostgreSQL is told to.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("LOCK TABLE playground_reservation IN EXCLUSIVE MODE")
    if connection.execute(sa.select(RESERVATION.c.token).where(RESERVATION.c.token == token)).first() is not None:
        return False
    taken_usd = reserved_usd(connection, now)
    if amount_usd > 0 and taken_usd + amount_usd > usd_per_day:
        raise BudgetError(
            f"this costs up to {format_usd(amount_usd)}, and {format_usd(max(usd_per_day - taken_usd, Decimal(0)))} of "
            f"today's {format_usd(usd_per_day)} for the playground is left; choose fewer endpoints, or come back "
            "tomorrow (UTC)"
        )
    row = {"token": token, "at": now, "amount_nano_usd": nano_usd(amount_usd)}
    connection.execute(RESERVATION.insert(), row)
    return True


def attach(connection: Connection, token: str, run_id: str) -> None:
    """Note which run a reservation paid for."""
    connection.execute(RESERVATION.update().where(RESERVATION.c.token == token).values(run_id=run_id))


def release(connection: Connection, token: str, now: datetime) -> None:
    """Give an amount back, as no run came of it; one that a run was made for stays."""
    free = (RESERVATION.c.token == token) & RESERVATION.c.run_id.is_(None)
    connection.execute(RESERVATION.update().where(free).values(released_at=now))
