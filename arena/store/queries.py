"""What is read, as data frames with documented columns. Units are in the names; missing is missing, never zero."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pandas as pd
import sqlalchemy as sa

from arena.domain.failure import FailureKind
from arena.domain.outcome import AttemptStatus
from arena.store.runs import ARTIFACT, ATTEMPT, CALL, GLIMPSE, IMAGE, PROMPT, RUN, RUN_ENDPOINT, TRIAL
from arena.units import NANO_USD_PER_USD, NS_PER_MS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

OUTCOME_SCHEMA_VERSION = 2
OUTCOME_COLUMNS: dict[str, str] = {
    "run_id": "string",
    "trial": "Int64",
    "attempt": "Int64",
    "endpoint": "string",
    "provider": "string",
    "model": "string",
    "protocol": "string",
    "region": "string",
    "simulated": "bool",
    "mode": "string",
    "phase": "string",
    "prompt_id": "string",
    "prompt_sha256": "string",
    "category": "string",
    "repetition": "Int64",
    "seed": "Int64",
    "requested_width_px": "Int64",
    "requested_height_px": "Int64",
    "requested_format": "string",
    "status": "string",
    "failure_kind": "string",
    "failure_blame": "string",
    "failure_message": "string",
    "http_status": "Int64",
    "retry_after_s": "Float64",
    "started_at": "datetime64[us, UTC]",
    "lateness_ms": "Float64",
    "slot_wait_ms": "Float64",
    "connected_ms": "Float64",
    "accepted_ms": "Float64",
    "ttfb_ms": "Float64",
    "generation_ms": "Float64",
    "time_to_first_image_byte_ms": "Float64",
    "time_to_image_ms": "Float64",
    "ended_ms": "Float64",
    "polls": "Int64",
    "poll_interval_ms": "Float64",
    "last_pending_ms": "Float64",
    "first_done_ms": "Float64",
    "cost_usd": "Float64",
    "cost_source": "string",
    "request_id": "string",
    "served_model": "string",
    "served_seed": "Int64",
    "sent_size": "string",
    "server_ms": "string",
    "unsupported": "string",
    "remarks": "string",
    "image_count": "Int64",
    "image_sha256": "string",
    "image_format": "string",
    "image_width_px": "Int64",
    "image_height_px": "Int64",
    "image_bytes": "Int64",
}
"""Columns of an outcome row and their pandas types. `server_ms`, `unsupported` and `remarks` are JSON;
`image_*` is the first image; without `image_sha256` it was looked at in passing and not kept.
"""

_NS_COLUMNS = {
    "lateness_ms": "lateness_ns",
    "slot_wait_ms": "slot_wait_ns",
    "connected_ms": "connected_ns",
    "accepted_ms": "accepted_ns",
    "ttfb_ms": "result_ns",
    "generation_ms": "result_end_ns",
    "time_to_first_image_byte_ms": "first_image_byte_ns",
    "time_to_image_ms": "last_image_byte_ns",
    "ended_ms": "ended_ns",
    "poll_interval_ms": "poll_interval_ns",
    "last_pending_ms": "last_pending_ns",
    "first_done_ms": "first_done_ns",
}
_IMAGE_COLUMNS = {
    "image_format": "format",
    "image_width_px": "width_px",
    "image_height_px": "height_px",
    "image_bytes": "size_bytes",
}
_BLAME = {kind.value: kind.blame.value for kind in FailureKind}
CHUNK_ROWS = 20_000


def outcomes(connection: Connection, run_id: str | None = None) -> pd.DataFrame:
    """Every attempt that has ended or whose end is unknown, of one run or of all, in the order of the trials."""
    chunks = list(outcome_chunks(connection, run_id))
    return pd.concat(chunks, ignore_index=True) if len(chunks) > 1 else chunks[0]


def outcome_chunks(connection: Connection, run_id: str | None = None) -> Iterator[pd.DataFrame]:
    """The same, in pieces of bounded size; at least one piece, which may be empty."""
    # An option of this statement alone: as one of the connection it would stay, and whoever reads the driver's own
    # cursor after it would miss the rows that were fetched ahead.
    result = connection.execute(_outcome_query(run_id), execution_options={"yield_per": CHUNK_ROWS})
    names, empty = list(result.keys()), True
    for rows in result.partitions(CHUNK_ROWS):
        empty = False
        yield _outcome_frame(pd.DataFrame([tuple(row) for row in rows], columns=names, dtype=object))
    if empty:
        yield _outcome_frame(pd.DataFrame(columns=names, dtype=object))


def _outcome_query(run_id: str | None) -> sa.Select[tuple[object, ...]]:
    first_image = (IMAGE.c.attempt_id == ATTEMPT.c.id) & (IMAGE.c.position == 0)
    first_glimpse = (GLIMPSE.c.attempt_id == ATTEMPT.c.id) & (GLIMPSE.c.position == 0)
    endpoint = (RUN_ENDPOINT.c.run_id == TRIAL.c.run_id) & (RUN_ENDPOINT.c.endpoint_id == TRIAL.c.endpoint_id)
    prompt = (PROMPT.c.id == TRIAL.c.prompt_id) & (PROMPT.c.sha256 == TRIAL.c.prompt_sha256)
    query = (
        _outcome_columns()
        .select_from(ATTEMPT)
        .join(TRIAL, TRIAL.c.id == ATTEMPT.c.trial_id)
        .join(RUN_ENDPOINT, endpoint)
        .join(PROMPT, prompt)
        .outerjoin(IMAGE, first_image)
        .outerjoin(ARTIFACT, ARTIFACT.c.sha256 == IMAGE.c.sha256)
        .outerjoin(GLIMPSE, first_glimpse)
        .where(ATTEMPT.c.status != AttemptStatus.INTENDED)
        .order_by(TRIAL.c.run_id, TRIAL.c.seq, ATTEMPT.c.number)
    )
    return query if run_id is None else query.where(TRIAL.c.run_id == run_id)


def _outcome_columns() -> sa.Select[tuple[object, ...]]:
    kept, passed = (
        sa.select(sa.func.count()).where(t.c.attempt_id == ATTEMPT.c.id).correlate(ATTEMPT).scalar_subquery()
        for t in (IMAGE, GLIMPSE)
    )
    return sa.select(
        TRIAL.c.run_id,
        TRIAL.c.seq.label("trial"),
        ATTEMPT.c.number.label("attempt"),
        TRIAL.c.endpoint_id.label("endpoint"),
        RUN_ENDPOINT.c.provider,
        RUN_ENDPOINT.c.model,
        RUN_ENDPOINT.c.protocol,
        RUN_ENDPOINT.c.region,
        ATTEMPT.c.simulated,
        PROMPT.c.mode,
        TRIAL.c.phase,
        TRIAL.c.prompt_id,
        TRIAL.c.prompt_sha256,
        PROMPT.c.category,
        TRIAL.c.repetition,
        TRIAL.c.seed,
        TRIAL.c.width_px.label("requested_width_px"),
        TRIAL.c.height_px.label("requested_height_px"),
        TRIAL.c.format.label("requested_format"),
        ATTEMPT.c.status,
        ATTEMPT.c.failure_kind,
        ATTEMPT.c.failure_message,
        ATTEMPT.c.http_status,
        ATTEMPT.c.retry_after_s,
        ATTEMPT.c.started_at,
        *(ATTEMPT.c[column] for column in _NS_COLUMNS.values()),
        ATTEMPT.c.polls,
        ATTEMPT.c.cost_nano_usd,
        ATTEMPT.c.cost_source,
        ATTEMPT.c.request_id,
        ATTEMPT.c.served_model,
        ATTEMPT.c.sent_seed.label("served_seed"),
        ATTEMPT.c.sent_size,
        ATTEMPT.c.server_ms_json.label("server_ms"),
        ATTEMPT.c.unsupported_json.label("unsupported"),
        ATTEMPT.c.remarks_json.label("remarks"),
        (kept + passed).label("image_count"),
        IMAGE.c.sha256.label("image_sha256"),
        *(
            sa.func.coalesce(ARTIFACT.c[column], GLIMPSE.c[column]).label(name)
            for name, column in _IMAGE_COLUMNS.items()
        ),
    )


def _outcome_frame(raw: pd.DataFrame) -> pd.DataFrame:
    frame = raw.copy()
    for name, column in _NS_COLUMNS.items():
        frame[name] = pd.to_numeric(frame.pop(column)).astype("Float64") / NS_PER_MS
    frame["cost_usd"] = pd.to_numeric(frame.pop("cost_nano_usd")).astype("Float64") / NANO_USD_PER_USD
    frame["failure_blame"] = frame["failure_kind"].map(_BLAME)
    return typed(frame)


def typed(frame: pd.DataFrame) -> pd.DataFrame:
    """A frame with exactly the outcome columns, in order, with their types: also for rows read back from a file."""
    return pd.DataFrame({name: _typed_column(frame[name], kind) for name, kind in OUTCOME_COLUMNS.items()})


def _typed_column(column: pd.Series[Any], kind: str) -> pd.Series[Any]:
    if kind.startswith("datetime"):
        return pd.to_datetime(column, utc=True, format="ISO8601").astype("datetime64[us, UTC]")
    match kind:
        case "bool":
            return column.astype("bool")
        case "Int64":
            return _exact_integers(column)
        case "Float64":
            return pd.to_numeric(column).astype("Float64")
        case _:
            return column.astype("string")


def _exact_integers(column: pd.Series[Any]) -> pd.Series[Any]:
    """Integers with gaps, without a detour over floats: a 64-bit seed would lose its last digits there."""
    if pd.api.types.is_integer_dtype(column.dtype):
        return column.astype("Int64")
    values = [None if missing else int(value) for value, missing in zip(column, column.isna(), strict=True)]
    return pd.Series(pd.array(values, dtype="Int64"), index=column.index)


def calls(connection: Connection, run_id: str, trial: int) -> pd.DataFrame:
    """The HTTP exchanges of one trial, marks in nanoseconds since its request was sent."""
    query = (
        sa.select(ATTEMPT.c.number.label("attempt"), CALL)
        .join(ATTEMPT, ATTEMPT.c.id == CALL.c.attempt_id)
        .join(TRIAL, TRIAL.c.id == ATTEMPT.c.trial_id)
        .where(TRIAL.c.run_id == run_id, TRIAL.c.seq == trial)
        .order_by(ATTEMPT.c.number, CALL.c.position)
    )
    result = connection.execute(query)
    return pd.DataFrame([tuple(row) for row in result], columns=list(result.keys())).drop(columns="attempt_id")


def run_overview(connection: Connection, limit: int | None = None) -> pd.DataFrame:
    """One row a run, newest first: status, trials planned, attempts made, successes."""
    trials = sa.select(TRIAL.c.run_id, sa.func.count().label("trials")).group_by(TRIAL.c.run_id).subquery()
    succeeded = sa.func.sum(sa.case((ATTEMPT.c.status == AttemptStatus.SUCCEEDED, 1), else_=0))
    unknown = sa.func.sum(sa.case((ATTEMPT.c.status == AttemptStatus.UNKNOWN, 1), else_=0))
    made = (
        sa.select(
            TRIAL.c.run_id,
            sa.func.count().label("attempts"),
            succeeded.label("succeeded"),
            unknown.label("unknown"),
            sa.func.sum(ATTEMPT.c.cost_nano_usd).label("cost_nano_usd"),
        )
        .join(TRIAL, TRIAL.c.id == ATTEMPT.c.trial_id)
        .group_by(TRIAL.c.run_id)
        .subquery()
    )
    query = (
        sa.select(
            RUN.c.id.label("run_id"),
            RUN.c.plan_name.label("plan"),
            RUN.c.status,
            RUN.c.simulated,
            RUN.c.created_at,
            RUN.c.ended_at,
            trials.c.trials,
            made.c.attempts,
            made.c.succeeded,
            made.c.unknown,
            made.c.cost_nano_usd,
        )
        .outerjoin(trials, trials.c.run_id == RUN.c.id)
        .outerjoin(made, made.c.run_id == RUN.c.id)
        .order_by(RUN.c.created_at.desc(), RUN.c.id.desc())
        .limit(limit)
    )
    result = connection.execute(query)
    frame = pd.DataFrame([tuple(row) for row in result], columns=list(result.keys()))
    for column in ("trials", "attempts", "succeeded", "unknown"):
        frame[column] = pd.to_numeric(frame[column]).fillna(0).astype("int64")
    frame["cost_usd"] = pd.to_numeric(frame.pop("cost_nano_usd")).astype("Float64") / NANO_USD_PER_USD
    return frame


def server_timings(frame: pd.DataFrame) -> pd.DataFrame:
    """The servers' own timings of an outcome frame, one column a name, in milliseconds of that server's clock."""
    return pd.DataFrame([json.loads(text) for text in frame["server_ms"]], index=frame.index)
