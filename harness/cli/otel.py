"""`arena otel`: what was measured, to an OpenTelemetry collector."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import console
from harness.cli.console import say

if TYPE_CHECKING:
    from arena.settings import Settings
    from arena.store.engine import Database

cli = typer.Typer(name="otel", help="Send traces and metrics to OpenTelemetry.", no_args_is_help=True)


@cli.command()
def export(
    run: Annotated[str, typer.Argument(help="A run id, the beginning or end of one, or `last`.")],
    *,
    endpoint: Annotated[
        str | None,
        typer.Option(
            "--endpoint",
            metavar="URL",
            help="A collector; by default ARENA_OTEL_ENDPOINT, or port 4318 of this machine.",
        ),
    ] = None,
    with_prompts: Annotated[
        bool, typer.Option("--with-prompts", help="Also the prompts, and what providers said of failures.")
    ] = False,
) -> None:
    """Export a finished run: a span for each attempt and call at its true time, and histograms of durations."""
    from arena.store.engine import open_database
    from harness.telemetry.export import export_run

    settings = console.settings()
    base = endpoint or settings.otel_endpoint
    say(export_run(open_database(settings), run, base, with_prompts=with_prompts).sentence)


def export_if_wanted(database: Database, settings: Settings, run_id: str) -> None:
    """Export a run that has just ended where ARENA_OTEL_ENDPOINT says so; an error is said, and costs nothing else.

    What was measured and paid for must not look failed because of it, whatever went wrong.
    """
    if settings.otel_endpoint is None:
        return
    from arena.errors import ArenaError
    from harness.telemetry.export import export_run

    try:
        say(export_run(database, run_id, settings.otel_endpoint).sentence)
    except ArenaError as error:
        say(f"not exported: {error}")
    except Exception as error:  # noqa: BLE001 - see above
        say(f"not exported: a bug, {type(error).__name__}: {error}; `arena otel export {run_id}` tries again")
