"""What the steps of a capacity search say: latency against load, and which rate holds the objective.

A step is one stored run whose requests were due at the instants of a Poisson process. Latencies count from those
instants, so that a request that had to wait, for the provider or for the endpoint's own limits, is as late as it was
(Tene 2013, "coordinated omission"). Everything here is a pure function of stored rows and can be had again at any time.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from typing import TYPE_CHECKING, Any

from arena.metrics.figures import successes
from arena.metrics.intervals import quantile, wilson
from arena.metrics.objective import (
    QUANTILES,
    Objective,
    Sample,
    Verdict,
    latency_quantile,
    parse_objective,
    sample_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from arena.domain.run import Run
    from arena.metrics.base import Figure

NAME = "capacity"
"""What the plans of a search's runs are called, with a stamp behind it that only this search has."""
_DESCRIPTION = re.compile(r"capacity of (?P<endpoint>\S+) under (?P<objective>.+), repeat (?P<repeat>\d+)")
_OWN_LATENESS_MS = 50.0
"""With a 95th percentile of our own lateness above this, and above a twentieth of the median, no failure is proven."""
_SLOWED = 1.25
"""How many times slower than at the lowest rate a provider is called slowed, where the intervals say so, too."""


class LimitedBy(StrEnum):
    """What the first rate that does not hold ran into."""

    PROVIDER = "the provider"
    ENDPOINT_LIMITS = "the endpoint's limits in Arena's data"
    THIS_MACHINE = "this machine, which fired too late"


@dataclass(frozen=True, slots=True)
class LoadStep:
    """One stored run of a search: its rate, which repeat at this rate it belongs to, and its outcome rows."""

    run_id: str
    rate_per_s: float
    repeat: int
    rows: pd.DataFrame

    @property
    def sample(self) -> Sample:
        """Its requests that count."""
        return sample_of(self.rows)


@dataclass(frozen=True, slots=True)
class LoadPoint:
    """All steps at one rate. `from_due` are quantiles (p50, p90, p95, p99) of the milliseconds from the due instant, in
    which an attempt that the provider failed never arrives; `sent_p50` is that of successes from when they were sent.

    `waited_share` is the share of requests that had to wait for the endpoint's limits in Arena's data,
    `own_late_p95_ms` by how much this machine itself fired late. `verdict` holds where every repeat does, and fails
    where any does; `seconds` is how long the shortest of its steps was (a queue that grows more slowly than that does
    not show); `waits_decide` says that it would not fail if latencies counted from when a request was sent.
    """

    rate_per_s: float
    delivered_per_s: float | None
    n: int
    from_due: dict[str, Figure]
    success: Figure
    sent_p50: Figure
    waited_share: float
    own_late_p95_ms: float | None
    repeats: int
    seconds: float
    verdict: Verdict
    waits_decide: bool
    run_ids: tuple[str, ...]

    @property
    def trusted(self) -> bool:
        """Whether this machine fired its requests when they were due."""
        late, median = self.own_late_p95_ms or 0.0, self.sent_p50.value or 0.0
        return late <= max(_OWN_LATENESS_MS, median / 20)


@dataclass(frozen=True, slots=True)
class Capacity:
    """What was found: the highest rate that held, the lowest that failed, those between that cannot be told."""

    endpoint: str
    objective: Objective
    simulated: bool
    holds: LoadPoint | None
    fails: LoadPoint | None
    untold: tuple[float, ...]
    limited_by: LimitedBy | None
    points: tuple[LoadPoint, ...]


def describe(endpoint_id: str, objective: Objective, repeat: int) -> str:
    """The description of a step's plan; `read_steps` understands it."""
    return f"capacity of {endpoint_id} under {objective}, repeat {repeat}"


def read_steps(found: Sequence[tuple[Run, pd.DataFrame]]) -> tuple[str, Objective, list[LoadStep]]:
    """The endpoint, the objective and the steps of a search from its runs and their outcome rows.

    ValueError if a run is no step of a search.
    """
    steps, told = [], None
    for run, rows in found:
        told = _DESCRIPTION.fullmatch(run.plan.description)
        if told is None or run.plan.load.rate_per_s is None:
            raise ValueError(f"run {run.id} is no step of a capacity search")
        steps.append(LoadStep(run.id, run.plan.load.rate_per_s, int(told["repeat"]), rows))
    if told is None:
        raise ValueError("there is no run of a capacity search")
    return told["endpoint"], parse_objective(told["objective"]), steps


def capacity(endpoint_id: str, objective: Objective, steps: Sequence[LoadStep]) -> Capacity:
    """What the steps of one endpoint come to; steps may be missing, as after an interruption."""
    points = curve(objective, steps)
    ceiling = next((p for p in points if p.verdict is not Verdict.HOLDS), None)
    held = [p for p in points if ceiling is None or p.rate_per_s < ceiling.rate_per_s]
    fails = next((p for p in points if p.verdict is Verdict.FAILS), None)
    return Capacity(
        endpoint=endpoint_id,
        objective=objective,
        simulated=any(bool(step.rows["simulated"].any()) for step in steps),
        holds=held[-1] if held else None,
        fails=fails,
        untold=tuple(p.rate_per_s for p in points if p.verdict is Verdict.UNTOLD),
        limited_by=None if ceiling is None else _limit(ceiling, points[0]),
        points=tuple(points),
    )


def curve(objective: Objective, steps: Sequence[LoadStep]) -> list[LoadPoint]:
    """Latency against load: one point a rate, lowest first; rates without an outcome are left out."""
    known = sorted((s for s in steps if (s.rows["phase"] == "measure").any()), key=lambda s: s.rate_per_s)
    return [_point(objective, list(at)) for _, at in groupby(known, key=lambda s: s.rate_per_s)]


