"""Every table that can be exported, whether it is queried or computed, as a stream of Arrow batches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from arena.errors import ConfigError
from arena.reports.exports.figures import COMPUTED, Computed
from arena.store.exchange import batches as stored
from arena.store.exchange.specs import SPECS

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from arena.store.engine import Connection
    from arena.store.exchange.columns import Column, Scope, Spec

TABLES: dict[str, Spec | Computed] = {**SPECS, **COMPUTED}


def refuse(table: Spec | Computed, scope: Scope) -> None:
    """ConfigError for filters that a table does not have."""
    if table.of_votes and scope.run_id is not None:
        raise ConfigError(f"--table {table.name} takes no RUN: a vote may be on images of two runs")
    windowed = scope.begin is not None or scope.end is not None
    if windowed and isinstance(table, Computed) and table.no_window is not None:
        raise ConfigError(f"--table {table.name} takes no window: {table.no_window}")


def columns(table: Spec | Computed, scope: Scope) -> tuple[Column, ...]:
    """The columns of a table in this scope."""
    return table.columns if isinstance(table, Computed) else stored.columns_of(table, scope)


def batches(
    connection: Connection, table: Spec | Computed, scope: Scope, voter_salt: str, *, with_day: bool = False
) -> Iterator[pa.RecordBatch]:
    """The rows of a table; see `arena.store.exchange.batches`."""
    if not isinstance(table, Computed):
        yield from stored.batches(connection, table, scope, voter_salt, with_day=with_day)
        return
    import pyarrow as pa

    schema = stored.arrow_schema(table.columns)
    for rows in table.rows(connection, scope):
        yield pa.RecordBatch.from_pylist(rows, schema=schema)
