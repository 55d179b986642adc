"""A run's outcomes in columns: what every figure of a settled run is computed from, without reading its rows again.

A digest is a copy, never the truth: it is made from the rows once they no longer change, dropped in the transaction
that changes one of them, and whoever finds none reads the rows. Both ways give the same frame, to the last digit. Where
rows are pruned by age their digest is what is left of them: it is never dropped then, and a later version of the format
has to go on reading it.

Format: an Arrow IPC stream (https://arrow.apache.org/docs/format/Columnar.html), buffers compressed by LZ4, so that a
reader unpacks only the columns that it needs.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from arena.domain.outcome import AttemptStatus
from arena.domain.run import RunStatus
from arena.domain.timings import COMPUTE_NAMES, QUEUE_NAMES, reported_ms
from arena.store.runs import ATTEMPT, DIGEST, GLIMPSE, IMAGE, RUN, RUN_ENDPOINT, TRIAL

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    import pyarrow as pa
    from sqlalchemy import Connection

    from arena.store.engine import Database

VERSION = 1
"""Of the format; a digest of another version is as good as none."""
NAMES = (
    "endpoint", "provider", "model", "protocol", "region", "phase", "prompt_id", "prompt_sha256", "status",
    "failure_kind", "cost_source", "size",
)  # fmt: skip
"""Columns of text, kept as dictionaries."""
MARKS = (
    "lateness_ns", "connected_ns", "accepted_ns", "result_ns", "result_end_ns", "first_image_byte_ns",
    "last_image_byte_ns", "ended_ns", "last_pending_ns", "first_done_ns", "cost_nano_usd",
)  # fmt: skip
"""Columns of whole numbers, as the rows have them."""
PLACES = ("trial", "attempt", "repetition")
"""Which attempt it is; rows are in this order."""


def stored(connection: Connection, run_id: str, wanted: Sequence[str] | None = None) -> pa.Table:
    """The digest of a run that has one; only the `wanted` columns are unpacked."""
    here = (DIGEST.c.run_id == run_id) & (DIGEST.c.version == VERSION)
    return unpacked(connection.execute(sa.select(DIGEST.c.data).where(here)).scalar_one(), wanted)


def unpacked(data: bytes, wanted: Sequence[str] | None = None) -> pa.Table:
    """The table of a digest."""
    import pyarrow as pa

    options = None
    if wanted is not None:
        fields = [index for index, name in enumerate(schema().names) if name in wanted]
        options = pa.ipc.IpcReadOptions(included_fields=fields, use_threads=False)
    with pa.ipc.open_stream(pa.py_buffer(data), options=options) as reader:
        return reader.read_all()


def packed(table: pa.Table) -> bytes:
    """A table as the bytes of a digest."""
    import pyarrow as pa

    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as writer:
        writer.write_table(table)
    return sink.getvalue()


def schema() -> pa.Schema:
    """The columns of a digest; `at` is when the request was sent, or when it was meant to be where that is unknown."""
    import pyarrow as pa

    name = pa.dictionary(pa.int32(), pa.string())
    return pa.schema(
        [
            ("at", pa.timestamp("us", "UTC")),
            ("sent", pa.bool_()),
            ("simulated", pa.bool_()),
            *((column, name) for column in NAMES),
            *((column, pa.int64()) for column in MARKS),
            *((column, pa.int32()) for column in PLACES),
            ("server_queue_ms", pa.float64()),
            ("server_compute_ms", pa.float64()),
            ("image_count", pa.int32()),
        ]
    )


def from_rows(connection: Connection, run_id: str) -> pa.Table:
    """The same from the rows of a run, whatever its state; open attempts are not in it."""
    import pyarrow as pa

    result = connection.execute(_rows(run_id))
    values: dict[str, Sequence[Any]] = dict(zip(result.keys(), zip(*result.all(), strict=True), strict=False))
    if not values:
        return schema().empty_table()
    started, server_ms = values.pop("started_at"), values.pop("server_ms_json")
    values["at"] = [s or i for s, i in zip(started, values.pop("intended_at"), strict=True)]
    sides = zip(values.pop("width_px"), values.pop("height_px"), strict=True)
    values["size"] = [f"{width}x{height}" for width, height in sides]
    values["sent"] = [s is not None for s in started]
    values["server_queue_ms"] = [reported_ms(said, QUEUE_NAMES) for said in server_ms]
    values["server_compute_ms"] = [reported_ms(said, COMPUTE_NAMES) for said in server_ms]
    return pa.table([_array(values[field.name], field) for field in schema()], schema=schema())


def _array(values: Sequence[Any], field: pa.Field) -> pa.Array:
    import pyarrow as pa

    if pa.types.is_timestamp(field.type):
        return pa.array(_aware(values), field.type)
    if pa.types.is_dictionary(field.type):
        return pa.array(values, pa.string()).dictionary_encode()
    return pa.array(values, field.type)


def _aware(moments: Iterable[datetime]) -> list[datetime]:
    from datetime import UTC

    return [m.replace(tzinfo=UTC) if m.tzinfo is None else m for m in moments]


def _rows(run_id: str) -> sa.Select[tuple[object, ...]]:
    kept, passed = (
        sa.select(sa.func.count()).where(t.c.attempt_id == ATTEMPT.c.id).correlate(ATTEMPT).scalar_subquery()
        for t in (IMAGE, GLIMPSE)
    )
    endpoint = (RUN_ENDPOINT.c.run_id == TRIAL.c.run_id) & (RUN_ENDPOINT.c.endpoint_id == TRIAL.c.endpoint_id)
    return (
        sa.select(
            TRIAL.c.endpoint_id.label("endpoint"),
            TRIAL.c.seq.label("trial"),
            ATTEMPT.c.number.label("attempt"),
            TRIAL.c.repetition,
            *(RUN_ENDPOINT.c[name] for name in ("provider", "model", "protocol", "region")),
            TRIAL.c.phase,
            TRIAL.c.prompt_id,
            TRIAL.c.prompt_sha256,
            TRIAL.c.width_px,
            TRIAL.c.height_px,
            *(ATTEMPT.c[name] for name in ("status", "failure_kind", "cost_source", "simulated")),
            *(ATTEMPT.c[name] for name in ("started_at", "intended_at", "server_ms_json", *MARKS)),
            (kept + passed).label("image_count"),
        )
        .select_from(TRIAL)
        .join(ATTEMPT, ATTEMPT.c.trial_id == TRIAL.c.id)
        .join(RUN_ENDPOINT, endpoint)
        .where(TRIAL.c.run_id == run_id, ATTEMPT.c.status != AttemptStatus.INTENDED)
        .order_by(TRIAL.c.seq, ATTEMPT.c.number)
    )


def ended_attempts(connection: Connection, run_id: str) -> int:
    """How many rows `from_rows` will have."""
    of_run = sa.select(sa.func.count()).join(TRIAL, TRIAL.c.id == ATTEMPT.c.trial_id).where(TRIAL.c.run_id == run_id)
    return int(connection.execute(of_run.where(ATTEMPT.c.status != AttemptStatus.INTENDED)).scalar_one())


def missing(connection: Connection) -> list[str]:
    """Settled runs without a digest of this version, oldest first."""
    has_one = sa.select(DIGEST.c.run_id).where(DIGEST.c.version == VERSION)
    wanted = (RUN.c.status != RunStatus.RUNNING) & RUN.c.attempts_pruned_at.is_(None) & RUN.c.id.not_in(has_one)
    return list(connection.execute(sa.select(RUN.c.id).where(wanted).order_by(RUN.c.created_at)).scalars())


def refresh(database: Database) -> int:
    """Make the digests that are missing; returns how many. A run that changes meanwhile is left for the next time."""
    with database.read() as connection:
        todo = missing(connection)
    return sum(digest(database, run_id) for run_id in todo)


def digest(database: Database, run_id: str) -> bool:
    """Make the digest of a run that has ended; False if there is nothing in it, or if it changed meanwhile."""
    with database.read() as connection:
        before, table = _stamp(connection, run_id), from_rows(connection, run_id)
    if not table.num_rows:
        return False
    row = _row(run_id, table)
    with database.write() as connection:
        if _stamp(connection, run_id) != before:
            return False
        connection.execute(DIGEST.delete().where(DIGEST.c.run_id == run_id))
        connection.execute(DIGEST.insert(), row)
    return True


def _row(run_id: str, table: pa.Table) -> dict[str, Any]:
    import pyarrow.compute as pc

    ends = pc.min_max(table["at"]).as_py()
    return {
        "run_id": run_id,
        "version": VERSION,
        "first_at": ends["min"],
        "last_at": ends["max"],
        "attempts": table.num_rows,
        "succeeded": int(pc.sum(pc.equal(table["status"], AttemptStatus.SUCCEEDED)).as_py() or 0),
        "unknown": int(pc.sum(pc.equal(table["status"], AttemptStatus.UNKNOWN)).as_py() or 0),
        "cost_nano_usd": pc.sum(table["cost_nano_usd"]).as_py(),
        "data": packed(table),
    }


def _stamp(connection: Connection, run_id: str) -> tuple[Any, ...]:
    """What cannot stay the same if a row of the run has changed."""
    status = connection.execute(sa.select(RUN.c.status, RUN.c.ended_at).where(RUN.c.id == run_id)).one()
    sums = (sa.func.sum(ATTEMPT.c[name]) for name in ("number", "ended_ns", "cost_nano_usd"))
    texts = (sa.func.sum(sa.func.length(ATTEMPT.c[name])) for name in ("status", "server_ms_json", "cost_source"))
    simulated = sa.func.sum(sa.case((ATTEMPT.c.simulated, 1), else_=0))
    of_run = sa.select(sa.func.count(), *sums, *texts, simulated).join(TRIAL, TRIAL.c.id == ATTEMPT.c.trial_id)
    return (*status, *connection.execute(of_run.where(TRIAL.c.run_id == run_id)).one())
