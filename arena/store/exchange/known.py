"""Names that a filter may have."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from arena.store.battles import CONTENDER
from arena.store.runs import RUN_ENDPOINT

if TYPE_CHECKING:
    from sqlalchemy import Connection


def endpoint_ids(connection: Connection) -> set[str]:
    """Every endpoint that a run or a vote was about."""
    names = sa.union(sa.select(RUN_ENDPOINT.c.endpoint_id), sa.select(CONTENDER.c.endpoint_id))
    return set(connection.execute(names).scalars())
