"""How far a run has got, counted in the database: no row of an attempt leaves it.

Of a run whose attempts were pruned its digest is counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from arena.store import digests, pruned_outcomes
from arena.store.runs import ATTEMPT, TRIAL

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection


@dataclass(frozen=True, slots=True)
class Count:
    """Attempts of one endpoint that came to the same."""

    endpoint: str
    status: str
    failure_kind: str | None
    simulated: bool
    attempts: int
    cost_nano_usd: int | None


def planned(connection: Connection, run_id: str) -> dict[str, int]:
    """Trials by endpoint."""
    query = sa.select(TRIAL.c.endpoint_id, sa.func.count()).where(TRIAL.c.run_id == run_id)
    found = connection.execute(query.group_by(TRIAL.c.endpoint_id).order_by(TRIAL.c.endpoint_id))
    return {row[0]: int(row[1]) for row in found}


def counts(connection: Connection, run_id: str) -> list[Count]:
    """Attempts by endpoint, status and kind of failure, those in flight (`intended`) too."""
    if pruned_outcomes.pruned_runs(connection, run_id):
        return _digested(connection, run_id)
    same = (TRIAL.c.endpoint_id, ATTEMPT.c.status, ATTEMPT.c.failure_kind, ATTEMPT.c.simulated)
    query = (
        sa.select(*same, sa.func.count().label("attempts"), sa.func.sum(ATTEMPT.c.cost_nano_usd).label("cost"))
        .join(ATTEMPT, ATTEMPT.c.trial_id == TRIAL.c.id)
        .where(TRIAL.c.run_id == run_id)
        .group_by(*same)
        .order_by(*same)
    )
    return [
        Count(r.endpoint_id, r.status, r.failure_kind, bool(r.simulated), int(r.attempts), r.cost)
        for r in connection.execute(query)
    ]


def _digested(connection: Connection, run_id: str) -> list[Count]:
    table, same = digests.stored(connection, run_id), ("endpoint", "status", "failure_kind", "simulated")
    for name in same[:-1]:
        table = table.set_column(table.column_names.index(name), name, table[name].cast("string"))
    counted = table.group_by(list(same)).aggregate([([], "count_all"), ("cost_nano_usd", "sum")])
    found = [
        Count(
            row["endpoint"],
            row["status"],
            row["failure_kind"],
            row["simulated"],
            row["count_all"],
            row["cost_nano_usd_sum"],
        )
        for row in counted.to_pylist()
    ]
    return sorted(found, key=lambda c: (c.endpoint, c.status, c.failure_kind or "", c.simulated))


def started_between(
    connection: Connection, run_id: str, since: datetime, until: datetime, *, in_flight: bool
) -> dict[str, int]:
    """How many attempts have started in a stretch of time, by endpoint; `in_flight`: also those that have not ended.

    These are known by when they were written down, just before they were sent.
    """
    started = sa.func.coalesce(ATTEMPT.c.started_at, ATTEMPT.c.intended_at) if in_flight else ATTEMPT.c.started_at
    query = (
        sa.select(TRIAL.c.endpoint_id, sa.func.count())
        .select_from(ATTEMPT)
        .join(TRIAL, TRIAL.c.id == ATTEMPT.c.trial_id)
        .where(started >= since, started <= until, TRIAL.c.run_id == run_id)
        .group_by(TRIAL.c.endpoint_id)
    )
    return {row[0]: int(row[1]) for row in connection.execute(query)}


def first_start(connection: Connection, run_id: str) -> datetime | None:
    """When the first attempt of a run started."""
    query = (
        sa.select(sa.func.min(ATTEMPT.c.started_at))
        .join(TRIAL, TRIAL.c.id == ATTEMPT.c.trial_id)
        .where(TRIAL.c.run_id == run_id)
    )
    found: datetime | None = connection.execute(query).scalar_one()
    return found
