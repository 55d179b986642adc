"""Charts as pure functions: summaries or rows in, a Plotly figure with its words out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from arena.domain.failure import Blame, FailureKind
from arena.metrics.figures import METRICS, successes
from dashboards import format as fmt
from dashboards.labels import Spot, place

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from arena.metrics.base import Figure
    from arena.reports.summary import EndpointSummary

METRIC = {metric.name: metric for metric in METRICS}
ROW_PX, FRAME_PX, MIN_PX, LEGEND_ROW_PX = 40, 70, 190, 20
DOTS, DOTS_IN_ALL, DOTS_AT_LEAST = 400, 2000, 60
"""A browser draws each dot as an element of its own: so many an endpoint, and of many endpoints fewer each."""
BAR_COLOUR = "#8A8F98"
"""Bars of intervals have one colour, so that a chart of many endpoints is one series and not one for each."""
LOG_FROM_RATIO = 30
TICKS = [step * 10.0**power for power in range(-4, 5) for step in (1, 2, 5)]
SIMULATED = '<br><span style="font-size:10px">simulated</span>'
_GOLDEN = 0.618033988749895
_BLAME_COLOURS = {
    Blame.PROVIDER: ("#A63A10", "#F2B880", "#D9732E", "#7A3B22", "#E3B14F", "#C05A45"),
    Blame.MODERATION: ("#8A63B8", "#C7B0E2"),
    Blame.OURS: ("#6B727C", "#B4BAC3", "#50565F"),
}


@dataclass(frozen=True, slots=True)
class Chart:
    """A figure with the words around it: what it shows, how to read it and which direction is better."""

    title: str
    subtitle: str
    figure: go.Figure
    alt: str


def logarithmic(outcomes: pd.DataFrame) -> bool:
    """Whether times lie so far apart that the short ones would be unreadable on a scale from zero."""
    times = successes(outcomes[outcomes["phase"] == "measure"])["time_to_image_ms"].dropna()
    positive = times[times > 0]
    return bool(len(positive) and positive.max() / positive.min() > LOG_FROM_RATIO)


def time_to_image(summaries: Sequence[EndpointSummary], colours: Mapping[str, str], *, log: bool = False) -> Chart:
    """Median with its interval, and the 95th percentile as a second mark."""
    figure = go.Figure()
    p50 = {"symbol": "circle", "size": 11}
    p95 = {"symbol": "diamond-open", "size": 9, "line": {"width": 2}}
    _add_marks(figure, -0.1, summaries, colours, "time_to_image_p50_ms", 0.001, p50)
    _add_marks(figure, 0.14, summaries, colours, "time_to_image_p95_ms", 0.001, p95)
    _rows_layout(figure, summaries)
    _seconds_axis(figure, log=log)
    return Chart(
        "Time to image",
        "Circle: median with its 95 % interval. Diamond: 95th percentile, from 20 successes on. Lower is better.",
        figure,
        "Time to image by endpoint. " + _in_words(summaries, "time_to_image_p50_ms"),
    )


def spread(
    outcomes: pd.DataFrame,
    summaries: Sequence[EndpointSummary],
    colours: Mapping[str, str],
    *,
    log: bool = False,
) -> Chart:
    """Every success as a dot; of very many, evenly spaced ones in order of time, so that the shape stays."""
    figure = go.Figure()
    most = min(DOTS, max(DOTS_AT_LEAST, DOTS_IN_ALL // max(1, len(summaries))))
    measured = successes(outcomes[outcomes["phase"] == "measure"])
    for row, summary in enumerate(summaries):
        mine = (measured["endpoint"] == summary.endpoint) & (measured["simulated"] == summary.simulated)
        times = measured.loc[mine, ["time_to_image_ms", "trial"]].dropna().sort_values("time_to_image_ms")
        step = max(1, -(-len(times) // most))
        shown = times.iloc[::step]
        seconds = [float(t) / 1000 for t in shown["time_to_image_ms"]]
        figure.add_trace(
            go.Scatter(
                name=fmt.label(summary),
                mode="markers",
                x=seconds,
                y=[row + ((i * _GOLDEN) % 1 - 0.5) * 0.5 for i in range(len(shown))],
                marker={"size": 6, "opacity": 0.75, "color": fmt.colour(colours, summary.endpoint)},
                customdata=list(shown["trial"]),
                hovertemplate=f"{fmt.label(summary)}, trial %{{customdata}}<br>%{{x:.3g}} s<extra></extra>",
                showlegend=False,
            )
        )
    _rows_layout(figure, summaries)
    _seconds_axis(figure, log=log)
    return Chart(
        "Spread of time to image",
        f"Each dot is one success, at most {most} an endpoint. Further left is better, closer together is steadier.",
        figure,
        "Time to image of every success, one row an endpoint.",
    )


def success_rate(summaries: Sequence[EndpointSummary], colours: Mapping[str, str]) -> Chart:
    """Success rate with Wilson's interval."""
    figure = go.Figure()
    _add_marks(figure, 0, summaries, colours, "success_rate", 100, {"symbol": "circle", "size": 11})
    _rows_layout(figure, summaries)
    figure.update_xaxes(range=[0, 103], ticksuffix=" %", title_text="")
    return Chart(
        "Success rate",
        "Images as asked for over attempts that reached the provider, with the 95 % Wilson interval. Higher is better.",
        figure,
        "Success rate by endpoint. " + _in_words(summaries, "success_rate"),
    )


