"""`arena recommend`: the best endpoint within limits on time, price and reliability."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from arena.domain.choices import Mode
from harness.cli import conditions, console
from harness.cli.arena_boards import Category, Simulated
from harness.cli.conditions import Days, Size, Warm
from harness.cli.console import Json, out, print_json

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from arena.metrics.base import Figure
    from arena.reports.limits import LimitName
    from arena.reports.measured import Measured
    from arena.reports.recommend import Held, Recommendation
    from arena.reports.tradeoffs import Tradeoffs

P95 = Annotated[float | None, typer.Option("--p95-ms", help="The p95 of time to image may be so many ms.")]
Usd = Annotated[float | None, typer.Option("--max-usd-per-1000", help="1,000 images may cost so many US dollars.")]
Success = Annotated[
    float | None, typer.Option("--min-success", help="The success rate has to be a share such as 0.99.")
]
MODE_HELP = "t2i or edit; time and price are never taken over both."


def recommend(
    *,
    p95_ms: P95 = None,
    max_usd_per_1000: Usd = None,
    min_success: Success = None,
    mode: Annotated[Mode, typer.Option("--mode", help=MODE_HELP)] = Mode.TEXT_TO_IMAGE,
    category: Category = None,
    days: Days = conditions.WINDOW_DAYS,
    size: Size = None,
    warm: Warm = False,
    simulated: Simulated = False,
    as_json: Json = False,
) -> None:
    """Name the highest rated endpoint that keeps every limit, how sure that is, and what each limit costs."""
    from arena.reports.leaderboard import Board, leaderboard
    from arena.reports.limits import Limits
    from arena.reports.measured import as_json as conditions_json
    from arena.reports.recommend import as_json as recommendation_json
    from arena.reports.recommend import recommend as choose
    from arena.reports.tradeoffs import flat_rows, tradeoffs
    from arena.store.engine import open_database

    limits = Limits(p95_ms, max_usd_per_1000, min_success)
    with open_database(console.settings()).read() as connection:
        board = leaderboard(connection, Board(simulated=simulated, mode=mode, category=category))
        found = conditions.read(connection, mode, days=days, size=size, warm=warm, simulated=simulated)
    joined = tradeoffs(board, found.summaries)
    chosen = choose(joined, limits)
    if as_json:
        omitted = {o.endpoint: list(o.reasons) for o in joined.omitted}
        document = recommendation_json(chosen) | {"measured": conditions_json(found), "figures": flat_rows(joined)}
        print_json(document | {"left_out": omitted, "board": board.board.name, "votes": board.votes})
        return
    _print(out(), chosen, joined, found)
    if not board.rows and not simulated:
        out().print("note: simulated endpoints have a board of their own: --simulated")


def _print(screen: Console, chosen: Recommendation, joined: Tradeoffs, found: Measured) -> None:
    from rich.text import Text

    screen.print(Text(chosen.sentence[:1].upper() + chosen.sentence[1:] + ".", style="bold"))
    if chosen.choice is not None:
        for check in chosen.choice.doubts:
            screen.print(f"note: {check.sentence}")
    for shadow in chosen.shadows:
        screen.print(shadow.sentence)
    if chosen.held:
        screen.print(_table(chosen, found))
    for omitted in joined.omitted:
        screen.print(Text(f"left out: {omitted.sentence}", style="dim"))


def _table(chosen: Recommendation, found: Measured) -> Table:
    from rich.table import Table

    simulated = " · SIMULATED" if chosen.simulated else ""
    table = Table(
        title=f"best rated first; {found.conditions.sentence}; intervals hold with 95 %{simulated}",
        title_justify="left", pad_edge=False, header_style="bold",
    )  # fmt: skip
    table.add_column("endpoint")
    for name in ("Elo", "p95", "$ / 1,000", "success", "best"):
        table.add_column(name, justify="right")
    table.add_column("limits")
    for held in chosen.held:
        table.add_row(*_cells(held), style=None if held.admitted else "dim")
    return table


def _cells(held: Held) -> tuple[str, ...]:
    from arena.reports.limits import shortfall
    from arena.reports.wording import chance_text
    from arena.units import format_usd

    c, row = held.candidate, held.candidate.rating
    ends = ["open" if end is None else f"{end:.0f}" for end in (row.low, row.high)]
    best = "–" if held.probability_best is None else chance_text(held.probability_best)
    said = shortfall(held.checks) or ("open" if held.doubts else "kept" if held.checks else "")
    times, rate = _figure("p95", c.p95_ms), _figure("success", c.success)
    price = f"{format_usd(c.usd_per_1000.value)}\nn {c.usd_per_1000.n}"
    return (
        c.endpoint, f"{c.elo:.0f}\n[{ends[0]}, {ends[1]}]", times, price, rate, best, said,
    )  # fmt: skip


def _figure(name: LimitName, figure: Figure) -> str:
    """A value with its interval, where it has one, and its n beneath."""
    from arena.reports.limits import text

    value = "–" if figure.value is None else text(name, figure.value)
    if figure.low is None or figure.high is None:
        return f"{value}\nn {figure.n}"
    return f"{value}\n[{text(name, figure.low)}, {text(name, figure.high)}]\nn {figure.n}"
