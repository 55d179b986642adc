"""How figures look in a terminal: value, its interval beneath, and n."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from rich.table import Table
from rich.text import Text

from arena.metrics.figures import METRICS
from arena.metrics.phases import PHASES
from arena.units import format_ms, format_percent, format_usd, ms_digits, percent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from arena.metrics.base import Figure, Metric
    from arena.reports.summary import EndpointSummary, Verdict

SIMULATED = "simulated"
MOST_NAMED = 6
PADDING = 3  # a cell's margins and its border


@dataclass(frozen=True, slots=True)
class _Column:
    title: str
    cells: list[Text]
    justify: Literal["left", "right"] = "right"

    @property
    def width(self) -> int:
        """Columns of the terminal that it takes; a title may be broken between its words."""
        lines = [line for cell in self.cells for line in cell.plain.split("\n")]
        return max(map(len, [*lines, *self.title.split()])) + PADDING


def print_summary(
    console: Console,
    summaries: Sequence[EndpointSummary],
    title: str,
    *,
    everything: bool = False,
    metrics: Sequence[Metric] = METRICS,
) -> None:
    """One row an endpoint, one column a metric; as many tables below each other as the terminal is too narrow for.

    `everything`: also the figures that are details.
    """
    wanted = [m for m in metrics if everything or not m.detail]
    told = [m for m in wanted if any(s.figures[m.name].n for s in summaries)]
    cells = [_Column(m.title, [_cell(m, s.figures[m.name]) for s in summaries]) for m in told]
    failures = _Column("failures", [_failures(s) for s in summaries], "left")
    _print_pages(console, summaries, [*cells, failures], title)


def _print_pages(console: Console, summaries: Sequence[EndpointSummary], cells: Sequence[_Column], title: str) -> None:
    names = _Column("endpoint", [_name(s) for s in summaries], "left")
    for index, columns in enumerate(_pages(cells, console.width - names.width - PADDING)):
        table = Table(title=title if index == 0 else None, title_justify="left", pad_edge=False, header_style="bold")
        for column in (names, *columns):
            # A fixed width, or a title that has to be broken would make the figures break with it.
            table.add_column(column.title, justify=column.justify, width=column.width - PADDING)
        for row in zip(*(column.cells for column in (names, *columns)), strict=True):
            table.add_row(*row)
        console.print(table)


def print_phases(console: Console, summaries: Sequence[EndpointSummary]) -> None:
    """Where the time of each endpoint's successes goes; nothing where no image came."""
    told = [m for m in PHASES if any(s.phases[m.name].value is not None for s in summaries)]
    if not told:
        return
    cells = [_Column(m.title, [_cell(m, s.phases[m.name]) for s in summaries]) for m in told]
    title = "where the time goes: medians of the successes; a server's own times are by its own clock"
    _print_pages(console, summaries, cells, title)


def _pages(columns: Sequence[_Column], width: int) -> list[list[_Column]]:
    pages: list[list[_Column]] = [[]]
    left = width
    for column in columns:
        if column.width > left and pages[-1]:
            pages.append([])
            left = width
        pages[-1].append(column)
        left -= column.width
    return pages


def _name(summary: EndpointSummary) -> Text:
    name = Text(summary.endpoint, no_wrap=True)
    return name.append(f"\n{SIMULATED}", style="dim yellow") if summary.simulated else name


def _failures(summary: EndpointSummary) -> Text:
    lines = [f"{count} {kind}" for kind, count in summary.failures.items()]
    lines += [f"{summary.unknown} unknown"] if summary.unknown else []
    return Text("\n".join(lines) or "–", no_wrap=True)


def print_verdicts(console: Console, verdicts: Sequence[Verdict]) -> None:
    """Who is fastest, steadiest and cheapest, one line each."""
    units = {metric.name: metric for metric in METRICS}
    for verdict in verdicts:
        metric = units[verdict.metric]
        also = f"; not told apart from {_named(verdict.overlapping)}: {verdict.why}" if verdict.overlapping else ""
        value = f"{written(metric, verdict.figure)}, n={verdict.figure.n}"
        line = Text(verdict.claim, style="bold")
        console.print(line.append(f": {verdict.endpoint} ({metric.title} {value}{also})", style="not bold"))


def _named(endpoints: Sequence[str]) -> str:
    """The first few by name, the rest by their number."""
    if len(endpoints) <= MOST_NAMED:
        return ", ".join(endpoints)
    return f"{', '.join(endpoints[: MOST_NAMED - 1])} and {len(endpoints) - MOST_NAMED + 1} more"


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
    return cell if metric.unit == "count" else cell.append(f"\nn={figure.n}", style="dim")


def _interval(metric: Metric, figure: Figure) -> str:
    if figure.low is None or figure.high is None:
        return ""
    if metric.unit == "ratio":
        return f"[{percent(figure.low)}, {percent(figure.high)}]"
    if metric.unit == "ms" and (figure.value or 0) >= 1000:  # in seconds, as the value itself is written
        return f"[{figure.low / 1000:.2f}, {figure.high / 1000:.2f}]"
    digits = ms_digits(figure.value or 0.0)
    return f"[{figure.low:.{digits}f}, {figure.high:.{digits}f}]"


def _number(metric: Metric, value: float) -> str:
    match metric.unit:
        case "ms":
            return format_ms(value)
        case "ratio":
            return format_percent(value)
        case "usd":
            return format_usd(value)
        case "count":
            return f"{value:.0f}"
        case _:
            return f"{value:.1f}"