def failures(summaries: Sequence[EndpointSummary]) -> Chart:
    """Failures stacked by kind; orange ones are the provider's, violet ones moderation, grey ones our own."""
    kinds = [kind for kind in FailureKind if any(kind.value in s.failures for s in summaries)]
    figure, used = go.Figure(), dict.fromkeys(Blame, 0)
    for kind in kinds:
        shades = _BLAME_COLOURS[kind.blame]
        shade = shades[used[kind.blame] % len(shades)]
        counts = [s.failures.get(kind.value, 0) for s in summaries]
        figure.add_trace(
            go.Bar(
                name=fmt.kind(kind),
                orientation="h",
                x=counts,
                y=list(range(len(summaries))),
                width=0.55,
                marker={"color": shade},
                text=[str(count) if count else "" for count in counts],
                textposition="inside",
                textangle=0,
                insidetextanchor="middle",
                insidetextfont={"color": "#16181B" if _is_light(shade) else "#FFFFFF", "size": 12},
                customdata=[[fmt.label(s), s.figures["attempts"].n, kind.blame.value] for s in summaries],
                hovertemplate="%{customdata[0]}<br>%{x} of %{customdata[1]} attempts: "
                f"{fmt.kind(kind)}<br>blame: %{{customdata[2]}}<extra></extra>",
            )
        )
        used[kind.blame] += 1
    _rows_layout(figure, summaries)
    most = max((sum(s.failures.values()) for s in summaries), default=0)
    figure.update_xaxes(range=[0, max(most * 1.05, 1)], dtick=1 if most <= 10 else None, title_text="attempts")
    height = max(MIN_PX, ROW_PX * len(summaries) + FRAME_PX) + LEGEND_ROW_PX * len(kinds)
    figure.update_layout(
        barmode="stack",
        height=height,  # on a phone each kind of the legend has a row of its own
        legend={"orientation": "h", "y": 1, "yanchor": "bottom", "x": 0, "traceorder": "normal"},
        showlegend=bool(kinds),
    )
    words = "; ".join(f"{fmt.label(s)}: {sum(s.failures.values())}" for s in summaries if s.failures)
    return Chart(
        "Failures by kind",
        "Attempts without a usable image. Orange: the provider's. Violet: moderation. Grey: our own. Fewer is better."
        f"{'' if kinds else ' There were none.'}",
        figure,
        f"Failures by endpoint and kind. {words or 'There were none.'}",
    )


