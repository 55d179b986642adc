"""The command line: one noun a file. Importing it loads neither pandas nor torch nor streamlit; commands import on use.

Exit codes: 0 done; 1 done, but below `--fail-under`; 2 something to change in what was given, and nothing was fired;
3 stopped by the budget; 4 stopped by an error of ours on the way, what was finished is stored; 70 a bug; 130
interrupted.
"""

from __future__ import annotations

import os
import sys
from typing import Annotated

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

EXIT_BAD_INPUT, EXIT_BUG = 2, 70

cli = typer.Typer(
    name="arena",
    help="Measure image-generation providers, and rank what they make.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
cli.command("run")(run.run)
cli.command("export")(export.export)
cli.command("import")(imports.import_)
cli.command("report")(report.report)
cli.command("capacity")(capacity.capacity)
cli.command("demo")(demo.demo)
cli.command("app")(app.app)
cli.command("prune")(prune.prune)
for command in (arena_boards.leaderboard, arena_boards.matchups, arena_boards.competitions, recommend.recommend):
    cli.command(command.__name__)(command)
runs.cli.command("capacity")(capacity.again)
runs.cli.command("behaviour")(behaviour.again)
providers.cli.command("behaviour")(behaviour.behaviour)
providers.cli.command("same-weights")(same_weights.same_weights)
runs.cli.command("compare")(compare.compare)
for noun in (
    plan,
    runs,
    schedule,
    endpoints,
    providers,
    prompts,
    contenders,
    images,
    score,
    votes,
    watch,
    db,
    metrics,
    otel,
    sim,
    local,
    keys,
):
    cli.add_typer(noun.cli)


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
