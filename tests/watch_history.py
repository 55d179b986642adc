"""Days of measurements for the watch, written through the store: one run a day, at dates of the test's choice."""

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np

from arena.domain.failure import FailureKind
from arena.domain.outcome import Cost, CostSource
from arena.domain.run import RunStatus
from arena.domain.score import Score
from arena.store import attempts, digests, runs, scores
from tests.factories import (
    failed,
    make_artifact,
    make_endpoint,
    make_plan,
    make_prompt,
    make_run,
    make_trial,
    succeeded,
)

PROMPTS = {f"p{i}": make_prompt(f"p{i}") for i in range(10)}
MS = 1_000_000


@dataclass
class Day:
    """What a day is like: `slower` is relative, `failures` a share, `scores` are added to those of the images."""

    slower: dict[str, float] = field(default_factory=dict)
    usd: dict[str, str] = field(default_factory=dict)
    failures: dict[str, float] = field(default_factory=dict)
    scores: dict[str, float] = field(default_factory=dict)


def write_day(
    database, at, day=None, *, endpoints=("lab/one", "lab/two"), trials=40, plan="daily", scorer=None, **changes
):
    """A finished run of `trials` at each endpoint, begun at `at`; 2 % of noise between days, 15 % between trials.

    With an instrument as `scorer` every image is scored, by prompt and with a standard deviation of 2 between images.
    """
    day, run_id = day or Day(), f"{at:%Y%m%d-%H%M%S}-{plan}"
    rng = np.random.default_rng(int(at.timestamp()))
    cells = [
        make_trial(i, name, f"p{k % len(PROMPTS)}", repetition=k // len(PROMPTS))
        for i, (k, name) in enumerate((k, name) for k in range(trials) for name in endpoints)
    ]
    simulated = changes.pop("simulated", True)
    made = make_run(make_plan(name=plan, endpoints=list(endpoints), **changes), run_id, created_at=at,
                    simulated=simulated)  # fmt: skip
    known = [(make_endpoint(name, simulated=simulated), None) for name in endpoints]
    level = {name: rng.normal(0, 0.02) + np.log1p(day.slower.get(name, 0.0)) for name in endpoints}
    with database.write() as connection:
        stored = runs.create_run(connection, made, known, cells, PROMPTS, "o:1:1")
        ids = attempts.write_intents(connection, [attempts.Intent(s.id, 1, simulated) for s in stored])
        ended = []
        for attempt, entry in zip(ids, stored, strict=True):
            name, when = entry.trial.endpoint_id, at + timedelta(seconds=entry.trial.seq)
            if rng.random() < day.failures.get(name, 0.0):
                outcome = failed(FailureKind.PROVIDER_ERROR, started_at=when, simulated=simulated)
            else:
                usual = 7 + 0.05 * int(entry.trial.prompt_id[1:]) + level[name]
                took_ns = int(np.exp(usual + rng.normal(0, 0.15)) * MS)
                cost = Cost(usd=Decimal(day.usd.get(name, "0.01")), source=CostSource.BOOK)
                outcome = succeeded(took_ns, took_ns, started_at=when, simulated=simulated, images=(image(entry),))
                outcome = outcome.model_copy(update={"cost": cost})
            ended.append(attempts.Ended(attempt, outcome))
        attempts.write_outcomes(connection, ended)
        if scorer is not None:
            values = [30 + int(s.trial.prompt_id[1:]) + rng.normal(0, 2) + day.scores.get(s.trial.endpoint_id, 0.0)
                      for s in stored]  # fmt: skip
            score(connection, scorer, stored, values, at)
        runs.end_run(connection, run_id, "o:1:1", RunStatus.FINISHED)
    digests.digest(database, run_id)
    return run_id


def image(stored):
    """The image of a trial, which is like no other."""
    return make_artifact(hashlib.sha256(str(stored.id).encode()).hexdigest())


def score(connection, scorer, stored, values, at):
    """What an instrument says of the images of trials."""
    number, about = scores.register(connection, scorer), {"against": "", "tool_version": "1", "device": "cpu"}
    told = []
    for one, value in zip(stored, values, strict=True):
        prompt = PROMPTS[one.trial.prompt_id]
        told.append(Score(image_sha256=image(one).sha256, prompt_id=prompt.id, prompt_sha256=prompt.sha256, value=value,
                          **about))  # fmt: skip
    scores.write_scores(connection, [(number, one) for one in told], at)


def write_days(database, first, days, like=lambda _: None, **more):
    """One run a day from `first` on; `like(i)` says what day i is like."""
    for i in range(days):
        write_day(database, first + timedelta(days=i), like(i), **more)
    return first + timedelta(days=days - 1, hours=2)


def noon(year, month, day):
    """An instant in UTC."""
    return datetime(year, month, day, 12, tzinfo=UTC)
