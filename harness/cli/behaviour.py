"""`arena providers behaviour`: what endpoints really do with seeds, sizes, formats, counts and pauses."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import typer

from arena.domain.choices import ImageFormat
from harness.cli import console
from harness.cli.console import Json, Yes, say
from harness.keys import KEYS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from arena.reports.behaviour import Behaviour
    from arena.settings import Settings
    from arena.store.engine import Database
    from harness.cli.firing import Purse
    from harness.plan import Prepared

EXIT_BUDGET, EXIT_INTERRUPTED = 3, 130


def behaviour(
    endpoints: Annotated[list[str], typer.Argument(help="Endpoint ids or patterns.")],
    *,
    pause_s: Annotated[float, typer.Option("--pause-s", min=0.1, help="Seconds of nothing before a cold call.")] = 60,
    pauses: Annotated[int, typer.Option("--pauses", min=0, help="How many such pauses; three can tell.")] = 3,
    size: Annotated[str, typer.Option("--size", help="WIDTHxHEIGHT in pixels.")] = "1024x1024",
    image_format: Annotated[ImageFormat, typer.Option("--format")] = ImageFormat.PNG,
    budget_usd: Annotated[float | None, typer.Option("--budget-usd", min=0, help="Never spend more.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what it would cost; fire nothing.")] = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Find out what endpoints really do: seeds, caches, sizes, formats, several images a call, cold starts."""
    from arena.store.engine import open_database
    from harness.behaviour import Look, new_name
    from harness.session import today

    catalog = console.catalog()
    chosen = tuple(catalog.select_endpoints(endpoints, "providers behaviour"))
    look = Look(catalog, chosen, size, image_format, pause_s, pauses, new_name(), today())
    runs = look.runs()
    purse = _agreed(runs, budget_usd, dry_run=dry_run, yes=yes, as_json=as_json)
    settings = console.settings()
    settings.require_writable()
    database = open_database(settings, create=True)
    say(f"these are runs of the plan {look.name}; `arena runs behaviour {look.name}` shows what they say again")
    ended = _fire(database, settings, runs, purse)
    _show(database, settings, look.name, None, as_json=as_json)
    raise typer.Exit(ended)


def _agreed(
    runs: Sequence[tuple[float, Prepared]], budget_usd: float | None, *, dry_run: bool, yes: bool, as_json: bool
) -> Purse:
    """What may be spent, once it was shown and agreed to."""
    from arena.errors import BudgetError, ConfigError
    from arena.units import MOST_USD, format_duration_s, format_usd
    from harness.behaviour import worst_case_usd
    from harness.cli.firing import Purse
    from harness.plan import check_budget, check_keys

    if budget_usd is not None and not budget_usd <= MOST_USD:
        raise ConfigError(f"--budget-usd {budget_usd:g} is no amount that can be kept to; name dollars, such as 5")
    worst_usd = worst_case_usd(runs)
    given = None if budget_usd is None else Decimal(str(budget_usd))
    if given is not None:
        check_budget(runs[0][1], given)
        if worst_usd is not None and worst_usd > given:
            raise BudgetError(
                f"--budget-usd {format_usd(given)} does not pay for all the questions, which may cost "
                f"{format_usd(worst_usd)}; raise it, name fewer endpoints, or ask for less with --pauses or --size"
            )
    calls, quiet_s = sum(len(prepared.trials) for _, prepared in runs), sum(pause for pause, _ in runs)
    if as_json and dry_run:
        usd = None if worst_usd is None else float(worst_usd)
        console.print_json({"runs": len(runs), "calls": calls, "worst_case_usd": usd, "pauses_s": quiet_s})
    else:
        screen = console.out() if dry_run else console.err()
        for note in sorted({note for _, prepared in runs for note in prepared.notes}):
            screen.print(f"note: {note}")
        cost = "at a price that is not known" if worst_usd is None else f"at most {format_usd(worst_usd)}"
        screen.print(f"{calls} calls in {len(runs)} runs, {cost}, and {format_duration_s(quiet_s)} of pauses")
    if dry_run:
        raise typer.Exit(0)
    for _, prepared in runs:
        check_keys(prepared, KEYS)
    console.confirm("Fire?", yes=yes)
    return Purse(worst_usd if given is None else given)


