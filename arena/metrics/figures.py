"""The figures of the summary, one literal and one function each.

Rows are those of one endpoint with `phase = measure`. A success is an image that was delivered, decodes, and has the
size that was asked for. Latencies are of successes only; the success rate stands beside them, so that failing fast
impresses nobody. Intervals know which trials share a prompt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from arena.metrics.base import Figure, Metric
from arena.metrics.intervals import clustered_rate, quantile

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from arena.metrics.clusters import Labels

    Mask = NDArray[np.bool_]


def succeeded(rows: pd.DataFrame) -> Mask:
    """Which rows (n,) brought what was asked for."""
    return np.asarray(rows["status"] == "succeeded", dtype=bool)


def successes(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows that brought what was asked for."""
    return rows[succeeded(rows)]


def reached(rows: pd.DataFrame) -> Mask:
    """Which rows (n,) the success rate counts: successes, and failures that are the provider's."""
    to_blame = (rows["failure_blame"] == "provider").to_numpy(dtype=bool, na_value=False)
    return np.asarray(succeeded(rows) | to_blame, dtype=bool)


def counted(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows that the success rate counts."""
    return rows[reached(rows)]


def numbers(rows: pd.DataFrame, column: str) -> NDArray[np.float64]:
    """A column (n,) as floats, NaN where a value is missing."""
    return rows[column].to_numpy(dtype=float, na_value=np.nan)


def attempts(rows: pd.DataFrame) -> Figure:
    """All attempts that have ended or whose end is unknown."""
    return Figure(float(len(rows)), len(rows))


def success_rate(rows: pd.DataFrame) -> Figure:
    """Successes over attempts that reached the provider; moderation and failures of ours are left out on both sides."""
    here = reached(rows)
    return clustered_rate(succeeded(rows)[here], prompts(rows, here))


def prompts(rows: pd.DataFrame, here: Mask | None = None) -> Labels:
    """The prompt of each row (of those `here`): what intervals are clustered by."""
    import pandas as pd

    column = rows["prompt_id"]
    if isinstance(column.dtype, pd.CategoricalDtype):
        coded = column.cat.codes.to_numpy()
        return coded if here is None else coded[here]
    some = column if here is None else column[here]
    return [None if missing else p for p, missing in zip(some, some.isna(), strict=True)]


def quantile_of(values: NDArray[np.float64], rows: pd.DataFrame, q: float, among: Mask) -> Figure:
    """A quantile of values (n,) that stand beside rows, where they are known, clustered by prompt."""
    here = among & ~np.isnan(values)
    return quantile(values[here], q, prompts(rows, here))


def _quantile_of(rows: pd.DataFrame, column: str, q: float) -> Figure:
    return quantile_of(numbers(rows, column), rows, q, succeeded(rows))


def ttfb_p50(rows: pd.DataFrame) -> Figure:
    """Median of result − sent."""
    return _quantile_of(rows, "ttfb_ms", 0.5)


def generation_p50(rows: pd.DataFrame) -> Figure:
    """Median of the end of the result answer − sent."""
    return _quantile_of(rows, "generation_ms", 0.5)


def generation_p95(rows: pd.DataFrame) -> Figure:
    """95th percentile of the end of the result answer − sent."""
    return _quantile_of(rows, "generation_ms", 0.95)


def time_to_image_p50(rows: pd.DataFrame) -> Figure:
    """Median of last image byte − sent."""
    return _quantile_of(rows, "time_to_image_ms", 0.5)


def time_to_image_p90(rows: pd.DataFrame) -> Figure:
    """90th percentile of last image byte − sent."""
    return _quantile_of(rows, "time_to_image_ms", 0.9)


def time_to_image_p95(rows: pd.DataFrame) -> Figure:
    """95th percentile of last image byte − sent."""
    return _quantile_of(rows, "time_to_image_ms", 0.95)


def time_to_image_p99(rows: pd.DataFrame) -> Figure:
    """99th percentile of last image byte − sent."""
    return _quantile_of(rows, "time_to_image_ms", 0.99)


def cost_per_image(rows: pd.DataFrame) -> Figure:
    """What a success costs, and on top of it each success's share of what failures are known to have cost.

    Successes without a known cost are left out of the first part only; None where no success has one. n counts the
    images whose cost is known.
    """
    cost_usd, won = numbers(rows, "cost_usd"), succeeded(rows)
    brought = np.where(won, numbers(rows, "image_count"), 0)
    priced = won & ~np.isnan(cost_usd)
    images = int(brought[priced].sum())
    if images == 0:
        return Figure(None, 0)
    lost = float(np.nansum(cost_usd[~won]))
    return Figure(float(cost_usd[priced].sum()) / images + lost / int(brought.sum()), images)


def cost_per_thousand(rows: pd.DataFrame) -> Figure:
    """Cost per image times 1,000."""
    one = cost_per_image(rows)
    return Figure(None if one.value is None else one.value * 1000, one.n)


def images_per_minute(rows: pd.DataFrame) -> Figure:
    """Images delivered as asked, per minute in which at least one request was open; pauses do not count."""
    ended_ms = numbers(rows, "ended_ms")
    timed = rows["started_at"].notna().to_numpy() & ~np.isnan(ended_ms)
    images = int(numbers(rows, "image_count")[timed & succeeded(rows)].sum())
    if not timed.any():
        return Figure(None, 0)
    busy_s = busy_seconds(rows["started_at"][timed], ended_ms[timed])
    return Figure(images / busy_s * 60, images) if busy_s > 0 else Figure(None, images)


def busy_seconds(started_at: pd.Series, ended_ms: NDArray[np.float64]) -> float:
    """How long at least one of these requests (n,) was open, in seconds."""
    begun_us = started_at.astype("datetime64[us, UTC]").astype("int64").to_numpy()
    order = np.argsort(begun_us, kind="stable")
    begun_s = (begun_us[order] - begun_us[order[0]]) / 1e6
    latest_s = np.maximum.accumulate(begun_s + ended_ms[order] / 1000)
    uncovered_s = np.maximum(begun_s, np.concatenate(([0.0], latest_s[:-1])))  # where nothing earlier was still open
    return float(np.maximum(latest_s - uncovered_s, 0).sum())


def time_from_due_p95(rows: pd.DataFrame) -> Figure:
    """95th percentile of last image byte − scheduled, under a timed load."""
    from_due_ms = numbers(rows, "lateness_ms") + numbers(rows, "time_to_image_ms")
    return quantile_of(from_due_ms, rows, 0.95, succeeded(rows))


METRICS: tuple[Metric, ...] = (
    Metric(
        "attempts", "attempts", "count", None,
        "Attempts in the measured phase, whatever became of them; warm-up is left out.",
        attempts,
    ),
    Metric(
        "success_rate", "success", "ratio", "higher",
        "Images delivered, decodable and of the requested size, over attempts that reached the provider; Wilson "
        "interval. Refusals by moderation and failures that our side caused are left out and counted apart.",
        success_rate,
    ),
    Metric(
        "ttfb_p50_ms", "TTFB p50", "ms", "lower",
        "Median time from sending the request to the first byte of the answer that carries the image or its address.",
        ttfb_p50,
    ),
    Metric(
        "generation_p50_ms", "generation p50", "ms", "lower",
        "Median time from sending the request to the last byte of the answer that carries the image or its address.",
        generation_p50,
    ),
    Metric(
        "generation_p95_ms", "generation p95", "ms", "lower",
        "95th percentile of the time from sending the request to the last byte of the answer that carries the image or "
        "its address; withheld below 20 successes, its interval below 59.",
        generation_p95, detail=True,
    ),
    Metric(
        "time_to_image_p50_ms", "time to image p50", "ms", "lower",
        "Median time from sending the request to the last byte of the image itself, downloads and polls included: the "
        "one latency that is comparable across protocols.",
        time_to_image_p50,
    ),
    Metric(
        "time_to_image_p90_ms", "time to image p90", "ms", "lower",
        "90th percentile of time to image; withheld below 10 successes, its interval below 29.",
        time_to_image_p90, detail=True,
    ),
    Metric(
        "time_to_image_p95_ms", "time to image p95", "ms", "lower",
        "95th percentile of time to image; withheld below 20 successes, its interval below 59.",
        time_to_image_p95,
    ),
    Metric(
        "time_to_image_p99_ms", "time to image p99", "ms", "lower",
        "99th percentile of time to image; withheld below 100 successes, its interval below 299.",
        time_to_image_p99, detail=True,
    ),
    Metric(
        "time_from_due_p95_ms", "from due p95", "ms", "lower",
        "95th percentile of the time from the instant at which the plan meant the request to leave to the last byte of "
        "the image; under a timed load only. Where it is well above time to image, requests had to wait for the "
        "endpoint's limit of requests in flight: a stall that time to image does not show.",
        time_from_due_p95,
    ),
    Metric(
        "cost_per_image_usd", "$ / image", "usd", "lower",
        "All that was charged, failures included where they were charged, over the images delivered as asked. Charges "
        "are the provider's own figure where it reports one, else the dated price book's; what a provider may charge "
        "for a failure without saying so is not in it. Images whose cost is not known are left out, and n counts the "
        "others.",
        cost_per_image,
    ),
    Metric(
        "cost_per_1000_usd", "$ / 1,000", "usd", "lower",
        "Cost per image times 1,000.",
        cost_per_thousand,
    ),
    Metric(
        "images_per_minute", "images / min", "1/min", "higher",
        "Images delivered as asked, per minute in which at least one request was open, at the load of the plan.",
        images_per_minute,
    ),
)  # fmt: skip
