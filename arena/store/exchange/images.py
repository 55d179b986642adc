"""Which images are recorded: what travels beside the tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from arena.store.exchange.attempts_in import ENDED, SAME_PROMPT, of_attempts
from arena.store.runs import ARTIFACT, ATTEMPT, IMAGE, PROMPT, TRIAL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

    from arena.store.exchange.columns import Scope


def artifact_hashes(connection: Connection, scope: Scope | None = None) -> Iterator[str]:
    """The hashes of all images that are kept, or of those that attempts of a scope delivered, each once."""
    query = sa.select(ARTIFACT.c.sha256).where(ARTIFACT.c.pruned_at.is_(None)).order_by(ARTIFACT.c.sha256)
    if scope is not None and scope.is_narrowed:
        made = sa.select(IMAGE.c.sha256).join(ATTEMPT, ATTEMPT.c.id == IMAGE.c.attempt_id)
        made = made.join(TRIAL, TRIAL.c.id == ATTEMPT.c.trial_id).join(PROMPT, SAME_PROMPT).where(ENDED)
        query = query.where(ARTIFACT.c.sha256.in_(of_attempts(made, scope).order_by(None)))
    yield from connection.execute(query, execution_options={"yield_per": 10_000}).scalars()
