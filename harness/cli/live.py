"""The live table of a running run on stderr; plain lines where there is no terminal."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

import anyio
from rich.live import Live
from rich.table import Table
from rich.text import Text

from arena.metrics.intervals import smallest_n_for_value
from arena.units import format_ms, format_percent, format_usd
from harness.cli.console import err, say

if TYPE_CHECKING:
    from harness.progress import EndpointProgress, Progress

LOG = logging.getLogger(__name__)
REFRESH_S = 0.25
LINE_EVERY_S = 5.0


async def show(progress: Progress) -> None:
    """Show progress until cancelled; the last state stays on the screen."""
    try:
        await (_live(progress) if sys.stderr.isatty() else _lines(progress))
    except Exception:  # the view is a convenience, the run is not
        LOG.exception("the live view has failed; the run goes on without it")


async def _live(progress: Progress) -> None:
    with Live(table(progress), console=err(), auto_refresh=False, transient=False) as live:
        try:
            while True:
                await anyio.sleep(REFRESH_S)
                live.update(table(progress), refresh=True)
        finally:
            live.update(table(progress), refresh=True)


async def _lines(progress: Progress) -> None:
    while True:
        await anyio.sleep(LINE_EVERY_S)
        in_flight = sum(e.in_flight for e in progress.endpoints.values())
        failed = sum(e.failures.total() for e in progress.endpoints.values())
        say(
            f"{progress.ended}/{progress.planned} done, {failed} failed, {in_flight} in flight, "
            f"spent at most {format_usd(progress.spent_usd)}"
        )


def table(progress: Progress) -> Table:
    """One row an endpoint: done, success, p50, p95, in flight, last failure."""
    title = f"{progress.ended}/{progress.planned} done · spent at most {format_usd(progress.spent_usd)}"
    shown = Table(title=title, title_justify="left", pad_edge=False, header_style="bold", expand=False)
    for name in ("endpoint", "done", "success", "p50", "p95", "in flight", "last failure"):
        shown.add_column(name, justify="left" if name in {"endpoint", "last failure"} else "right", no_wrap=True)
    for endpoint_id, state in progress.endpoints.items():
        shown.add_row(endpoint_id, *_cells(state))
    return shown


def _cells(state: EndpointProgress) -> list[str | Text]:
    success = format_percent(state.brought / state.reached, 0) if state.reached else "–"
    return [
        f"{state.ended}/{state.planned}",
        success,
        format_ms(_quantile(state.latencies_ms, 0.5)),
        format_ms(_quantile(state.latencies_ms, 0.95)),
        str(state.in_flight),
        Text(state.last_failure[:60]),  # what a server said is shown as it is, never read as markup
    ]


def _quantile(values: list[float], q: float) -> float | None:
    """As the figures of record interpolate it, without numpy, which nothing else needs while a run runs."""
    if len(values) < smallest_n_for_value(q):
        return None
    ordered, rank = sorted(values), q * (len(values) - 1)
    lower = int(rank)
    upper = min(lower + 1, len(ordered) - 1)
    return ordered[lower] + (rank - lower) * (ordered[upper] - ordered[lower])
