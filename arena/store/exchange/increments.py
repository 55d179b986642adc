"""On which days something changed, and on which there is anything: which partitions an export by days writes."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import sqlalchemy as sa

from arena.store.exchange.batches import batches
from arena.store.exchange.specs import SPECS

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from arena.store.exchange.columns import Scope


def changed_days(connection: Connection, table: str, scope: Scope) -> frozenset[date]:
    """The days (UTC) of all rows of a table that a scope with changes selects."""
    import pyarrow.compute as pc

    found: set[date] = set()
    for batch in batches(connection, SPECS[table], scope, "", with_day=True):
        found |= set(pc.unique(batch["day"]).to_pylist())
    return frozenset(found)


def days_with_rows(connection: Connection, table: str, scope: Scope) -> frozenset[date]:
    """The days (UTC) of all rows of a table in a scope, by the database alone."""
    spec = SPECS[table]
    if spec.day is None:
        raise ValueError(f"the table {table} has no days")
    # PostgreSQL has instants, whose day depends on the session's zone; SQLite has UTC.
    at = spec.day if connection.dialect.name == "sqlite" else sa.func.timezone("UTC", spec.day)
    rows = spec.query(scope).order_by(None).add_columns(sa.func.date(at).label("day_written")).subquery()
    found = connection.execute(sa.select(rows.c.day_written).distinct())
    return frozenset(date.fromisoformat(str(day)) for (day,) in found)
