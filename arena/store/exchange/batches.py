"""Rows of a query as Arrow batches: read from the driver's own cursor and turned column by column.

A row object for each of ten million rows would take longer than the database; so would a data frame of Python objects.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from arena.store.exchange.columns import AGAIN, Column, Kind, Scope, Spec

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Connection

FETCHED_ROWS = 8_192
ARROW = {
    Kind.TEXT: pa.string(),
    Kind.INTEGER: pa.int64(),
    Kind.REAL: pa.float64(),
    Kind.BOOLEAN: pa.bool_(),
    Kind.MOMENT: pa.timestamp("us", tz="UTC"),
}
VOTER_DIGITS = 24


def columns_of(spec: Spec, scope: Scope) -> tuple[Column, ...]:
    """The columns of a table in this scope: an increment says of each row whether it was exported before."""
    return (*spec.columns, AGAIN) if spec.incremental and scope.changes is not None else spec.columns


def arrow_schema(columns: Sequence[Column]) -> pa.Schema:
    """The columns as Arrow types; what may not be missing is not nullable."""
    return pa.schema([pa.field(c.name, ARROW[c.kind], nullable=not c.required) for c in columns])


def batches(
    connection: Connection, spec: Spec, scope: Scope, voter_salt: str, *, with_day: bool = False
) -> Iterator[pa.RecordBatch]:
    """The rows of a table in batches of bounded size; voters are hashed with the salt.

    With `with_day` a last column `day` (date32, UTC) says in which partition a row belongs.
    """
    columns = columns_of(spec, scope)
    query = spec.query(scope)
    if columns[-1] is AGAIN and scope.changes is not None:
        before = sa.func.coalesce(spec.first, 0) < scope.changes.since
        query = query.add_columns(before.label(AGAIN.name))
    schema = arrow_schema(columns)
    if with_day:
        query = query.add_columns(spec.day if spec.day is not None else sa.null())
        schema = schema.append(pa.field("day", pa.date32()))
    for rows in _fetched(connection, query):
        values = list(zip(*rows, strict=True))
        arrays = [_array(values[i], column, voter_salt) for i, column in enumerate(columns)]
        if with_day:
            arrays.append(_moments(values[-1]).cast(pa.date32()))
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def _fetched(connection: Connection, query: sa.Select[Any]) -> Iterator[Sequence[Any]]:
    """Rows in pieces: SQLite's as its driver gives them, PostgreSQL's by a cursor of the server."""
    if connection.dialect.name != "sqlite":
        yield from connection.execute(query, execution_options={"yield_per": FETCHED_ROWS}).partitions()
        return
    result = connection.execute(query)
    try:
        while rows := result.cursor.fetchmany(FETCHED_ROWS):
            yield rows
    finally:
        result.close()


def _array(values: tuple[Any, ...], column: Column, voter_salt: str) -> pa.Array:
    if column.per_unit is not None:
        stored = pa.array(values, pa.int64())
        return pc.divide(stored.cast(pa.float64(), safe=False), float(column.per_unit))
    if column.hashed:
        return _hashed(values, voter_salt)
    if column.kind is Kind.MOMENT:
        return _moments(values)
    if column.kind is Kind.BOOLEAN:
        return pa.array(values, None if isinstance(values[0], bool) else pa.int8()).cast(pa.bool_())
    return pa.array(values, ARROW[column.kind])


def _moments(values: tuple[Any, ...]) -> pa.Array:
    """SQLite has instants as texts, UTC without saying so; PostgreSQL as objects that say so."""
    first = next((v for v in values if v is not None), None)
    if isinstance(first, str):
        return pa.array(values, pa.string()).cast(pa.timestamp("us")).cast(ARROW[Kind.MOMENT])
    if isinstance(first, datetime) and first.tzinfo is None:
        return pa.array([None if v is None else v.replace(tzinfo=UTC) for v in values], ARROW[Kind.MOMENT])
    return pa.array(values, ARROW[Kind.MOMENT])


def _hashed(values: tuple[Any, ...], voter_salt: str) -> pa.Array:
    """Voters as salted hashes; each is hashed once a batch."""
    known = {v: hashed_voter(v, voter_salt) for v in set(values) if v is not None}
    return pa.array([known.get(v) for v in values], pa.string())


def hashed_voter(voter: str, salt: str) -> str:
    """What stands for a voter in files: the same for the same salt, and nothing that leads back."""
    return hashlib.sha256(f"{salt}/{voter}".encode()).hexdigest()[:VOTER_DIGITS]
