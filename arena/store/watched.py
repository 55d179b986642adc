"""What the watch reads: which runs count, what each of them asked for, and votes by the day of the image."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import sqlalchemy as sa

from arena.domain.battle import Purpose, Verdict, VoterKind
from arena.store import windows
from arena.store.battles import BATTLE, CONTENDER, VOTE
from arena.store.runs import ATTEMPT, COUNTS, RUN

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy import Connection

LONGEST_RUN = timedelta(days=60)
COLUMNS = (
    "endpoint", "phase", "prompt_id", "status", "failure_blame", "started_at", "time_to_image_ms", "cost_usd",
    "image_count", "run_id",
)  # fmt: skip


def outcomes(connection: Connection, start: datetime, end: datetime) -> pd.DataFrame:
    """The attempts of a stretch of time in `COLUMNS`, `simulated`, and `workload`: what their run asked for."""
    asked = workloads(connection, start, end)
    frame = windows.outcomes(connection, windows.Between(start, end), COLUMNS, runs=asked)
    runs = frame["run_id"].cat
    names = sorted({asked[run_id] for run_id in runs.categories})
    place = np.array([*(names.index(asked[run_id]) for run_id in runs.categories), -1], dtype=np.int32)
    frame["workload"] = pd.Categorical.from_codes(place[runs.codes], categories=pd.Index(names, dtype="str"))
    return frame


def workloads(connection: Connection, start: datetime, end: datetime) -> Mapping[str, str]:
    """For each run that counts: the request, the load and the region it was made with, as one text.

    What a plan asks for belongs to what is compared: when a user asks for larger images, no provider has become slower.
    """
    query = sa.select(RUN.c.id, RUN.c.plan_json, RUN.c.environment_json).where(
        RUN.c.created_at < end, RUN.c.created_at >= start - LONGEST_RUN, COUNTS
    )
    return {row.id: _workload(row.plan_json, row.environment_json) for row in connection.execute(query)}


def _workload(plan_json: str, environment_json: str) -> str:
    plan = json.loads(plan_json)
    region = json.loads(environment_json).get("region")
    return json.dumps([plan.get("request"), plan.get("load"), region], sort_keys=True)


@dataclass(frozen=True, slots=True)
class ImageVote:
    """A vote that counts on two images that were made here; `result` is 0 for the left one, 1 the right one, 2 none."""

    simulated: bool
    left: str
    right: str
    left_made: datetime
    right_made: datetime
    result: int


def image_votes(connection: Connection, start: datetime) -> list[ImageVote]:
    """Votes of people on pairs of which both images were made here, cast since `start`, oldest first."""
    sides = [CONTENDER.alias(name) for name in ("left_contender", "right_contender")]
    attempts = [ATTEMPT.alias(name) for name in ("left_attempt", "right_attempt")]
    query = (
        sa.select(
            VOTE.c.simulated,
            VOTE.c.verdict,
            *(side.c.endpoint_id.label(name) for side, name in zip(sides, ("left", "right"), strict=True)),
            *(a.c.started_at.label(name) for a, name in zip(attempts, ("left_made", "right_made"), strict=True)),
        )
        .join(BATTLE, BATTLE.c.id == VOTE.c.battle_id)
        .join(sides[0], sides[0].c.id == BATTLE.c.left_contender)
        .join(sides[1], sides[1].c.id == BATTLE.c.right_contender)
        .join(attempts[0], attempts[0].c.id == BATTLE.c.left_attempt_id)
        .join(attempts[1], attempts[1].c.id == BATTLE.c.right_attempt_id)
        .where(
            VOTE.c.undone_at.is_(None), VOTE.c.quarantine.is_(None), VOTE.c.kind == VoterKind.HUMAN,
            VOTE.c.verdict != Verdict.SKIP, VOTE.c.purpose == Purpose.RATE, VOTE.c.cast_at >= start,
            *(a.c.started_at.is_not(None) for a in attempts),
        )
        .order_by(VOTE.c.id)
    )  # fmt: skip
    result = {Verdict.LEFT.value: 0, Verdict.RIGHT.value: 1}
    found = []
    for row in connection.execute(query):
        made = _aware(row.left_made), _aware(row.right_made)
        found.append(ImageVote(row.simulated, row.left, row.right, *made, result.get(row.verdict, 2)))
    return found


def _aware(moment: datetime) -> datetime:
    """SQLite gives instants back without the zone they were stored in."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
