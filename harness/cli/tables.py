"""How figures look in a terminal: value, and its interval beneath."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table
from rich.text import Text

from arena.metrics.figures import METRICS
from arena.units import format_ms, format_usd

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from arena.metrics.base import Figure, Metric
    from arena.reports.summary import EndpointSummary, Verdict

SIMULATED = "simulated"


def summary_table(summaries: Sequence[EndpointSummary], title: str) -> Table:
    """One row an endpoint, one column a metric."""
    table = Table(title=title, title_justify="left", pad_edge=False, header_style="bold", row_styles=["", "on grey7"])
    table.add_column("endpoint", no_wrap=True)
    for metric in METRICS:
        table.add_column(metric.title, justify="right", no_wrap=metric.unit != "count")
    table.add_column("failures")
    for summary in summaries:
        name = Text(summary.endpoint)
        if summary.simulated:
            name.append(f"\n{SIMULATED}", style="dim yellow")
        cells = [_cell(metric, summary.figures[metric.name]) for metric in METRICS]
        failures = "\n".join(f"{count} {kind}" for kind, count in summary.failures.items())
        unknown = f"\n{summary.unknown} unknown" if summary.unknown else ""
        table.add_row(name, *cells, escape(failures + unknown).strip() or "–")
    return table


def print_verdicts(console: Console, verdicts: Sequence[Verdict]) -> None:
    """Who is fastest, steadiest and cheapest, one line each."""
    units = {metric.name: metric for metric in METRICS}
    for verdict in verdicts:
        metric = units[verdict.metric]
        also = f"; intervals overlap with {', '.join(verdict.overlapping)}" if verdict.overlapping else ""
        value = written(metric, verdict.figure)
        console.print(f"[bold]{verdict.claim}[/]: {escape(verdict.endpoint)} ({metric.title} {value}{escape(also)})")


def written(metric: Metric, figure: Figure) -> str:
    """`143 ms [139, 151]`, `97.5 % [93.0, 99.1]`, or a dash."""
    if figure.value is None:
        return "–"
    interval = _interval(metric, figure)
    return f"{_number(metric, figure.value)} {interval}".rstrip()


def _cell(metric: Metric, figure: Figure) -> Text:
    if figure.value is None:
        # A latency is withheld for want of successes, which is another thing than not being known at all.
        return Text(f"n={figure.n}" if metric.unit == "ms" else "–", style="dim")
    cell = Text(_number(metric, figure.value))
    interval = _interval(metric, figure)
    if interval:
        cell.append(f"\n{interval}", style="dim")
    return cell


def _interval(metric: Metric, figure: Figure) -> str:
    if figure.low is None or figure.high is None:
        return ""
    if metric.unit == "ratio":
        return f"[{figure.low * 100:.1f}, {figure.high * 100:.1f}]"
    return f"[{figure.low:.0f}, {figure.high:.0f}]"


def _number(metric: Metric, value: float) -> str:
    match metric.unit:
        case "ms":
            return format_ms(value)
        case "ratio":
            return f"{value * 100:.1f} %"
        case "usd":
            return format_usd(value)
        case "count":
            return f"{value:.0f}"
        case _:
            return f"{value:.1f}"
