"""When endpoints were last measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from arena.store.runs import ATTEMPT, RUN, RUN_ENDPOINT, TRIAL

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from sqlalchemy import Connection


def last_runs(connection: Connection, endpoints: Iterable[str], *, simulated: bool) -> dict[str, datetime]:
    """When the newest run began in which an attempt was made at each endpoint; who was in none is left out.

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
        .where(RUN_ENDPOINT.c.endpoint_id == sa.bindparam("endpoint"), made.exists())
        .order_by(RUN.c.created_at.desc())
        .limit(1)
    )
    found = {name: connection.execute(query, {"endpoint": name}).scalar_one_or_none() for name in endpoints}
    return {name: moment for name, moment in found.items() if moment is not None}
