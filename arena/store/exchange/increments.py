"""On which days something changed: which partitions an incremental export writes anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

from arena.store.exchange.batches import batches
from arena.store.exchange.specs import SPECS

if TYPE_CHECKING:
    from datetime import date

    from sqlalchemy import Connection

    from arena.store.exchange.columns import Scope


def changed_days(connection: Connection, table: str, scope: Scope) -> frozenset[date]:
    """The days (UTC) of all rows of a table that a scope with changes selects."""
    import pyarrow.compute as pc

    found: set[date] = set()
    for batch in batches(connection, SPECS[table], scope, "", with_day=True):
        found |= set(pc.unique(batch["day"]).to_pylist())
    return frozenset(found)
