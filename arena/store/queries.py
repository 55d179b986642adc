"""What is read, as data frames with documented columns. Units are in the names; missing is missing, never zero."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import sqlalchemy as sa

from arena.domain.outcome import AttemptStatus
from arena.store import pruned_outcomes
from arena.store.exchange.batches import arrow_schema, batches
from arena.store.exchange.columns import Kind, Scope
from arena.store.exchange.measured import OUTCOMES
from arena.store.runs import ATTEMPT, CALL, DIGEST, RUN, TRIAL
from arena.units import NANO_USD_PER_USD

if TYPE_CHECKING:
    from sqlalchemy import Connection

_PANDAS = {
    Kind.TEXT: "string",
    Kind.INTEGER: "Int64",
    Kind.REAL: "Float64",
    Kind.BOOLEAN: "bool",
    Kind.MOMENT: "datetime64[us, UTC]",
}
OUTCOME_COLUMNS: dict[str, str] = {column.name: _PANDAS[column.kind] for column in OUTCOMES.columns}
"""Columns of an outcome row and their pandas types; what they mean is said in `arena.store.exchange.measured`.

`server_ms`, `unsupported` and `remarks` are JSON; `image_*` is the first image; without `image_sha256` it was looked at
in passing and not kept.
"""


_AT_ONCE = 500
"""Names in one statement; databases bound them."""


def outcomes(
    connection: Connection, run_id: str | None = None, *, trial: int | None = None, prompt_id: str | None = None
) -> pd.DataFrame:
    """Every attempt that has ended or whose end is unknown, of one run or of all, in the order of the trials.

    With `trial` or `prompt_id` only those of one trial or prompt are read. Of a run whose attempts were pruned it is
    what figures are computed from; the other columns are empty.
    """
    schema, scope = arrow_schema(OUTCOMES.columns), Scope(run_id=run_id, trial=trial, prompt_id=prompt_id)
    rows = pa.Table.from_batches(batches(connection, OUTCOMES, scope, voter_salt=""), schema)
    frame = typed(rows.to_pandas(types_mapper=_MAPPED.get, split_blocks=True))
    gone = pruned_outcomes.pruned_runs(connection, run_id)
    if not gone:
        return frame
    kept = frame[~frame["run_id"].isin(gone)]
    told = [typed(pruned_outcomes.outcomes(connection, one, list(OUTCOME_COLUMNS))) for one in gone]
    every = pd.concat([part for part in (kept, *told) if len(part)] or [kept], ignore_index=True)
    for column, wanted in (("trial", trial), ("prompt_id", prompt_id)):
        every = every if wanted is None else every[every[column] == wanted].reset_index(drop=True)
    return every.sort_values(["run_id", "trial", "attempt"], kind="stable", ignore_index=True)


_MAPPED = {pa.string(): pd.StringDtype(), pa.int64(): pd.Int64Dtype(), pa.float64(): pd.Float64Dtype()}


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


def run_overview(connection: Connection, limit: int | None = None, offset: int = 0) -> pd.DataFrame:
    """One row a run, newest first: status, trials planned, attempts made and still open, successes; after the `offset`
    newest ones.

    Only the trials and attempts of these runs are counted, however many others there are.
    """
    query = sa.select(*_OVERVIEW).order_by(RUN.c.created_at.desc(), RUN.c.id.desc()).limit(limit).offset(offset)
    return _overview(connection, query)


def overview_of(connection: Connection, run_id: str) -> pd.DataFrame:
    """The same of one run; empty if there is none of this id."""
    return _overview(connection, sa.select(*_OVERVIEW).where(RUN.c.id == run_id))


_OVERVIEW = (
    RUN.c.id.label("run_id"),
    RUN.c.plan_name.label("plan"),
    RUN.c.status,
    RUN.c.simulated,
    RUN.c.created_at,
    RUN.c.ended_at,
)
_COUNTED = ("trials", "attempts", "in_flight", "succeeded", "unknown", "cost_nano_usd")


def _overview(connection: Connection, query: sa.Select[Any]) -> pd.DataFrame:
    result = connection.execute(query)
    frame = pd.DataFrame([tuple(row) for row in result], columns=list(result.keys()))
    counted = _run_counts(connection, frame["run_id"].tolist())
    for column in _COUNTED:
        frame[column] = [counted[run_id].get(column) for run_id in frame["run_id"]]
    for column in _COUNTED[:-1]:
        frame[column] = pd.to_numeric(frame[column]).fillna(0).astype("int64")
    frame["cost_usd"] = pd.to_numeric(frame.pop("cost_nano_usd")).astype("Float64") / NANO_USD_PER_USD
    return frame


def _run_counts(connection: Connection, run_ids: list[str]) -> dict[str, dict[str, int | None]]:
    """What the trials and the attempts of some runs come to, by run."""
    found: dict[str, dict[str, int | None]] = {run_id: {} for run_id in run_ids}
    trials = sa.select(TRIAL.c.run_id, sa.func.count().label("trials"))
    in_flight, succeeded, unknown = (
        sa.func.sum(sa.case((ATTEMPT.c.status == status, 1), else_=0))
        for status in (AttemptStatus.INTENDED, AttemptStatus.SUCCEEDED, AttemptStatus.UNKNOWN)
    )
    made = sa.select(
        TRIAL.c.run_id,
        sa.func.count().label("attempts"),
        in_flight.label("in_flight"),
        succeeded.label("succeeded"),
        unknown.label("unknown"),
        sa.func.sum(ATTEMPT.c.cost_nano_usd).label("cost_nano_usd"),
    ).join(TRIAL, TRIAL.c.id == ATTEMPT.c.trial_id)
    for begin in range(0, len(run_ids), _AT_ONCE):
        here = TRIAL.c.run_id.in_(run_ids[begin : begin + _AT_ONCE])
        for query in (trials, made):
            for row in connection.execute(query.where(here).group_by(TRIAL.c.run_id)).mappings():
                found[row["run_id"]] |= {name: value for name, value in row.items() if name != "run_id"}
        for row in connection.execute(_counts_of_pruned(run_ids[begin : begin + _AT_ONCE])).mappings():
            found[row["run_id"]] |= {name: value for name, value in row.items() if name != "run_id"}
    return found


def _counts_of_pruned(run_ids: list[str]) -> sa.Select[Any]:
    """The same of runs whose attempts were pruned, as their digests have it."""
    columns = [DIGEST.c[name] for name in ("run_id", "attempts", "succeeded", "unknown", "cost_nano_usd")]
    pruned = RUN.c.attempts_pruned_at.is_not(None)
    return sa.select(*columns).join(RUN, RUN.c.id == DIGEST.c.run_id).where(DIGEST.c.run_id.in_(run_ids), pruned)


def server_timings(frame: pd.DataFrame) -> pd.DataFrame:
    """The servers' own timings of an outcome frame, one column a name, in milliseconds of that server's clock."""
    return pd.DataFrame([json.loads(text) for text in frame["server_ms"]], index=frame.index)
