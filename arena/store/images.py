"""The images that came, each with the attempt that brought it: as a data frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import sqlalchemy as sa

from arena.store.runs import ARTIFACT, ATTEMPT, IMAGE, TRIAL

if TYPE_CHECKING:
    from sqlalchemy import Connection


def delivered_images(connection: Connection, run_id: str) -> pd.DataFrame:
    """Every image of a run in the order of its trials: columns run_id, trial, attempt, position (from 0), sha256.

    Those whose bytes were pruned are left out.
    """
    query = (
        sa.select(
            TRIAL.c.run_id,
            TRIAL.c.seq.label("trial"),
            ATTEMPT.c.number.label("attempt"),
            IMAGE.c.position,
            IMAGE.c.sha256,
        )
        .select_from(IMAGE)
        .join(ATTEMPT, ATTEMPT.c.id == IMAGE.c.attempt_id)
        .join(TRIAL, TRIAL.c.id == ATTEMPT.c.trial_id)
        .join(ARTIFACT, ARTIFACT.c.sha256 == IMAGE.c.sha256)
        .where(TRIAL.c.run_id == run_id, ARTIFACT.c.pruned_at.is_(None))
        .order_by(TRIAL.c.seq, ATTEMPT.c.number, IMAGE.c.position)
    )
    result = connection.execute(query)
    return pd.DataFrame([tuple(row) for row in result], columns=list(result.keys()))


def pruned_images(connection: Connection, run_id: str) -> int:
    """How many images of a run were delivered whose bytes are pruned by now."""
    query = (
        sa.select(sa.func.count())
        .select_from(IMAGE)
        .join(ATTEMPT, ATTEMPT.c.id == IMAGE.c.attempt_id)
        .join(TRIAL, TRIAL.c.id == ATTEMPT.c.trial_id)
        .join(ARTIFACT, ARTIFACT.c.sha256 == IMAGE.c.sha256)
        .where(TRIAL.c.run_id == run_id, ARTIFACT.c.pruned_at.is_not(None))
    )
    return int(connection.execute(query).scalar_one())
