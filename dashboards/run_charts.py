"""Charts about runs as pure functions: progress, latency against load, differences of two sides."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from arena.metrics.objective import Verdict
from arena.reports.wording import written
from arena.units import format_ms
from dashboards import format as fmt
from dashboards.charts import FRAME_PX, MIN_PX, ROW_PX, SIMULATED, Chart

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from arena.metrics.base import Figure
    from arena.reports.capacity import Capacity, LoadPoint
    from arena.reports.compare import Comparison, Contrast
    from arena.reports.progress import EndpointProgress

GREY, GREEN, RED, BLUE = "#8A8F98", "#12A37B", "#D4541B", "#2A7FC1"
STATES = (
    ("brought an image", "succeeded", GREEN, ""),
    ("failed", "failed", RED, "/"),
    ("unknown", "unknown", "#8A63B8", "x"),
    ("in flight", "in_flight", BLUE, "."),
)
SYMBOLS = {Verdict.HOLDS: "circle", Verdict.FAILS: "x", Verdict.UNTOLD: "diamond-open"}


def progress(endpoints: Sequence[EndpointProgress]) -> Chart:
    """Trials by endpoint: what came of those that were fired; the rest of the bar's length is left to fire."""
    figure = go.Figure()
    names = [e.endpoint + (SIMULATED if e.simulated else "") for e in endpoints]
    for name, attribute, colour, pattern in STATES:
        counts = [getattr(e, attribute) for e in endpoints]
        if not any(counts):
            continue
        figure.add_bar(
            name=name, orientation="h", x=counts, y=list(range(len(endpoints))), width=0.6,
            marker={"color": colour, "pattern": {"shape": pattern}},
            hovertemplate=f"%{{x}} {name}<extra></extra>",
        )  # fmt: skip
    figure.update_layout(
        barmode="stack",
        height=max(MIN_PX, ROW_PX * len(endpoints) + FRAME_PX),
        margin={"l": 10, "r": 20, "t": 10, "b": 10},
        legend={"orientation": "h", "y": 1, "yanchor": "bottom", "x": 0, "traceorder": "normal"},
        showlegend=True,
    )
    _rows(figure, names)
    most = max((e.planned for e in endpoints), default=1)
    figure.update_xaxes(range=[0, max(most, 1)], title_text="trials", automargin=True)
    words = "; ".join(f"{e.endpoint}: {e.ended} of {e.planned} ended, {e.failed} failed" for e in endpoints)
    return Chart(
        "Trials by endpoint",
        "Green: brought an image. Hatched red: failed. The axis ends where the longest plan does. Fewer red is better.",
        figure,
        f"Trials by endpoint. {words}",
    )


def capacity(found: Capacity, colours: Mapping[str, str]) -> Chart:
    """Latency from the due instant against the rate of requests, with intervals and the objective's bound."""
    figure, colour = go.Figure(), fmt.colour(colours, found.endpoint)
    clause = next((c for c in found.objective.clauses if c.figure != "success"), None)
    quantiles = dict.fromkeys(("p50", "p95" if clause is None else clause.figure))
    for name in quantiles:
        _curve(figure, found.points, name, colour, dash="dot" if name == "p50" else "solid")
    if clause is not None:
        figure.add_hline(
            y=clause.bound / 1000,
            line={"dash": "dash", "color": GREY},
            annotation={"text": f"{clause.figure} is to stay below {format_ms(clause.bound)}"},
            annotation_position="top left",
        )
    figure.update_layout(
        height=380,
        margin={"l": 10, "r": 20, "t": 20, "b": 10},
        legend={"orientation": "h", "y": 1, "yanchor": "bottom", "x": 0},
    )
    figure.update_xaxes(title_text="requests per second", rangemode="tozero", automargin=True)
    figure.update_yaxes(title_text="from due to last byte", ticksuffix=" s", rangemode="tozero", automargin=True)
    never = [p for p in found.points if any(_seconds(p.from_due[name]) is None for name in quantiles)]
    note = f" Not drawn, as failures reach the quantile or too few came: {_rates(never)}." if never else ""
    ends = [p.from_due[name].high for p in found.points for name in quantiles]
    note += " A bar without an upper end reaches attempts that failed." if math.inf in ends else ""
    simulated = " Simulated." if found.simulated else ""
    holds = "no rate that holds was found" if found.holds is None else f"it holds at {found.holds.rate_per_s:g}/s"
    return Chart(
        "Latency against load",
        "Circle: the objective holds, cross: it fails, open diamond: it cannot be told. Bars are 95 % intervals. Lower "
        f"is better, further right is more load.{note}{simulated}",
        figure,
        f"Latency of {found.endpoint} against requests per second under {found.objective}; {holds}",
    )


