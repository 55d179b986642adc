"""The attempts of a run with their calls, as they are told to tracing systems."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from arena.domain.outcome import AttemptStatus, CallRecord
from arena.store.runs import ATTEMPT, CALL, PROMPT, RUN_ENDPOINT, TRIAL

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Connection

BATCH = 500


@dataclass(frozen=True, slots=True)
class TracedAttempt:
    """One attempt that was sent; `ended_ns` and the marks of its calls count from `started_at`."""

    run_id: str
    trial: int
    number: int
    endpoint: str
    provider: str
    model: str
    region: str | None
    phase: str
    prompt_id: str
    prompt_text: str
    mode: str
    seed: int | None
    status: str
    failure_kind: str | None
    failure_message: str | None
    simulated: bool
    started_at: datetime
    ended_ns: int
    time_to_image_ns: int | None
    cost_nano_usd: int | None
    request_id: str | None
    served_model: str | None
    calls: tuple[CallRecord, ...]


def traced(connection: Connection, run_id: str) -> Iterator[list[TracedAttempt]]:
    """The attempts of a run that were sent and have ended, in the order of the trials, some hundred at a time."""
    sent = ATTEMPT.c.started_at.is_not(None) & ATTEMPT.c.ended_ns.is_not(None)
    query = sa.select(ATTEMPT.c.id).join(TRIAL, TRIAL.c.id == ATTEMPT.c.trial_id)
    order = (TRIAL.c.seq, ATTEMPT.c.number)
    ids = list(connection.execute(query.where(TRIAL.c.run_id == run_id, sent).order_by(*order)).scalars())
    for begin in range(0, len(ids), BATCH):
        yield _attempts(connection, ids[begin : begin + BATCH])


def untimed(connection: Connection, run_id: str) -> int:
    """How many attempts of a run have no times that could be told: their process died before they ended."""
    missing = ATTEMPT.c.started_at.is_(None) | ATTEMPT.c.ended_ns.is_(None)
    query = sa.select(sa.func.count()).select_from(ATTEMPT).join(TRIAL, TRIAL.c.id == ATTEMPT.c.trial_id)
    ended = ATTEMPT.c.status != AttemptStatus.INTENDED
    return int(connection.execute(query.where(TRIAL.c.run_id == run_id, ended, missing)).scalar_one())


def _attempts(connection: Connection, ids: Sequence[int]) -> list[TracedAttempt]:
    endpoint = (RUN_ENDPOINT.c.run_id == TRIAL.c.run_id) & (RUN_ENDPOINT.c.endpoint_id == TRIAL.c.endpoint_id)
    prompt = (PROMPT.c.id == TRIAL.c.prompt_id) & (PROMPT.c.sha256 == TRIAL.c.prompt_sha256)
    query = (
        sa.select(
            ATTEMPT.c.id,
            TRIAL.c.run_id,
            TRIAL.c.seq.label("trial"),
            ATTEMPT.c.number,
            TRIAL.c.endpoint_id.label("endpoint"),
            *(RUN_ENDPOINT.c[name] for name in ("provider", "model", "region")),
            *(TRIAL.c[name] for name in ("phase", "prompt_id", "seed")),
            PROMPT.c.text.label("prompt_text"),
            PROMPT.c.mode,
            *(ATTEMPT.c[name] for name in ("status", "failure_kind", "failure_message", "simulated", "started_at")),
            *(ATTEMPT.c[name] for name in ("ended_ns", "cost_nano_usd", "request_id", "served_model")),
            ATTEMPT.c.last_image_byte_ns.label("time_to_image_ns"),
        )
        .select_from(ATTEMPT)
        .join(TRIAL, TRIAL.c.id == ATTEMPT.c.trial_id)
        .join(RUN_ENDPOINT, endpoint)
        .join(PROMPT, prompt)
        .where(ATTEMPT.c.id.in_(ids))
        .order_by(TRIAL.c.seq, ATTEMPT.c.number)
    )
    calls = _calls(connection, ids)
    found = []
    for row in connection.execute(query).mappings():
        values = dict(row)
        values["calls"] = tuple(calls.get(values.pop("id"), ()))
        if values["started_at"].tzinfo is None:
            values["started_at"] = values["started_at"].replace(tzinfo=UTC)
        found.append(TracedAttempt(**values))
    return found


def _calls(connection: Connection, ids: Sequence[int]) -> dict[int, list[CallRecord]]:
    query = sa.select(CALL).where(CALL.c.attempt_id.in_(ids)).order_by(CALL.c.attempt_id, CALL.c.position)
    found: dict[int, list[CallRecord]] = {}
    for row in connection.execute(query).mappings():
        fields = {name: value for name, value in row.items() if name not in {"attempt_id", "position"}}
        found.setdefault(row["attempt_id"], []).append(CallRecord.model_validate(fields))
    return found
