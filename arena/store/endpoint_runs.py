"""When endpoints were last measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from arena.store import digests
from arena.store.runs import ATTEMPT, COUNTS, DIGEST, RUN, RUN_ENDPOINT, TRIAL

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from sqlalchemy import Connection


def last_runs(connection: Connection, endpoints: Iterable[str], *, simulated: bool) -> dict[str, datetime]:
    """When the newest measurement began in which an attempt was made at each endpoint; who was in none is left out.

    Of runs whose attempts were pruned their digests say so.
    Asked one by one: the newest run of an endpoint is found at once, while one question for all reads every attempt.
    """
    made = (
        sa.select(ATTEMPT.c.id)
        .join(TRIAL, TRIAL.c.id == ATTEMPT.c.trial_id)
        .where(
            TRIAL.c.run_id == RUN_ENDPOINT.c.run_id,
            TRIAL.c.endpoint_id == RUN_ENDPOINT.c.endpoint_id,
            ATTEMPT.c.simulated == simulated,
        )
    )
    query = (
        sa.select(RUN.c.created_at)
        .join(RUN_ENDPOINT, RUN_ENDPOINT.c.run_id == RUN.c.id)
        .where(RUN_ENDPOINT.c.endpoint_id == sa.bindparam("endpoint"), COUNTS, made.exists())
        .order_by(RUN.c.created_at.desc())
        .limit(1)
    )
    found = {}
    for name in endpoints:
        kept = connection.execute(query, {"endpoint": name}).scalar_one_or_none()
        latest = _newest_pruned(connection, name, kept, simulated=simulated) or kept
        if latest is not None:
            found[name] = latest
    return found


def _newest_pruned(
    connection: Connection, endpoint: str, since: datetime | None, *, simulated: bool
) -> datetime | None:
    """When the newest run began that began later and of whose attempts there only a digest is left."""
    query = (
        sa.select(RUN.c.id, RUN.c.created_at)
        .join(RUN_ENDPOINT, RUN_ENDPOINT.c.run_id == RUN.c.id)
        .join(DIGEST, DIGEST.c.run_id == RUN.c.id)
        .where(RUN_ENDPOINT.c.endpoint_id == endpoint, COUNTS, RUN.c.attempts_pruned_at.is_not(None))
        .order_by(RUN.c.created_at.desc())
    )
    for row in connection.execute(query if since is None else query.where(RUN.c.created_at > since)).all():
        told = digests.stored(connection, row.id, ("endpoint", "simulated"))
        if (endpoint, simulated) in zip(told["endpoint"].to_pylist(), told["simulated"].to_pylist(), strict=True):
            began: datetime = row.created_at
            return began
    return None