def _curve(figure: go.Figure, points: Sequence[LoadPoint], name: str, colour: str, *, dash: str) -> None:
    drawn = [(p, s) for p in points if (s := _seconds(p.from_due[name])) is not None]
    figure.add_scatter(
        name=name,
        mode="lines+markers",
        x=[p.rate_per_s for p, _ in drawn],
        y=[s for _, s in drawn],
        error_y=_bars([p.from_due[name] for p, _ in drawn], colour, 0.001),
        line={"color": colour, "dash": dash},
        opacity=0.6 if dash == "dot" else 1,
        marker={"size": 10, "color": colour, "symbol": [SYMBOLS[p.verdict] for p, _ in drawn]},
        text=[f"{p.rate_per_s:g}/s, n {p.n}: {name} {format_ms(s * 1000)}, {p.verdict}" for p, s in drawn],
        hovertemplate="%{text}<extra></extra>",
    )


def differences(comparisons: Sequence[Comparison], metric: str) -> Chart | None:
    """A - B of one latency for each pair of sides, with its interval; None where none is known."""
    rows = [(c, one) for c in comparisons for one in c.contrasts if one.metric == metric and _known(one)]
    if not rows:
        return None
    figure = go.Figure()
    for row, (_, one) in enumerate(rows):
        told = one.difference.low is not None and one.difference.high is not None
        decided = told and ((one.difference.high or 0) < 0 or (one.difference.low or 0) > 0)
        figure.add_scatter(
            mode="markers",
            x=[(one.difference.value or 0.0) / 1000],
            y=[row],
            error_x=_bars([one.difference], GREY, 0.001),
            marker={"size": 11, "color": BLUE if decided else GREY, "symbol": "circle" if decided else "circle-open"},
            text=[f"{written(one.unit, one.difference)}, n {one.difference.n}<br>{one.verdict}"],
            hovertemplate="%{text}<extra></extra>",
            showlegend=False,
        )  # fmt: skip
    figure.add_vline(x=0, line={"color": GREY, "dash": "dash"})
    figure.update_layout(height=max(MIN_PX, ROW_PX * len(rows) + FRAME_PX), margin={"l": 10, "r": 20, "t": 10, "b": 10})
    _rows(figure, [_pair(c) + (SIMULATED if c.a.simulated else "") for c, _ in rows])
    figure.update_xaxes(ticksuffix=" s", title_text="A − B", automargin=True)
    title = rows[0][1].title
    return Chart(
        f"Difference of {title}",
        "Dots are A − B, bars 95 % intervals; filled where zero is outside. Left of zero A is faster, right of it B.",
        figure,
        f"Difference of {title}. " + "; ".join(f"{_pair(c)}: {one.verdict}" for c, one in rows),
    )


def _pair(found: Comparison) -> str:
    a, b = found.a.endpoint, found.b.endpoint
    return a if a == b else f"{a} − {b}"


def _known(contrast: Contrast) -> bool:
    return contrast.difference.value is not None and math.isfinite(contrast.difference.value)


def _seconds(figure: Figure) -> float | None:
    known = figure.value is not None and math.isfinite(figure.value)
    return figure.value / 1000 if known and figure.value is not None else None


def _bars(figures: Sequence[Figure], colour: str, factor: float) -> dict[str, object]:
    """Distances to both ends of each interval; none where an end is unknown or infinitely far."""

    def distance(value: float | None, end: float | None) -> float:
        return 0.0 if value is None or end is None or not math.isfinite(end) else abs(end - value) * factor

    return {
        "type": "data",
        "symmetric": False,
        "array": [distance(f.value, f.high) for f in figures],
        "arrayminus": [distance(f.value, f.low) for f in figures],
        "thickness": 1.5,
        "width": 4,
        "color": colour,
    }


def _rates(points: Sequence[LoadPoint]) -> str:
    return ", ".join(f"{p.rate_per_s:g}/s" for p in points)


def _rows(figure: go.Figure, names: Sequence[str]) -> None:
    figure.update_yaxes(
        tickvals=list(range(len(names))), ticktext=list(names), range=[len(names) - 0.4, -0.6],
        automargin=True, showgrid=False, zeroline=False, title_text="",
    )  # fmt: skip
