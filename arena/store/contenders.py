"""Who takes part in battles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from arena.domain.battle import Contender
from arena.domain.endpoint import Endpoint
from arena.domain.outcome import AttemptStatus
from arena.store.battles import CONTENDER
from arena.store.runs import ATTEMPT, COUNTS, RUN, RUN_ENDPOINT, TRIAL, insert_ignore

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection


DEGRADED = "arena/degraded"
"""Whose images the spoilt ones of gold pairs are: ours, of no provider. It is never rated, listed or drawn to rate."""


def newcomers(connection: Connection, now: datetime) -> list[dict[str, Any]]:
    """A row for every endpoint that has delivered an image in a run that counts and is no contender yet; read only."""
    delivered = (
        sa.select(TRIAL.c.endpoint_id, ATTEMPT.c.simulated, sa.func.max(TRIAL.c.run_id).label("run_id"))
        .join(ATTEMPT, ATTEMPT.c.trial_id == TRIAL.c.id)
        .join(RUN, RUN.c.id == TRIAL.c.run_id)
        .where(ATTEMPT.c.status == AttemptStatus.SUCCEEDED, COUNTS)
        .group_by(TRIAL.c.endpoint_id, ATTEMPT.c.simulated)
        .subquery()
    )
    same = (RUN_ENDPOINT.c.run_id == delivered.c.run_id) & (RUN_ENDPOINT.c.endpoint_id == delivered.c.endpoint_id)
    known = sa.select(CONTENDER.c.id).where(
        CONTENDER.c.endpoint_id == delivered.c.endpoint_id, CONTENDER.c.simulated == delivered.c.simulated
    )
    query = (
        sa.select(delivered.c.simulated, RUN_ENDPOINT.c.endpoint_json).join(RUN_ENDPOINT, same).where(~known.exists())
    )
    rows = [
        _contender_row(Endpoint.model_validate_json(r.endpoint_json), r.simulated, now)
        for r in connection.execute(query)
    ]
    return sorted(rows, key=lambda row: str(row["endpoint_id"]))


def enroll(connection: Connection, rows: list[dict[str, Any]]) -> None:
    """Make contenders of newcomers; somebody else may have done so meanwhile."""
    insert_ignore(connection, CONTENDER, rows)


def _contender_row(endpoint: Endpoint, simulated: bool, now: datetime) -> dict[str, Any]:
    return {
        "endpoint_id": endpoint.id,
        "simulated": simulated,
        "provider": endpoint.provider,
        "model": endpoint.model,
        "family": endpoint.family,
        "added_at": now,
    }


def contenders(connection: Connection) -> list[Contender]:
    """Every contender, retired ones too, in the order in which they joined."""
    query = sa.select(CONTENDER).where(CONTENDER.c.endpoint_id != DEGRADED).order_by(CONTENDER.c.id)
    return [Contender.model_validate(dict(row)) for row in connection.execute(query).mappings()]


def contender(connection: Connection, contender_id: int) -> Contender:
    """One contender, be it the one that stands for spoilt images."""
    row = connection.execute(sa.select(CONTENDER).where(CONTENDER.c.id == contender_id)).mappings().one()
    return Contender.model_validate(dict(row))


def degraded(connection: Connection, now: datetime, *, simulated: bool) -> int:
    """The id of the contender that stands for spoilt images, made if it is missing."""
    row = {"endpoint_id": DEGRADED, "simulated": simulated, "provider": "arena", "model": "degraded"}
    insert_ignore(connection, CONTENDER, [{**row, "family": "degraded", "added_at": now, "retired_at": now}])
    same = (CONTENDER.c.endpoint_id == DEGRADED) & (CONTENDER.c.simulated == simulated)
    return int(connection.execute(sa.select(CONTENDER.c.id).where(same)).scalar_one())


def retire(connection: Connection, contender_id: int, at: datetime | None) -> None:
    """Take a contender off the boards from a day on, or bring it back; its votes stay."""
    connection.execute(CONTENDER.update().where(CONTENDER.c.id == contender_id).values(retired_at=at))
