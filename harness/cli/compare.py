"""`arena runs compare`: what differs between two runs or two endpoints, and how sure that is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import console
from harness.cli.console import Json, out, print_json

if TYPE_CHECKING:
    from rich.console import Console

    from arena.reports.compare import Comparison

RUN_HELP = "A run id, the beginning or end of one, or `last`."


def compare(
    run: Annotated[str, typer.Argument(help=RUN_HELP)],
    other: Annotated[str | None, typer.Argument(help="Another run; its endpoints are matched by id.")] = None,
    *,
    endpoints: Annotated[
        tuple[str, str] | None,
        typer.Option("--endpoints", metavar="X Y", help="Endpoint X against Y, in one run or of the first and second."),
    ] = None,
    worth: Annotated[
        float | None,
        typer.Option("--worth", metavar="PERCENT", min=0.1, max=100, help="The least difference that matters."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Compare two runs, or two endpoints: differences with intervals, by pairs where both had the same prompts."""
    from arena.reports.comparable import differences, matching
    from arena.reports.compare import WORTH_TELLING, as_json_document
    from arena.reports.compare import compare as compare_sides
    from arena.store.engine import open_database
    from arena.store.queries import outcomes
    from arena.store.runs import get_run

    with open_database(console.settings()).read() as connection:
        runs = get_run(connection, run), get_run(connection, run if other is None else other)
        notes = differences(*runs)
        rows = [outcomes(connection, r.id) for r in {r.id: r for r in runs}.values()]
    frames = rows[0], rows[-1]
    found = [
        compare_sides(
            frames[0][frames[0]["endpoint"] == x],
            frames[1][frames[1]["endpoint"] == y],
            WORTH_TELLING if worth is None else worth / 100,
            notes,
        )
        for x, y in matching(runs, frames, endpoints)
    ]
    if as_json:
        print_json(as_json_document(found))
        return
    for comparison in found:
        _print(out(), comparison)


def _print(screen: Console, found: Comparison) -> None:
    from rich.table import Table
    from rich.text import Text

    from arena.reports.wording import value_text, written

    screen.print(_title(found))
    table = Table(pad_edge=False, header_style="bold")
    for name in ("", "A", "B", "A − B [95 %]", "n"):
        table.add_column(name, justify="right" if name else "left", no_wrap=True)
    for c in found.contrasts:
        sides = value_text(c.unit, c.a), value_text(c.unit, c.b)
        table.add_row(c.title, *sides, written(c.unit, c.difference), str(c.difference.n))
    screen.print(table)
    for c in found.contrasts:
        screen.print(Text(c.title, style="bold").append(f": {c.verdict}", style="not bold"))
    for note in found.notes:
        screen.print(Text(f"note: {note}", style="dim"))


def _title(found: Comparison) -> str:
    from arena.reports.compare import design_text

    simulated = " · SIMULATED" if found.a.simulated else ""
    sides = [f"{s.endpoint} of run {s.run_id}" for s in (found.a, found.b)]
    return f"A: {sides[0]}\nB: {sides[1]}\n{design_text(found)}{simulated}"
