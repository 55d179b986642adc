"""The HTTP calls of one attempt as bars along a common time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import plotly.graph_objects as go

from arena.units import NS_PER_MS, format_ms
from dashboards.charts import Chart

if TYPE_CHECKING:
    from collections.abc import Sequence

SHOWN_CALLS = 40
PHASES = {
    "connect": ("connected_ns", "#8A8F98"),
    "send request": ("request_sent_ns", "#E08A00"),
    "wait for headers": ("headers_ns", "#2A7FC1"),
    "receive body": ("ended_ns", "#12A37B"),
}


def segments(call: pd.Series) -> dict[str, tuple[float, float]]:
    """Begin and end of each phase in milliseconds; a phase without a mark of its own belongs to the next with one."""
    begin = float(call["started_ns"]) / NS_PER_MS
    found = {}
    for phase, (column, _) in PHASES.items():
        if pd.isna(call[column]):
            continue
        end = float(call[column]) / NS_PER_MS
        found[phase] = (begin, end)
        begin = end
    return found


def visible(calls: pd.DataFrame) -> pd.DataFrame:
    """The first and the last calls, when there are more than can be read."""
    if len(calls) <= SHOWN_CALLS:
        return calls
    half = SHOWN_CALLS // 2
    return pd.concat([calls.head(half), calls.tail(half)])


def timeline(calls: pd.DataFrame, time_to_image_ms: float | None) -> Chart:
    """One bar a call, coloured by phase, and a line where the image was complete."""
    shown = visible(calls).reset_index(drop=True)
    phases = [segments(call) for _, call in shown.iterrows()]
    names = [f"{call['position'] + 1} {call['purpose']}" for _, call in shown.iterrows()]
    figure = go.Figure([_bars(phase, colour, phases, names) for phase, (_, colour) in PHASES.items()])
    if time_to_image_ms is not None:
        figure.add_vline(
            x=time_to_image_ms,
            line={"dash": "dot", "width": 1.5, "color": "#8A8F98"},
            annotation={
                "text": f"image complete {format_ms(time_to_image_ms)}",
                "xanchor": "right",
                "yanchor": "bottom",
            },
            annotation_position="top left",
        )
    figure.update_layout(
        barmode="overlay",
        height=max(200, 34 * len(shown) + 130),
        margin={"l": 10, "r": 20, "t": 30, "b": 70},
        legend={"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom", "x": 0, "traceorder": "normal"},
    )
    figure.update_yaxes(
        tickvals=list(range(len(shown))),
        ticktext=names,
        range=[len(shown) - 0.4, -0.6],
        automargin=True,
        showgrid=False,
        zeroline=False,
    )
    figure.update_xaxes(rangemode="tozero", ticksuffix=" ms", separatethousands=True, automargin=False)
    left_out = len(calls) - len(shown)
    note = f" {left_out} calls in the middle are left out." if left_out else ""
    return Chart(
        "Calls",
        "Milliseconds since the request was sent; a warm connection has no connect phase. Shorter is better." + note,
        figure,
        "HTTP calls over time. " + "; ".join(_in_words(n, p) for n, p in zip(names, phases, strict=True)),
    )


def _bars(phase: str, colour: str, rows: Sequence[dict[str, tuple[float, float]]], names: Sequence[str]) -> go.Bar:
    here = [(index, *row[phase]) for index, row in enumerate(rows) if phase in row]
    return go.Bar(
        name=phase,
        orientation="h",
        y=[index for index, *_ in here],
        base=[begin for _, begin, _ in here],
        x=[end - begin for _, begin, end in here],
        width=0.55,
        marker={"color": colour},
        text=[f"{names[i]}: {phase}<br>{format_ms(end - begin)}, from {format_ms(begin)}" for i, begin, end in here],
        textposition="none",
        hovertemplate="%{text}<extra></extra>",
    )


def _in_words(name: str, phases: dict[str, tuple[float, float]]) -> str:
    parts = ", ".join(f"{phase} {format_ms(end - begin)}" for phase, (begin, end) in phases.items())
    return f"{name}: {parts}"
