"""Frames that the pages show as tables."""

from __future__ import annotations

import json
from itertools import cycle
from typing import TYPE_CHECKING, Any

import pandas as pd

from arena.metrics.figures import METRICS
from arena.reports.windows import WINDOW_METRICS
from arena.store.queries import OUTCOME_COLUMNS
from arena.units import format_ms, format_usd
from dashboards import format as fmt

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pandas.io.formats.style import Styler

    from arena.metrics.base import Figure, Metric
    from arena.reports.summary import EndpointSummary

SHOWN = tuple(metric for metric in METRICS if not metric.detail)


LATELY_NAMES = (
    "attempts", "success_rate", "uptime", "ttfb_p50_ms", "generation_p50_ms", "generation_p95_ms",
    "time_to_image_p50_ms", "time_to_image_p95_ms", "images_per_minute", "cost_per_1000_usd",
)  # fmt: skip
LATELY = tuple(next(m for m in WINDOW_METRICS if m.name == name) for name in LATELY_NAMES)
"""What is shown of a window."""


def summary_table(summaries: Sequence[EndpointSummary], shown: Sequence[Metric] = SHOWN) -> Styler:
    """One row an endpoint, one column a figure: numbers, so that they align, written as value, interval and n."""
    frame = pd.DataFrame(
        {
            "Endpoint": [_name(s) for s in summaries],
            **{fmt.capitalized(m.title): _column(summaries, m) for m in shown},
            "Failures": [_failures(s) for s in summaries],
        }
    )
    return frame.style.format(
        {fmt.capitalized(m.title): _in_turn([_cell(m, s.figures[m.name]) for s in summaries]) for m in shown}
    )


def _in_turn(texts: Sequence[str]) -> Callable[[object], str]:
    """A column's texts from the first row to the last, as often as the table is drawn: equal values differ in n."""
    turns = cycle(texts)
    return lambda _: next(turns)


def _column(summaries: Sequence[EndpointSummary], metric: Metric) -> pd.Series:
    return pd.Series([s.figures[metric.name].value for s in summaries], dtype="float64")


def _name(summary: EndpointSummary) -> str:
    notes = [n for n in ("simulated" if summary.simulated else None, summary.region) if n]
    below = f"  \n:gray[:small[{fmt.markdown(' · '.join(notes))}]]" if notes else ""
    return f"**{fmt.markdown(summary.endpoint)}**{below}"


def _cell(metric: Metric, figure: Figure) -> str:
    above = fmt.markdown(fmt.unbroken(fmt.value(metric, figure.value)))
    if metric.unit == "count":
        return above
    below = [part for part in (fmt.interval(metric, figure), f"n {figure.n}") if part]
    return f"{above}  \n" + "  \n".join(f":gray[:small[{fmt.markdown(fmt.unbroken(part))}]]" for part in below)


def _failures(summary: EndpointSummary) -> str:
    parts = [f"{count} {fmt.kind(kind)}" for kind, count in summary.failures.items()]
    parts += [f"{summary.unknown} unknown"] if summary.unknown else []
    return "  \n".join(fmt.markdown(part) for part in parts) or fmt.DASH


MARKS = {
    "lateness_ms": "later than due",
    "slot_wait_ms": "waited for a slot",
    "connected_ms": "connected",
    "accepted_ms": "accepted",
    "ttfb_ms": "result, first byte",
    "generation_ms": "result, last byte",
    "time_to_first_image_byte_ms": "first image byte",
    "time_to_image_ms": "last image byte",
    "ended_ms": "ended",
}


def marks(row: pd.Series) -> pd.DataFrame:
    """Our own marks of one attempt, as text."""
    known = row.notna()
    values = [format_ms(float(row[name])) if known[name] else fmt.DASH for name in MARKS]
    return pd.DataFrame({"Mark": list(MARKS.values()), "Ours": values})


def server_says(row: pd.Series) -> pd.DataFrame:
    """The server's own timings of one attempt, as text; empty where it said nothing."""
    said = {} if pd.isna(row["server_ms"]) else json.loads(row["server_ms"])
    return pd.DataFrame(
        {"Name": [fmt.markdown(name) for name in said], "The server's": [format_ms(float(v)) for v in said.values()]}
    )


def outcome_table(row: pd.Series) -> pd.DataFrame:
    """All columns of one attempt, as text."""
    values = {name: _text(name, row[name]) for name in OUTCOME_COLUMNS}
    return pd.DataFrame({"Column": list(values), "Value": list(values.values())})


def _text(name: str, value: Any) -> str:
    if pd.isna(value):
        return fmt.DASH
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d %H:%M:%S.%f} UTC"
    if name == "cost_usd":
        return format_usd(float(value))
    if isinstance(value, float):
        return f"{value:,.3f}"
    if name == "server_ms":
        timings = json.loads(value)
        return ", ".join(f"{key} {format_ms(float(number))}" for key, number in timings.items()) or fmt.DASH
    if name == "unsupported":
        return ", ".join(json.loads(value)) or fmt.DASH
    return str(value)