def _point(objective: Objective, steps: Sequence[LoadStep]) -> LoadPoint:
    import pandas as pd

    repeats: dict[int, Sample] = {}
    for step in steps:
        repeats[step.repeat] = repeats.get(step.repeat, Sample()) + step.sample
    pooled = sum(repeats.values(), Sample())
    rows = pd.concat([s.rows[s.rows["phase"] == "measure"] for s in steps], ignore_index=True)
    own_late_ms = (rows["lateness_ms"] - rows["slot_wait_ms"]).dropna().tolist()
    point = LoadPoint(
        rate_per_s=steps[0].rate_per_s,
        delivered_per_s=_delivered_per_s(steps),
        n=pooled.n,
        from_due={name: latency_quantile(pooled.latencies_ms, q) for name, q in QUANTILES.items()},
        success=wilson(pooled.succeeded, pooled.n),
        sent_p50=quantile(successes(rows)["time_to_image_ms"].dropna().tolist(), 0.5),
        waited_share=float((rows["slot_wait_ms"].fillna(0.0) > 1.0).mean()),
        own_late_p95_ms=quantile(own_late_ms, 0.95).value,
        repeats=len(repeats),
        seconds=min(len(s.rows[s.rows["phase"] == "measure"]) / s.rate_per_s for s in steps),
        verdict=_verdict([objective.verdict(sample) for sample in repeats.values()]),
        waits_decide=objective.verdict(_sent_sample(rows)) is not Verdict.FAILS,
        run_ids=tuple(step.run_id for step in steps),
    )
    if point.trusted or point.verdict is Verdict.HOLDS:  # an objective that holds in spite of our lateness holds
        return point
    return _untold(point)


def _untold(point: LoadPoint) -> LoadPoint:
    from dataclasses import replace

    return replace(point, verdict=Verdict.UNTOLD)


def _verdict(repeats: Sequence[Verdict]) -> Verdict:
    if Verdict.FAILS in repeats:
        return Verdict.FAILS
    return Verdict.UNTOLD if Verdict.UNTOLD in repeats else Verdict.HOLDS


def _sent_sample(rows: pd.DataFrame) -> Sample:
    """As if every request had counted from when it left."""
    return sample_of(rows.assign(lateness_ms=0.0))


def _delivered_per_s(steps: Sequence[LoadStep]) -> float | None:
    """Images that came as asked, per second from the first request's departure to the last image, over all steps.

    A step without one lasts until its last request was over: how long failures hang on slows no image down.
    """
    won, seconds = 0, 0.0
    for step in steps:
        rows = step.rows[step.rows["phase"] == "measure"].dropna(subset=["started_at", "ended_ms"])
        if rows.empty:
            continue
        images = successes(rows)
        last_ms = rows["ended_ms"] if images.empty else images["time_to_image_ms"]
        begun_s = (rows["started_at"] - rows["started_at"].min()).dt.total_seconds()
        seconds += float((begun_s[last_ms.index] + last_ms.astype(float) / 1000).max())
        won += len(images)
    return won / seconds if seconds > 0 else None


def _limit(ceiling: LoadPoint, lowest: LoadPoint) -> LimitedBy | None:
    """What the ceiling ran into. That requests wait while the provider is as fast as ever is our limits' doing."""
    if not ceiling.trusted:
        return LimitedBy.THIS_MACHINE
    if ceiling.verdict is not Verdict.FAILS:
        return None
    waited = ceiling.waits_decide and ceiling.waited_share > 0.05
    return LimitedBy.ENDPOINT_LIMITS if waited and not _slowed(ceiling, lowest) else LimitedBy.PROVIDER


def _slowed(ceiling: LoadPoint, lowest: LoadPoint) -> bool:
    now, then = ceiling.sent_p50, lowest.sent_p50
    if now.value is None or then.value is None or now.low is None or then.high is None:
        return False
    return now.low > then.high and now.value > _SLOWED * then.value


def as_json(found: Capacity) -> dict[str, Any]:
    """The same for machines and charts; a quantile that failures reach, and is never met, is null with its n."""
    return {
        "endpoint": found.endpoint,
        "objective": str(found.objective),
        "simulated": found.simulated,
        "holds_per_s": None if found.holds is None else found.holds.rate_per_s,
        "held_repeats": 0 if found.holds is None else found.holds.repeats,
        "fails_per_s": None if found.fails is None else found.fails.rate_per_s,
        "cannot_be_told_per_s": list(found.untold),
        "limited_by": found.limited_by,
        "curve": [_point_json(point) for point in found.points],
    }


def _point_json(point: LoadPoint) -> dict[str, Any]:
    return {
        "rate_per_s": point.rate_per_s,
        "verdict": point.verdict,
        "repeats": point.repeats,
        "step_s": point.seconds,
        "n": point.n,
        "delivered_per_s": point.delivered_per_s,
        **{f"from_due_{name}_ms": _figure_json(figure) for name, figure in point.from_due.items()},
        "success_rate": _figure_json(point.success),
        "time_to_image_p50_ms": _figure_json(point.sent_p50),
        "waited_share": point.waited_share,
        "own_lateness_p95_ms": point.own_late_p95_ms,
        "run_ids": list(point.run_ids),
    }


def _figure_json(figure: Figure) -> dict[str, float | int | None]:
    ends = {"value": figure.value, "low": figure.low, "high": figure.high}
    return {"n": figure.n, **{k: v if v is not None and math.isfinite(v) else None for k, v in ends.items()}}
