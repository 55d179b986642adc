"""How figures are written wherever they are read by people: pages, reports, pull requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from arena.domain.run import RunStatus
from arena.units import format_ms, format_percent, format_usd

if TYPE_CHECKING:
    from datetime import datetime

    from arena.metrics.base import Figure, Metric
    from arena.reports.summary import EndpointSummary

DASH = "–"
STATUS = {
    RunStatus.RUNNING: "running",
    RunStatus.FINISHED: "finished",
    RunStatus.INTERRUPTED: "interrupted",
    RunStatus.BUDGET: "stopped by its budget",
    RunStatus.FAILED: "failed",
}


def label(summary: EndpointSummary) -> str:
    """An endpoint's name, marked where it is simulated."""
    return f"{summary.endpoint} (simulated)" if summary.simulated else summary.endpoint


def capitalized(text: str) -> str:
    """Sentence case, leaving the rest of the letters alone, and symbols such as n."""
    return text[:1].upper() + text[1:] if len(text) > 1 else text


def kind(name: str) -> str:
    """A failure kind in words."""
    return name.replace("_", " ")


def value(metric: Metric, number: float | None) -> str:
    """One number in its unit, or a dash."""
    if number is None:
        return DASH
    match metric.unit:
        case "ms":
            return format_ms(number)
        case "ratio":
            return format_percent(number)
        case "usd":
            return format_usd(number)
        case "count":
            return f"{number:.0f}"
        case _:
            return f"{number:.1f}"


def interval(metric: Metric, figure: Figure) -> str:
    """`2.74–3.87 s`, `79.8–99.3 %`, or nothing where there is no interval."""
    if figure.low is None or figure.high is None:
        return ""
    if metric.unit == "ms" and figure.high >= 1000:
        return f"{figure.low / 1000:.2f}–{figure.high / 1000:.2f} s"
    low, high = value(metric, figure.low), value(metric, figure.high)
    return f"{low.removesuffix(' ms').removesuffix(' %')}–{high}"


def figure_text(metric: Metric, figure: Figure) -> str:
    """`3.46 s (2.74–3.87 s, n 24)`."""
    details = [part for part in (interval(metric, figure), f"n {figure.n}") if part]
    return f"{value(metric, figure.value)} ({', '.join(details)})"


def utc(moment: datetime) -> str:
    """A time that is UTC and says so."""
    return f"{moment:%Y-%m-%d %H:%M} UTC"
