"""How figures went over time: the same figures as in the table, by hour or by day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from arena.reports.summary import by_endpoint

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from arena.metrics.base import Figure, Metric
    from arena.reports.windows import Window

HOURLY_UP_TO = timedelta(days=3)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Point:
    """One figure of one endpoint over one hour or day, which begins at `at` (UTC)."""

    at: datetime
    figure: Figure


@dataclass(frozen=True, slots=True)
class Trend:
    """One endpoint's figure over time; hours or days without an attempt have no point."""

    endpoint: str
    simulated: bool
    points: tuple[Point, ...]


def step_of(window: Window) -> timedelta:
    """Hours for a few days, days for longer."""
    return timedelta(hours=1) if window.end - window.start <= HOURLY_UP_TO else timedelta(days=1)


def trends(outcomes: pd.DataFrame, metric: Metric, step: timedelta) -> list[Trend]:
    """A figure by endpoint and stretch of time (UTC hours or days), in the order of the endpoints' names."""
    found = [_trend(rows, metric, step) for rows in by_endpoint(outcomes)]
    return sorted(found, key=lambda trend: (trend.simulated, trend.endpoint))


def _trend(rows: pd.DataFrame, metric: Metric, step: timedelta) -> Trend:
    sent = rows["started_at"].notna().to_numpy()
    at_us = rows["started_at"].astype("datetime64[us, UTC]").astype("int64").to_numpy()
    bucket = np.where(sent, at_us // (step // timedelta(microseconds=1)), -1)
    order = np.argsort(bucket, kind="stable")
    begins = np.flatnonzero(np.diff(bucket[order], prepend=-1))
    ends = [*begins[1:].tolist(), len(order)]
    points = tuple(
        Point(_EPOCH + int(bucket[order[begin]]) * step, metric.compute(rows.take(order[begin:end])))
        for begin, end in zip(begins.tolist(), ends, strict=True)
    )
    return Trend(str(rows["endpoint"].iloc[0]), bool(rows["simulated"].iloc[0]), points)


def flat_rows(found: Sequence[Trend], metric: Metric) -> list[dict[str, object]]:
    """One row a point: what files hold."""
    return [
        {
            "endpoint": trend.endpoint,
            "simulated": trend.simulated,
            "at": point.at,
            metric.name: point.figure.value,
            f"{metric.name}_n": point.figure.n,
            f"{metric.name}_low": point.figure.low,
            f"{metric.name}_high": point.figure.high,
        }
        for trend in found
        for point in trend.points
    ]
