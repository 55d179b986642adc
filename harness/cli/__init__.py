"""The command line: one noun a file. Importing it loads neither pandas nor torch nor streamlit; commands import on use.

Exit codes: 0 done; 1 done, but below `--fail-under`; 2 something to change in what was given, and nothing was fired;
3 stopped by the budget; 4 stopped by an error of ours on the way, what was finished is stored; 70 a bug; 130
interrupted.
"""

from __future__ import annotations

import os
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Annotated

import typer

from arena import __version__
from arena.errors import ArenaError
from harness.cli import (
    app,
    arena_boards,
    behaviour,
    capacity,
    compare,
    contenders,
    db,
    demo,
    endpoints,
    export,
    images,
    imports,
    keys,
    local,
    metrics,
    otel,
    plan,
    prompts,
    providers,
    prune,
    recommend,
    report,
    run,
    runs,
    same_weights,
    schedule,
    score,
    sim,
    votes,
    watch,
)
from harness.cli.console import say

if TYPE_CHECKING:
    from collections.abc import Callable

EXIT_BAD_INPUT, EXIT_BUG = 2, 70
BOARDS = (arena_boards.leaderboard, arena_boards.matchups, arena_boards.competitions)

cli = typer.Typer(
    name="arena",
    help="Measure image-generation providers, and rank what they make.",
    epilog="Begin with `arena demo`: it needs no key, and costs nothing.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
PANELS: dict[str, tuple[ModuleType | Callable[..., None], ...]] = {
    "Measure": (demo.demo, plan, run.run, runs, capacity.capacity, schedule),
    "Decide": (app.app, report.report, recommend.recommend, *BOARDS),
    "Endpoints": (endpoints, providers, prompts, keys, local, sim),
    "Images and votes": (votes, contenders, images, score),
    "Data": (export.export, imports.import_, prune.prune, db),
    "Watch": (watch, metrics, otel),
}
"""Every command and every group of commands, in the order in which `arena --help` shows them."""
for panel, entries in PANELS.items():
    for entry in entries:
        if isinstance(entry, ModuleType):
            cli.add_typer(entry.cli, rich_help_panel=panel)
        else:
            cli.command(entry.__name__.rstrip("_"), rich_help_panel=panel)(entry)
runs.cli.command("capacity")(capacity.again)
runs.cli.command("behaviour")(behaviour.again)
runs.cli.command("compare")(compare.compare)
providers.cli.command("behaviour")(behaviour.behaviour)
providers.cli.command("same-weights")(same_weights.same_weights)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"arena {__version__}")
        raise typer.Exit


@cli.callback()
def options(
    *,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and end."),
    ] = False,
) -> None:
    """Options that come before the command."""
    if debug:
        os.environ["ARENA_DEBUG"] = "1"


def main() -> None:
    """The `arena` command."""
    try:
        cli()
    except ArenaError as error:
        _fail(str(error), EXIT_BAD_INPUT)
    except BrokenPipeError:
        # The reader of our output has gone, as `head` does; that is not an error worth a message.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(0) from None
    except Exception as error:  # noqa: BLE001 - the outermost boundary
        _fail(f"this is a bug: {type(error).__name__}: {error}; run it again with `arena --debug …`", EXIT_BUG)


def _fail(message: str, code: int) -> None:
    if os.environ.get("ARENA_DEBUG"):
        raise
    say(f"arena: {message}")
    raise SystemExit(code) from None