def cost_against_time(summaries: Sequence[EndpointSummary], colours: Mapping[str, str]) -> Chart:
    """Cost per 1,000 images on a logarithmic axis against the median time to image."""
    known = sorted((found for s in summaries if (found := _Place.of(s)) is not None), key=lambda one: one.usd)
    without = [fmt.label(s) for s in summaries if _Place.of(s) is None]
    figure, log = go.Figure(), bool(known) and known[0].usd > 0
    across = [math.log10(one.usd) if log else one.usd for one in known] or [0.0]
    room = max(0.12 * (across[-1] - across[0]), 0.15)
    left, right, top_s = across[0] - room, across[-1] + room, 1.1 * max((one.top_s for one in known), default=1.0)
    spots = [Spot((x - left) / (right - left), one.seconds / top_s, 6, one.text)
             for x, one in zip(across, known, strict=False)]  # fmt: skip
    positions = place(spots)
    for one, position in zip(known, positions, strict=True):
        colour = fmt.colour(colours, one.summary.endpoint)
        p50 = one.summary.figures["time_to_image_p50_ms"]
        figure.add_scatter(
            name=fmt.label(one.summary),
            mode="markers" if position is None else "markers+text",
            x=[one.usd],
            y=[one.seconds],
            error_y=_error_bars([p50], 0.001, colour),
            marker={"size": 12, "color": colour},
            text=[one.summary.endpoint + (SIMULATED if one.summary.simulated else "")],
            textposition=position or "middle right",
            cliponaxis=False,
            hovertext=[f"{_hover('time_to_image_p50_ms', one.summary)}<br>{_line('cost_per_1000_usd', one.summary)}"],
            hovertemplate="%{hovertext}<extra></extra>",
            showlegend=False,
        )
    figure.update_layout(height=420, margin={"l": 10, "r": 30, "t": 20, "b": 10})
    figure.update_yaxes(range=[0, top_s], ticksuffix=" s", title_text="time to image p50", automargin=True)
    figure.update_xaxes(title_text="US dollars per 1,000 images", range=[left, right], automargin=True)
    if log:
        figure.update_xaxes(type="log", tickmode="array", tickvals=TICKS, ticktext=[f"${tick:,g}" for tick in TICKS])
    note = f" Not shown, for want of a cost or a time: {', '.join(without)}." if without else ""
    unnamed = positions.count(None)
    note += f" {unnamed} names did not fit; hovering tells them." if unnamed else ""
    scale = "Cost is on a logarithmic scale. " if log else ""
    return Chart(
        "Cost against time",
        f"{scale}Bars are 95 % intervals of the median. Lower left is better.{note}",
        figure,
        "Cost per 1,000 images against median time to image. " + _in_words(summaries, "cost_per_1000_usd"),
    )


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an endpoint stands by cost per 1,000 images and by median time to image."""

    summary: EndpointSummary
    usd: float
    seconds: float
    top_s: float

    @classmethod
    def of(cls, summary: EndpointSummary) -> _Place | None:
        """None where either is unknown."""
        cost, p50 = summary.figures["cost_per_1000_usd"], summary.figures["time_to_image_p50_ms"]
        if cost.value is None or p50.value is None:
            return None
        return cls(summary, cost.value, p50.value / 1000, (p50.high or p50.value) / 1000)

    @property
    def text(self) -> str:
        """Its name as it is measured for a place."""
        return self.summary.endpoint + ("<br>simulated" if self.summary.simulated else "")


def _add_marks(
    figure: go.Figure,
    offset: float,
    summaries: Sequence[EndpointSummary],
    colours: Mapping[str, str],
    name: str,
    factor: float,
    marker: Mapping[str, object],
) -> None:
    """A figure of every endpoint as one mark with its interval, `offset` from its row; none where it is unknown."""
    known = [(row, s, s.figures[name]) for row, s in enumerate(summaries) if s.figures[name].value is not None]
    barred = [one for one in known if one[2].low is not None and one[2].high is not None]
    bare = [one for one in known if one not in barred]
    for shown in filter(None, (barred, bare)):
        figure.add_scatter(
            name=METRIC[name].title,
            mode="markers",
            x=[(f.value or 0.0) * factor for _, _, f in shown],
            y=[row + offset for row, _, _ in shown],
            error_x=_error_bars([f for _, _, f in shown], factor, BAR_COLOUR),
            marker={**marker, "color": [fmt.colour(colours, s.endpoint) for _, s, _ in shown]},
            text=[_hover(name, s) for _, s, _ in shown],
            hovertemplate="%{text}<extra></extra>",
            showlegend=False,
        )


def _error_bars(known: Sequence[Figure], factor: float, colour: str) -> dict[str, object]:
    """Distances from the values to both ends of their intervals; no bars unless each has one."""
    ends = [(f.value, f.low, f.high) for f in known if f.value is not None and f.low is not None and f.high is not None]
    if len(ends) < len(known):
        return {"visible": False}
    return {
        "type": "data",
        "symmetric": False,
        "array": [(high - value) * factor for value, _, high in ends],
        "arrayminus": [(value - low) * factor for value, low, _ in ends],
        "thickness": 2,
        "width": 4,
        "color": colour,
    }


def _is_light(shade: str) -> bool:
    red, green, blue = (int(shade[i : i + 2], 16) for i in (1, 3, 5))
    return 0.299 * red + 0.587 * green + 0.114 * blue > 130


def _line(name: str, summary: EndpointSummary) -> str:
    return f"{METRIC[name].title}: {fmt.figure_text(METRIC[name], summary.figures[name])}"


def _hover(name: str, summary: EndpointSummary) -> str:
    return f"<b>{fmt.label(summary)}</b><br>{_line(name, summary)}"


def _in_words(summaries: Sequence[EndpointSummary], name: str) -> str:
    metric = METRIC[name]
    return "; ".join(f"{fmt.label(s)}: {fmt.value(metric, s.figures[name].value)}" for s in summaries)


def _rows_layout(figure: go.Figure, summaries: Sequence[EndpointSummary]) -> None:
    """One row an endpoint, the first at the top, named at the axis and not by colour alone."""
    figure.update_layout(
        height=max(MIN_PX, ROW_PX * len(summaries) + FRAME_PX),
        margin={"l": 10, "r": 20, "t": 10, "b": 10},
    )
    figure.update_yaxes(
        tickvals=list(range(len(summaries))),
        ticktext=[s.endpoint + (SIMULATED if s.simulated else "") for s in summaries],
        range=[len(summaries) - 0.4, -0.6],
        automargin=True,
        showgrid=False,
        zeroline=False,
        title_text="",
    )
    figure.update_xaxes(automargin=True, showgrid=True, zeroline=False)


def _seconds_axis(figure: go.Figure, *, log: bool) -> None:
    if log:
        ticks = {"tickmode": "array", "tickvals": TICKS, "ticktext": [f"{tick:g} s" for tick in TICKS]}
        figure.update_xaxes(type="log", title_text="logarithmic", **ticks)
    else:
        figure.update_xaxes(rangemode="tozero", ticksuffix=" s", title_text="")
