"""A capacity in a terminal: latency against load as bars, and what was found in words."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from arena.metrics.objective import Verdict
from arena.reports.capacity_words import in_words, times
from arena.units import format_ms, format_percent, format_usd, percent

if TYPE_CHECKING:
    from decimal import Decimal

    from rich.console import Console

    from arena.metrics.base import Figure
    from arena.metrics.objective import Clause
    from arena.reports.capacity import Capacity, LoadPoint

BAR = 32
"""Columns of the longest bar; it stands for twice the bound of the objective."""
_STYLES = {Verdict.HOLDS: "green", Verdict.FAILS: "red", Verdict.UNTOLD: "yellow"}


def print_capacity(console: Console, found: Capacity, wanted_repeats: int | None, spent_usd: Decimal | None) -> None:
    """The curve and the answer; `wanted_repeats` is how often the answer should have held, if that is known."""
    if found.points:
        console.print(_table(found))
    for line in in_words(found, wanted_repeats):
        console.print(line)
    if spent_usd is not None:
        console.print(f"spent at most {format_usd(spent_usd)}")


def _table(found: Capacity) -> Table:
    clause = next((c for c in found.objective.clauses if c.figure != "success"), None)
    name = "p95" if clause is None else clause.figure
    table = Table(
        title=f"latency against load · {'SIMULATED · ' if found.simulated else ''}95 % intervals in brackets"
        + ("" if clause is None else f" · │ is {format_ms(clause.bound)}"),
        title_justify="left",
        pad_edge=False,
        header_style="bold",
    )
    table.add_column("rate/s", justify="right")
    table.add_column(f"{name} from due")
    for column in ("p50", name if name != "p50" else "p95", "success", "delivered/s", "waited", "n"):
        table.add_column(column, justify="right")
    table.add_column("verdict", no_wrap=True)
    for point in found.points:
        table.add_row(
            f"{point.rate_per_s:g}",
            bar(point.from_due[name], clause, _scale_ms(found)),
            _latency(point.from_due["p50"]),
            _latency(point.from_due[name if name != "p50" else "p95"]),
            _rate(point.success),
            "–" if point.delivered_per_s is None else f"{point.delivered_per_s:.3g}",
            format_percent(point.waited_share, 0),
            str(point.n),
            _verdict(point),
        )
    return table


def _scale_ms(found: Capacity) -> float:
    """What a full bar stands for: twice the objective's bound, or the largest latency where it has none."""
    bounds = [c.bound for c in found.objective.clauses if c.figure != "success"]
    known = [point.from_due["p95"].value for point in found.points]
    return 2 * bounds[0] if bounds else max((v for v in known if v is not None and math.isfinite(v)), default=1.0)


def bar(figure: Figure, clause: Clause | None, scale_ms: float) -> Text:
    """A bar as long as the latency, with the bound marked; `▶` where it goes on beyond the edge."""
    if figure.value is None:
        return Text(f"n={figure.n}", style="dim")
    length = BAR if not math.isfinite(figure.value) else min(BAR, round(figure.value / scale_ms * BAR))
    cells = ["█" if column < length else " " for column in range(BAR)]
    if clause is not None:
        cells[min(BAR - 1, round(clause.bound / scale_ms * BAR))] = "│"
    return Text("".join(cells) + ("▶" if figure.value > scale_ms else " "))


def _latency(figure: Figure) -> Text:
    if figure.value is None:
        return Text(f"n={figure.n}", style="dim")
    shown = Text(_ms(figure.value))
    if figure.low is not None and figure.high is not None:
        shown.append(f"\n[{_ms(figure.low)}, {_ms(figure.high)}]", style="dim")
    return shown


def _ms(value_ms: float) -> str:
    return format_ms(value_ms) if math.isfinite(value_ms) else "never"


def _rate(figure: Figure) -> Text:
    if figure.value is None or figure.low is None or figure.high is None:
        return Text("–", style="dim")
    shown = Text(format_percent(figure.value))
    return shown.append(f"\n[{percent(figure.low)}, {percent(figure.high)}]", style="dim")


def _verdict(point: LoadPoint) -> Text:
    how_often = f" {times(point.repeats)}" if point.verdict is Verdict.HOLDS else ""
    return Text(f"{point.verdict}{how_often}", style=_STYLES[point.verdict])
