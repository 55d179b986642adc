"""The figures that are watched, each as a series of days: what counts as a level, how many trials a day needs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from arena.metrics.figures import numbers, reached, succeeded
from arena.metrics.levels import Levels
from arena.metrics.price_steps import Charges
from arena.metrics.rates import Rates

if TYPE_CHECKING:
    from numpy.typing import NDArray

US_PER_DAY = 86_400_000_000
QUANTILE = {"p50": 0.5, "p95": 0.95}
LEAST_TRIALS = {"p50": 8, "p95": 20, "success": 5, "price": 3, "quality": 10}
"""What a day needs before it says anything."""
LATENCY_FLOOR = 0.015
"""Days are taken to differ by 1.5 % at least, however alike those before were."""
PRICE_FLOOR = 0.01
QUALITY_FLOOR = 0.2
"""Days are taken to differ by a fifth of what is worth knowing at least."""
NANO = 1e9


def utc_days(rows: pd.DataFrame) -> NDArray[np.int64]:
    """The UTC day (n,) on which each row was sent, since 1970; -1 where nobody knows."""
    sent = rows["started_at"].notna().to_numpy()
    at_us = rows["started_at"].astype("datetime64[us, UTC]").astype("int64").to_numpy()
    return np.where(sent, at_us // US_PER_DAY, -1)


def latency(rows: pd.DataFrame, figure: str, worth: float) -> Levels | None:
    """Logarithms of time to image of one endpoint's successes; `worth` is relative. None where there is none."""
    day, took_ms = utc_days(rows), numbers(rows, "time_to_image_ms")
    here = succeeded(rows) & (took_ms > 0) & (day >= 0)
    return log_levels(day[here], requests(rows)[here], took_ms[here], figure, worth)


def log_levels(
    day: NDArray[np.int64], request: NDArray[np.int64], took_ms: NDArray[np.float64], figure: str, worth: float
) -> Levels | None:
    """The same from arrays (m,)."""
    if not day.size:
        return None
    least, relative = LEAST_TRIALS[figure], math.log1p(worth)
    return Levels(day, request, np.log(took_ms), q=QUANTILE[figure], least=least, worth=relative, floor=LATENCY_FLOOR)


def success(rows: pd.DataFrame, worth: float) -> Rates | None:
    """Failures among the attempts that the success rate counts."""
    day = utc_days(rows)
    here = reached(rows) & (day >= 0)
    if not here.any():
        return None
    days, place, n = np.unique(day[here], return_inverse=True, return_counts=True)
    failed = np.bincount(place, ~succeeded(rows)[here], days.size).astype(np.int64)
    return Rates(days, failed, n, worth=worth, least=LEAST_TRIALS["success"])


def charges(rows: pd.DataFrame) -> Charges | None:
    """What each success with a known price cost an image."""
    day, cost_usd, images = utc_days(rows), numbers(rows, "cost_usd"), numbers(rows, "image_count")
    here = succeeded(rows) & (day >= 0) & (cost_usd > 0) & (images > 0)
    if not here.any():
        return None
    order = np.argsort(rows["started_at"].astype("int64").to_numpy()[here], kind="stable")
    nano = np.rint(cost_usd[here] / images[here] * NANO).astype(np.int64)
    workload, _ = pd.factorize(rows["workload"][here])
    return Charges(day[here][order], requests(rows)[here][order], np.asarray(workload)[order], nano[order])


def price_levels(found: Charges, worth: float) -> Levels:
    """Prices that differ from call to call, as a level like a latency's."""
    value, least = np.log(found.nano_usd.astype(float)), LEAST_TRIALS["price"]
    return Levels(found.day, found.request, value, q=0.5, least=least, worth=math.log1p(worth), floor=PRICE_FLOOR)


def quality(scores: pd.DataFrame, worth: float) -> Levels | None:
    """Scores of one endpoint's images: columns `day` (since 1970), `prompt`, `score`."""
    if scores.empty:
        return None
    day, value = scores["day"].to_numpy(dtype=np.int64), scores["score"].to_numpy(dtype=float)
    prompt, _ = pd.factorize(scores["prompt"])
    codes, least = np.asarray(prompt, dtype=np.int64), LEAST_TRIALS["quality"]
    return Levels(day, codes, value, q=None, least=least, worth=worth, floor=QUALITY_FLOOR * worth)


def requests(rows: pd.DataFrame) -> NDArray[np.int64]:
    """Codes (n,) of prompt and workload together: what is asked again and again."""
    prompt, _ = pd.factorize(rows["prompt_id"])
    workload, names = pd.factorize(rows["workload"])
    codes, _ = pd.factorize(np.asarray(prompt, dtype=np.int64) * max(1, len(names)) + workload)
    return np.asarray(codes, dtype=np.int64)
