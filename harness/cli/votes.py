"""`arena votes`: votes in and out, for researchers and for other tools."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli import console
from harness.cli.console import say
from harness.cli.export import Format

cli = typer.Typer(
    name="votes", help="Votes as files, in the column names of public preference data.", no_args_is_help=True
)


@cli.command("export")
def export_votes(
    *,
    file_format: Annotated[Format, typer.Option("--format", help="How it is written.")] = Format.csv,
    out: Annotated[
        Path | None, typer.Option("--out", help="A file; `-` for stdout; data/exports/ if not given.")
    ] = None,
) -> None:
    """Write every vote, voters as salted hashes; votes taken back or in quarantine are marked, not left out."""
    from arena.reports.export import FileFormat, Table, export
    from arena.store.engine import open_database

    settings = console.settings()
    to_stdout = out is not None and str(out) == "-"
    path = out or settings.exports_dir / f"votes.{file_format}"
    with open_database(settings).read() as connection:
        rows = export(connection, Table.VOTES, None, FileFormat(file_format), None if to_stdout else path)
    if not to_stdout:
        say(f"{rows} rows written to {path}")


@cli.command("import")
def import_votes(
    file: Annotated[Path, typer.Argument(help="A .csv, .parquet or .jsonl file with model_a, model_b and winner.")],
) -> None:
    """Read votes of another arena, or of an export of this one; all rows of a file or none."""
    from arena.reports.export import read_votes
    from arena.store.engine import open_database
    from arena.store.vote_exchange import imported

    rows = read_votes(file)
    settings = console.settings()
    settings.require_writable()
    with open_database(settings, create=True).write() as connection:
        count = imported(connection, rows)
    say(f"{count} votes read; next: arena leaderboard")
