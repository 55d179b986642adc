"""The charts of a report, from the same summaries as its tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from arena.domain.failure import FailureKind
from arena.metrics.figures import METRICS
from arena.reports import written
from arena.reports.document import BarChart, BarPart, BarRow, Dot, DotChart, Mark, MarkChart, MarkRow

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Literal

    from arena.reports.summary import EndpointSummary

METRIC = {metric.name: metric for metric in METRICS}
LOG_FROM_RATIO, LOG_COST_FROM_RATIO = 30, 3


def time_to_image(summaries: Sequence[EndpointSummary]) -> MarkChart:
    """Median with its interval, and the 95th percentile as a second mark; logarithmic where times lie far apart."""
    rows = tuple(
        MarkRow(
            s.endpoint,
            s.simulated,
            (*_mark(s, "time_to_image_p50_ms", 0.001, "circle"), *_mark(s, "time_to_image_p95_ms", 0.001, "diamond")),
        )
        for s in summaries
    )
    seconds = [mark.value for row in rows for mark in row.marks if mark.value > 0]
    log = bool(seconds) and max(seconds) / min(seconds) > LOG_FROM_RATIO
    scale = " The scale is logarithmic." if log else ""
    return MarkChart(
        "Time to image",
        "Circle: median with its 95 % interval. Diamond: 95th percentile, from 20 successes on. "
        f"Further left is better.{scale}",
        "Time to image p50 by endpoint. " + _in_words(summaries, "time_to_image_p50_ms"),
        "s",
        rows,
        log=log,
    )


def success_rate(summaries: Sequence[EndpointSummary]) -> MarkChart:
    """Success rate with Wilson's interval."""
    return MarkChart(
        "Success rate",
        "Images as asked for over attempts that reached the provider, with the 95 % Wilson interval. "
        "Further right is better.",
        "Success rate by endpoint. " + _in_words(summaries, "success_rate"),
        "%",
        tuple(MarkRow(s.endpoint, s.simulated, _mark(s, "success_rate", 100, "circle")) for s in summaries),
        until=100,
    )


def failures(summaries: Sequence[EndpointSummary]) -> BarChart:
    """Failures stacked by kind, in the order of the kinds."""
    words = "; ".join(f"{written.label(s)}: {sum(s.failures.values())}" for s in summaries if s.failures)
    return BarChart(
        "Failures by kind",
        "Attempts without a usable image. Orange: the provider's. Violet: moderation. Grey: our own. Fewer is better.",
        f"Failures by endpoint. {words or 'There were none'}.",
        tuple(BarRow(s.endpoint, s.simulated, _parts(s)) for s in summaries),
    )


def cost_against_time(summaries: Sequence[EndpointSummary]) -> DotChart | None:
    """Cost per 1,000 images against the median time to image; None where no endpoint has both."""
    dots, said, without = [], [], []
    for s in summaries:
        cost, p50 = s.figures["cost_per_1000_usd"], s.figures["time_to_image_p50_ms"]
        if cost.value is None or p50.value is None:
            without.append(written.label(s))
            continue
        low, high = (None if bound is None else bound / 1000 for bound in (p50.low, p50.high))
        words = f"{_named(s, 'cost_per_1000_usd')}, {_named(s, 'time_to_image_p50_ms')}"
        dots.append(Dot(s.endpoint, s.simulated, cost.value, p50.value / 1000, low, high, words))
        said.append(f"{written.label(s)}: {words}")
    if not dots:
        return None
    costs = [dot.x for dot in dots]
    log = min(costs) > 0 and max(costs) / min(costs) > LOG_COST_FROM_RATIO
    scale = "The cost is on a logarithmic scale. " if log else ""
    note = f" Not shown, for want of a cost or a time: {', '.join(without)}." if without else ""
    return DotChart(
        "Cost against time",
        f"{scale}Bars are 95 % intervals of the median. Lower left is better.{note}",
        "US dollars per 1,000 images and median time to image. " + "; ".join(said),
        tuple(dots),
        log,
    )


def _mark(summary: EndpointSummary, name: str, factor: float, shape: Literal["circle", "diamond"]) -> tuple[Mark, ...]:
    """A figure as a mark; none where it is unknown."""
    figure = summary.figures[name]
    if figure.value is None:
        return ()
    low, high = (None if bound is None else bound * factor for bound in (figure.low, figure.high))
    return (Mark(figure.value * factor, low, high, shape, _named(summary, name)),)


def _parts(summary: EndpointSummary) -> tuple[BarPart, ...]:
    counts = ((kind, summary.failures.get(kind.value, 0)) for kind in FailureKind)
    return tuple(BarPart(written.kind(kind), kind.blame.value, count) for kind, count in counts if count)


def _named(summary: EndpointSummary, name: str) -> str:
    return f"{METRIC[name].title} {written.figure_text(METRIC[name], summary.figures[name])}"


def _in_words(summaries: Sequence[EndpointSummary], name: str) -> str:
    metric = METRIC[name]
    return "; ".join(f"{written.label(s)}: {written.value(metric, s.figures[name].value)}" for s in summaries)