def _fire(database: Database, settings: Settings, runs: Sequence[tuple[float, Prepared]], purse: Purse) -> int:
    """Fire run after run with their pauses; returns the exit code."""
    from arena.domain.run import RunStatus
    from harness.cli.firing import fire_one

    for number, (pause_s, prepared) in enumerate(runs, start=1):
        say(f"run {number} of {len(runs)}: {prepared.plan.description}")
        try:
            time.sleep(pause_s)
        except KeyboardInterrupt:
            say("interrupted; what came back is stored and shown")
            return EXIT_INTERRUPTED
        _, status = fire_one(database, settings, prepared, purse)
        if status is not RunStatus.FINISHED:
            say(f"stopped ({status}); what came back is stored and shown")
            return EXIT_BUDGET if status is RunStatus.BUDGET else EXIT_INTERRUPTED
    return 0


def again(
    run: Annotated[str, typer.Argument(help="Any run, or the name of a plan for all its runs.")] = "last",
    *,
    pause_s: Annotated[
        float | None, typer.Option("--pause-s", min=0.1, help="Seconds of nothing before a cold call.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what stored runs say about seeds, caches, sizes, formats, counts and cold starts. Fires nothing."""
    from arena.reports.behaviour import NAME
    from arena.store.engine import open_database
    from arena.store.runs import get_run
    from harness.cli.firing import plan_name

    settings = console.settings()
    database = open_database(settings)
    with database.read() as connection:
        name = plan_name(connection, run)
        # An ordinary run stands for itself; of those that were made for this, all of a look belong together.
        only = None if run == name or name.startswith(f"{NAME}-") else get_run(connection, run).id
    _show(database, settings, name, pause_s, only=only, as_json=as_json)


def _show(
    database: Database,
    settings: Settings,
    name: str,
    pause_s: float | None,
    *,
    only: str | None = None,
    as_json: bool,
) -> None:
    from arena.reports.behaviour import as_json as behaviours_json

    found = _behaviours(database, settings, name, pause_s, only)
    if as_json:
        console.print_json({"plan": name, "endpoints": behaviours_json(found)})
        return
    print_behaviours(found)


def _behaviours(
    database: Database, settings: Settings, name: str, pause_s: float | None, only: str | None
) -> list[Behaviour]:
    from arena.reports.families import behaviours_of_runs
    from arena.store.images import pruned_images
    from harness.cli.firing import family

    found = [(run, rows) for run, rows in family(database, name) if only is None or run.id == only]
    with database.read() as connection:
        pruned = sum(pruned_images(connection, run.id) for run, _ in found)
        if pruned:
            console.say(f"{pruned} images of these runs were pruned and are not compared")
        return behaviours_of_runs(connection, found, settings.images_dir, pause_s)


def print_behaviours(found: Sequence[Behaviour]) -> None:
    """One table an endpoint: question, answer, n, what was seen."""
    from rich.table import Table
    from rich.text import Text

    styles = {"yes": "bold", "no": "bold", "cannot be told": "dim"}
    screen = console.out()
    if not found:
        screen.print("no call of these runs has ended yet")
    for one in found:
        title = f"{one.endpoint}{' · SIMULATED' if one.simulated else ''}"
        table = Table(title=title, title_justify="left", pad_edge=False, header_style="bold")
        for column in ("question", "answer", "n", "what was seen"):
            table.add_column(column, justify="right" if column == "n" else "left")
        for finding in one.findings:
            answer = Text(finding.answer, style=styles[finding.answer])
            table.add_row(finding.question, answer, str(finding.n), finding.seen)
        screen.print(table)
