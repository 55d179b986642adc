"""Scores of images by machines over a stretch of time, as the watch compares them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import sqlalchemy as sa

from arena.domain.outcome import AttemptStatus
from arena.domain.plan import Phase
from arena.store.runs import ATTEMPT, IMAGE, TRIAL
from arena.store.scores import SCORE
from arena.store.watched import workloads

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from sqlalchemy import Connection

COLUMNS = ("instrument", "endpoint", "simulated", "started_at", "prompt", "score")


def machine_scores(
    connection: Connection, start: datetime, end: datetime, instruments: Collection[int]
) -> pd.DataFrame:
    """One row a delivered image and instrument of `instruments` (row ids), in `COLUMNS`.

    `prompt` is the prompt as it was asked for, with the size and whatever else the run asked for. Where an image was
    held against something else since, the newest score counts. Warm-up, and runs that do not count, are left out.
    """
    asked = workloads(connection, start, end) if instruments else {}
    rows = [row for run_id in asked for row in connection.execute(_of_run(run_id, instruments, start, end))]
    keys = ["attempt", "position", "instrument"]
    names = ["run", "endpoint", "simulated", "started_at", "prompt_id", "prompt_sha256", *keys, "score"]
    frame = pd.DataFrame([tuple(row) for row in rows], columns=names).drop_duplicates(keys, keep="last")
    frame["prompt"] = [
        f"{prompt} {sha256} {asked[run]}"
        for prompt, sha256, run in zip(frame["prompt_id"], frame["prompt_sha256"], frame["run"], strict=True)
    ]
    frame["started_at"] = pd.to_datetime(frame["started_at"], utc=True)
    return frame[list(COLUMNS)].reset_index(drop=True)


def _of_run(run_id: str, instruments: Collection[int], start: datetime, end: datetime) -> sa.Select[tuple[object, ...]]:
    """By run, because that is how trials are found at once; oldest score first."""
    mine = (
        (SCORE.c.image_sha256 == IMAGE.c.sha256)
        & (SCORE.c.prompt_id == TRIAL.c.prompt_id)
        & (SCORE.c.prompt_sha256 == TRIAL.c.prompt_sha256)
    )
    return (
        sa.select(
            TRIAL.c.run_id, TRIAL.c.endpoint_id, ATTEMPT.c.simulated, ATTEMPT.c.started_at, TRIAL.c.prompt_id,
            TRIAL.c.prompt_sha256, IMAGE.c.attempt_id, IMAGE.c.position, SCORE.c.instrument_id, SCORE.c.value,
        )
        .select_from(TRIAL)
        .join(ATTEMPT, ATTEMPT.c.trial_id == TRIAL.c.id)
        .join(IMAGE, IMAGE.c.attempt_id == ATTEMPT.c.id)
        .join(SCORE, mine)
        .where(
            TRIAL.c.run_id == run_id,
            TRIAL.c.phase == Phase.MEASURE,
            ATTEMPT.c.status == AttemptStatus.SUCCEEDED,
            ATTEMPT.c.started_at >= start,
            ATTEMPT.c.started_at < end,
            # Plus 0, so that no planner begins with every score of an instrument, run after run.
            (SCORE.c.instrument_id + 0).in_(instruments),
            SCORE.c.value.is_not(None),
        )
        .order_by(TRIAL.c.seq, IMAGE.c.position, SCORE.c.scored_at)
    )  # fmt: skip
