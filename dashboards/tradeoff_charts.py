"""Elo against cost and against speed, with the frontier as likely as it is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from arena.reports.tradeoffs import burden
from arena.reports.wording import chance_text
from arena.units import format_ms, format_percent, format_usd
from dashboards import format as fmt
from dashboards.charts import TICKS, Chart
from dashboards.labels import Spot, place

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from arena.reports.tradeoffs import Candidate, Frontier, Point

LEAST_PX, MOST_PX = 10.0, 34.0
UNLIKELY = 0.05
"""Below this chance of being on the frontier a point is hollow."""
_SHADE, _LINE = "rgba(18, 163, 123, 0.10)", "#8A8F98"
_PAD = 0.12


@dataclass(frozen=True, slots=True)
class _Axes:
    """The ranges that are shown, in the units of the axes; x as a logarithm where `log`."""

    x: tuple[float, float]
    y: tuple[float, float]
    log: bool

    def at(self, x: float, y: float) -> tuple[float, float]:
        """A place as shares of width and height."""
        value = math.log10(x) if self.log else x
        return (value - self.x[0]) / (self.x[1] - self.x[0]), (y - self.y[0]) / (self.y[1] - self.y[0])

    def x_value(self, end: int) -> float:
        """An end of the x axis in its unit."""
        return float(10 ** self.x[end]) if self.log else self.x[end]


def elo_against(found: Frontier, colours: Mapping[str, str], *, about: str, simulated: bool) -> Chart:
    """Ratings against dollars per 1,000 images or against seconds at the median; `about` says when and what of."""
    cost = found.against == "cost"
    points = list(found.points)
    axes = _axes(points, found)
    figure = go.Figure()
    left_out = 0
    if points:
        _add_quadrant(figure, points, found, axes)
        _add_frontier(figure, points, found)
        left_out = _add_points(figure, points, found, colours, axes)
    _layout(figure, axes, cost=cost)
    return Chart(
        f"Elo against {'cost' if cost else 'speed'}",
        _reading(axes, cost=cost, simulated=simulated, left_out=left_out) + f" {about}.",
        figure,
        _in_words(points, found),
    )


def _reading(axes: _Axes, *, cost: bool, simulated: bool, left_out: int) -> str:
    """How to read the chart."""
    parts = [
        "Simulated endpoints." if simulated else "",
        "Upper left is better.",
        f"Bars: 95 % intervals. Larger bubble: {'slower' if cost else 'dearer'}.",
        f"%: probability of being on the frontier, where nobody is both better and {'cheaper' if cost else 'faster'}.",
        "Hollow: below 5 %. The line joins those likelier than not.",
        "Shaded: better than the median of those shown in both.",
        "Logarithmic scale." if axes.log else "",
        f"{left_out} names did not fit; hovering tells them." if left_out else "",
    ]
    return " ".join(part for part in parts if part)


def _x(candidate: Candidate, found: Frontier) -> float:
    return burden(candidate, found.against) / (1 if found.against == "cost" else 1000)


def _axes(points: Sequence[Point], found: Frontier) -> _Axes:
    """Ranges with room around; logarithmic unless something costs nothing."""
    xs = [x for p in points for x in _x_ends(p.candidate, found)] or [1.0]
    log = min(xs) > 0
    ratings = [(p.candidate.rating.low, p.candidate.elo, p.candidate.rating.high) for p in points]
    ys = [end for ends in ratings for end in ends if end is not None] or [1000.0]
    places = [math.log10(x) for x in xs] if log else xs
    across = _padded(min(places), max(places), 0.3 if log else 1.0)
    return _Axes(across, _padded(min(ys), max(ys), 50), log)


def _x_ends(candidate: Candidate, found: Frontier) -> list[float]:
    """The place on the x axis, and the ends of its bar where it has one."""
    p50 = candidate.p50_ms
    bar = [] if found.against == "cost" else [end / 1000 for end in (p50.low, p50.high) if end is not None]
    return [_x(candidate, found), *bar]


def _padded(low: float, high: float, least: float) -> tuple[float, float]:
    room = max((high - low) * _PAD, least)
    return low - room, high + room


def _add_quadrant(figure: go.Figure, points: Sequence[Point], found: Frontier, axes: _Axes) -> None:
    """Where both are better than the median of the endpoints shown."""
    x, y = median(_x(p.candidate, found) for p in points), median(p.candidate.elo for p in points)
    left = axes.x_value(0)
    figure.add_scatter(
        x=[left, x, x, left], y=[y, y, axes.y[1], axes.y[1]], fill="toself", fillcolor=_SHADE, mode="none",
        hoverinfo="skip", showlegend=False, name="best quadrant",
    )  # fmt: skip
    figure.add_annotation(
        text="best quadrant", x=0, y=1, xref="paper", yref="paper", xanchor="left", yanchor="top", showarrow=False,
        font={"size": 12, "color": "#12A37B"}, xshift=6, yshift=-4,
    )  # fmt: skip


def _add_frontier(figure: go.Figure, points: Sequence[Point], found: Frontier) -> None:
    likely = [p.candidate for p in points if p.likely]
    figure.add_scatter(
        x=[_x(c, found) for c in likely], y=[c.elo for c in likely], mode="lines", hoverinfo="skip", showlegend=False,
        line={"color": _LINE, "width": 1.5, "dash": "dot"}, name="frontier",
    )  # fmt: skip


def _add_points(
    figure: go.Figure, points: Sequence[Point], found: Frontier, colours: Mapping[str, str], axes: _Axes
) -> int:
    """A bubble with bars and a name for each; how many names did not fit."""
    cost = found.against == "cost"
    thirds = [(p.candidate.p50_ms if cost else p.candidate.usd_per_1000).value for p in points]
    most = max((t for t in thirds if t is not None), default=1.0) or 1.0
    sizes = [max(LEAST_PX, MOST_PX * math.sqrt((third or 0.0) / most)) for third in thirds]
    order = sorted(range(len(points)), key=lambda i: (-points[i].probability, -points[i].candidate.elo))
    names = fmt.shortened([p.candidate.endpoint for p in points], 26)
    spots = [
        Spot(*axes.at(_x(points[i].candidate, found), points[i].candidate.elo), sizes[i] / 2, _label(points[i], names))
        for i in order
    ]
    positions = place(spots)
    for i, spot, position in zip(order, spots, positions, strict=True):
        c, colour = points[i].candidate, fmt.colour(colours, points[i].candidate.endpoint)
        hollow = points[i].probability < UNLIKELY
        figure.add_scatter(
            name=c.endpoint,
            x=[_x(c, found)],
            y=[c.elo],
            mode="markers" if position is None else "markers+text",
            text=[spot.text],
            textposition=position or "middle right",
            textfont={"size": 12},
            cliponaxis=False,
            marker={
                "size": sizes[i], "color": colour, "symbol": "circle-open" if hollow else "circle",
                "opacity": 0.45 if hollow else 0.55 + 0.4 * points[i].probability,
            },
            error_y=_bars(c.elo, c.rating.low, c.rating.high, 1, colour),
            error_x=_bars(c.p50_ms.value, *((None, None) if cost else (c.p50_ms.low, c.p50_ms.high)), 0.001, colour),
            hovertext=[_hover(points[i])],
            hovertemplate="%{hovertext}<extra></extra>",
            showlegend=False,
        )  # fmt: skip
    return positions.count(None)


def _label(point: Point, names: Mapping[str, str]) -> str:
    name = names[point.candidate.endpoint]
    return name if point.probability < UNLIKELY else f"{name} {chance_text(point.probability)}"


def _bars(value: float | None, low: float | None, high: float | None, factor: float, colour: str) -> dict[str, object]:
    if value is None or (low is None and high is None):
        return {"visible": False}
    up = 0.0 if high is None else (high - value) * factor
    down = 0.0 if low is None else (value - low) * factor
    shape = {"thickness": 1.2, "width": 3, "color": colour}
    return {"type": "data", "symmetric": False, "array": [up], "arrayminus": [down], **shape}


def _hover(point: Point) -> str:
    c = point.candidate
    ends = [fmt.DASH if end is None else f"{end:.0f}" for end in (c.rating.low, c.rating.high)]
    time = format_ms(c.p50_ms.value)
    if c.p50_ms.low is not None and c.p50_ms.high is not None:
        time += f" [{format_ms(c.p50_ms.low)}, {format_ms(c.p50_ms.high)}]"
    rate = fmt.DASH if c.success.value is None else format_percent(c.success.value)
    return "<br>".join(
        [
            f"<b>{c.endpoint}</b>",
            f"Elo {c.elo:.0f} [{ends[0]}, {ends[1]}], {fmt.count(c.rating.votes, 'vote')}",
            f"time to image p50 {time}, n {c.p50_ms.n}",
            f"p95 {format_ms(c.p95_ms.value)}, n {c.p95_ms.n}",
            f"{format_usd(c.usd_per_1000.value)} per 1,000 images, n {c.usd_per_1000.n}",
            f"success {rate}, n {c.success.n}",
            f"on the frontier with a probability of {chance_text(point.probability)}",
        ]
    )


def _layout(figure: go.Figure, axes: _Axes, *, cost: bool) -> None:
    figure.update_layout(height=480, margin={"l": 10, "r": 30, "t": 10, "b": 10})
    figure.update_yaxes(title_text="Elo, higher is better", range=list(axes.y), automargin=True, zeroline=False)
    title = "US dollars per 1,000 images, lower is better" if cost else "time to image p50, lower is better"
    figure.update_xaxes(title_text=title, range=list(axes.x), automargin=True, zeroline=False)
    written = [f"${tick:,g}" if cost else f"{tick:,g} s" for tick in TICKS]
    if axes.log:
        figure.update_xaxes(type="log", tickmode="array", tickvals=TICKS, ticktext=written)
    else:
        figure.update_xaxes(tickprefix="$" if cost else "", ticksuffix="" if cost else " s")


def _in_words(points: Sequence[Point], found: Frontier) -> str:
    """Who is on the frontier, from the cheapest or fastest on."""
    likely = [p for p in points if p.likely]
    what = "cheapest" if found.against == "cost" else "fastest"
    if not likely:
        return f"Elo against {found.against}: nobody can be placed yet."
    names = "; ".join(f"{p.candidate.endpoint} ({chance_text(p.probability)})" for p in likely)
    return f"Likelier than not on the frontier of Elo against {found.against}, from the {what} on: {names}."
