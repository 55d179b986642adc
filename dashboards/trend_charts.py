"""Charts of a stretch of time as pure functions: figures over time, their distribution, cold beside warm."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go

from arena.metrics.figures import numbers, succeeded
from arena.reports.summary import by_endpoint
from dashboards import format as fmt
from dashboards.charts import FRAME_PX, MIN_PX, ROW_PX, TICKS, Chart

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import timedelta

    import pandas as pd

    from arena.metrics.base import Metric
    from arena.reports.summary import EndpointSummary
    from arena.reports.trends import Point, Trend

SCALE = {"ms": 0.001, "ratio": 100.0}
SUFFIX = {"ms": " s", "ratio": " %", "usd": " $"}
QUANTILES = np.linspace(0.01, 0.99, 99)
WARM, COLD = "#12A37B", "#2A7FC1"


def over_time(found: Sequence[Trend], metric: Metric, colours: Mapping[str, str], step: timedelta) -> Chart:
    """One line an endpoint; gaps where nothing was asked, intervals as bars."""
    factor = SCALE.get(metric.unit, 1.0)
    figure = go.Figure()
    for trend in found:
        name = f"{trend.endpoint} (simulated)" if trend.simulated else trend.endpoint
        colour = fmt.colour(colours, trend.endpoint)
        drawn = _with_gaps([p for p in trend.points if p.figure.value is not None], step)
        value = [None if p is None else p.figure.value for p in drawn]
        high = [0.0 if p is None or p.figure.high is None else p.figure.high - (p.figure.value or 0) for p in drawn]
        low = [0.0 if p is None or p.figure.low is None else (p.figure.value or 0) - p.figure.low for p in drawn]
        figure.add_scatter(
            name=name,
            mode="lines+markers",
            x=[None if p is None else p.at for p in drawn],
            y=[None if v is None else v * factor for v in value],
            line={"color": colour, "width": 2},
            marker={"size": 5, "color": colour},
            error_y={
                "type": "data",
                "array": [h * factor for h in high],
                "arrayminus": [h * factor for h in low],
                "thickness": 1,
                "width": 0,
                "color": colour,
            },
            text=["" if p is None else _point(p, metric) for p in drawn],
            hovertemplate=f"<b>{name}</b><br>%{{text}}<extra></extra>",
            connectgaps=False,
        )
    figure.update_layout(
        height=420, margin={"l": 10, "r": 10, "t": 10, "b": 10}, legend={"orientation": "h", "y": -0.15}
    )
    figure.update_yaxes(ticksuffix=SUFFIX.get(metric.unit, ""), automargin=True)
    shown = [point.at for trend in found for point in trend.points]
    if shown:  # around a single point Plotly would draw milliseconds
        figure.update_xaxes(range=[min(shown) - step, max(shown) + step])
    if metric.unit != "ratio":
        figure.update_yaxes(rangemode="tozero")
    each = "hour" if step.days == 0 else "day"
    better = f" {fmt.capitalized(metric.better)} is better." if metric.better else ""
    return Chart(
        f"{fmt.capitalized(metric.title)} over time",
        f"One point an endpoint and {each} (UTC), bars are 95 % intervals; none where too little was asked.{better}",
        figure,
        f"{fmt.capitalized(metric.title)} by {each} of {len(found)} endpoints.",
    )


def _with_gaps(points: Sequence[Point], step: timedelta) -> list[Point | None]:
    """The points with a None wherever an hour or a day between two of them has none."""
    drawn: list[Point | None] = []
    for place, point in enumerate(points):
        if place and point.at - points[place - 1].at > step:
            drawn.append(None)
        drawn.append(point)
    return drawn


def _point(point: Point, metric: Metric) -> str:
    return f"{point.at:%Y-%m-%d %H:%M} UTC<br>{fmt.figure_text(metric, point.figure)}"


def distribution(outcomes: pd.DataFrame, colours: Mapping[str, str]) -> Chart:
    """The share of successes that took at most so long, one line an endpoint."""
    figure = go.Figure()
    for rows in by_endpoint(outcomes):
        times = numbers(rows, "time_to_image_ms")[succeeded(rows)]
        times = times[~np.isnan(times)]
        if not times.size:
            continue
        endpoint, simulated = str(rows["endpoint"].iloc[0]), bool(rows["simulated"].iloc[0])
        name = f"{endpoint} (simulated)" if simulated else endpoint
        figure.add_scatter(
            name=f"{name}, n {times.size:,}",
            mode="lines",
            x=(np.quantile(times, QUANTILES) / 1000).tolist(),
            y=(QUANTILES * 100).tolist(),
            line={"color": fmt.colour(colours, endpoint), "width": 2},
            hovertemplate=f"<b>{name}</b><br>%{{y:.0f}} % took at most %{{x:.3g}} s<extra></extra>",
        )
    figure.update_layout(
        height=420, margin={"l": 10, "r": 10, "t": 10, "b": 10}, legend={"orientation": "h", "y": -0.2}
    )
    figure.update_xaxes(
        type="log", tickmode="array", tickvals=TICKS, ticktext=[f"{t:g} s" for t in TICKS], title="time to image"
    )
    figure.update_yaxes(range=[0, 100], ticksuffix=" %")
    return Chart(
        "Distribution of time to image",
        "How many of the successes took at most so long, from the 1st to the 99th percentile, on a logarithmic scale. "
        "Further left is better, steeper is steadier.",
        figure,
        f"Cumulative distribution of time to image of {len(figure.data)} endpoints.",
    )


def cold_and_warm(cold: Sequence[EndpointSummary], warm: Sequence[EndpointSummary]) -> Chart:
    """Median time to image on a new connection beside that on one that stood already."""
    names = list(dict.fromkeys(fmt.label(s) for s in (*warm, *cold)))
    figure = go.Figure()
    for title, summaries, colour, symbol in (("cold", cold, COLD, "circle-open"), ("warm", warm, WARM, "circle")):
        known = [s for s in summaries if s.figures["time_to_image_p50_ms"].value is not None]
        figures = [s.figures["time_to_image_p50_ms"] for s in known]
        figure.add_scatter(
            name=title,
            mode="markers",
            x=[(f.value or 0.0) / 1000 for f in figures],
            y=[names.index(fmt.label(s)) for s in known],
            error_x={
                "type": "data",
                "array": [((f.high or f.value or 0.0) - (f.value or 0.0)) / 1000 for f in figures],
                "arrayminus": [((f.value or 0.0) - (f.low or f.value or 0.0)) / 1000 for f in figures],
                "color": colour,
                "thickness": 1.5,
            },
            marker={"size": 11, "color": colour, "symbol": symbol},
            text=[f"{fmt.label(s)}, {title}: n {f.n}" for s, f in zip(known, figures, strict=True)],
            hovertemplate="%{text}<br>%{x:.3g} s<extra></extra>",
        )
    figure.update_layout(
        height=max(MIN_PX, ROW_PX * len(names) + FRAME_PX), margin={"l": 10, "r": 20, "t": 10, "b": 10},
        legend={"orientation": "h", "y": 1, "yanchor": "bottom"},
    )  # fmt: skip
    figure.update_yaxes(tickvals=list(range(len(names))), ticktext=names, autorange="reversed", automargin=True)
    figure.update_xaxes(rangemode="tozero", ticksuffix=" s")
    return Chart(
        "Cold and warm connections",
        "Median time to image where a connection had to be opened and where one stood already, with 95 % intervals. "
        "Lower is better.",
        figure,
        f"Median time to image on cold and on warm connections of {len(names)} endpoints.",
    )
