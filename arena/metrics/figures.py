"""The figures of the summary, one literal and one function each.

Rows are those of one endpoint with `phase = measure`. A success is an image that was delivered, decodes, and has the
size that was asked for. Latencies are of successes only; the success rate stands beside them, so that failing fast
impresses nobody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from arena.metrics.base import Figure, Metric
from arena.metrics.intervals import quantile, wilson

if TYPE_CHECKING:
    import pandas as pd


def successes(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows that brought what was asked for."""
    return rows[rows["status"] == "succeeded"]


def counted(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows that the success rate counts: successes, and failures that are the provider's."""
    return rows[(rows["status"] == "succeeded") | (rows["failure_blame"] == "provider")]


def attempts(rows: pd.DataFrame) -> Figure:
    """All attempts that have ended or whose end is unknown."""
    return Figure(float(len(rows)), len(rows))


def success_rate(rows: pd.DataFrame) -> Figure:
    """Successes over attempts that reached the provider; moderation and failures of ours are left out on both sides."""
    return wilson(len(successes(rows)), len(counted(rows)))


def _quantile_of(rows: pd.DataFrame, column: str, q: float) -> Figure:
    return quantile(successes(rows)[column].dropna().tolist(), q)


def ttfb_p50(rows: pd.DataFrame) -> Figure:
    """Median of result − sent."""
    return _quantile_of(rows, "ttfb_ms", 0.5)


def generation_p50(rows: pd.DataFrame) -> Figure:
    """Median of the end of the result answer − sent."""
    return _quantile_of(rows, "generation_ms", 0.5)


def time_to_image_p50(rows: pd.DataFrame) -> Figure:
    """Median of last image byte − sent."""
    return _quantile_of(rows, "time_to_image_ms", 0.5)


def time_to_image_p95(rows: pd.DataFrame) -> Figure:
    """95th percentile of last image byte − sent."""
    return _quantile_of(rows, "time_to_image_ms", 0.95)


def cost_per_image(rows: pd.DataFrame) -> Figure:
    """Everything that was charged over the images that were delivered as asked; None where no cost is known.

    Rows without a known cost are left out unless they are failures: a failure is known to have cost what was recorded.
    """
    priced = rows[rows["cost_usd"].notna()]
    images = int(successes(priced)["image_count"].sum())
    if images == 0:
        return Figure(None, 0)
    return Figure(float(priced["cost_usd"].sum()) / images, images)


def cost_per_thousand(rows: pd.DataFrame) -> Figure:
    """Cost per image times 1,000."""
    one = cost_per_image(rows)
    return Figure(None if one.value is None else one.value * 1000, one.n)


def images_per_minute(rows: pd.DataFrame) -> Figure:
    """Images delivered as asked, over the time from the first request sent to the last one ended."""
    if rows.empty or rows["started_at"].isna().all():
        return Figure(None, 0)
    begun = rows["started_at"].min()
    timed = rows.dropna(subset=["started_at", "ended_ms"])
    if timed.empty:
        return Figure(None, 0)
    ends = (timed["started_at"] - begun).dt.total_seconds() + timed["ended_ms"] / 1000
    images, seconds = int(successes(rows)["image_count"].sum()), float(ends.max())
    return Figure(images / seconds * 60, images) if seconds > 0 else Figure(None, images)


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
        "time_to_image_p50_ms", "time to image p50", "ms", "lower",
        "Median time from sending the request to the last byte of the image itself, downloads and polls included: the "
        "one latency that is comparable across protocols.",
        time_to_image_p50,
    ),
    Metric(
        "time_to_image_p95_ms", "time to image p95", "ms", "lower",
        "95th percentile of time to image; withheld below 20 successes, its interval below 59.",
        time_to_image_p95,
    ),
    Metric(
        "cost_per_image_usd", "$ / image", "usd", "lower",
        "All that was charged, failures included where they were charged, over the images delivered as asked. Charges "
        "are the provider's own figure where it reports one, else the dated price book's.",
        cost_per_image,
    ),
    Metric(
        "cost_per_1000_usd", "$ / 1,000", "usd", "lower",
        "Cost per image times 1,000.",
        cost_per_thousand,
    ),
    Metric(
        "images_per_minute", "images / min", "1/min", "higher",
        "Images delivered as asked, over the time from the first request sent to the last one ended, at that load.",
        images_per_minute,
    ),
)  # fmt: skip
