"""`arena export`: rows as CSV, Parquet or JSON lines."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from harness.cli import console
from harness.cli.console import say


class Format(StrEnum):
    """File formats, by name: the command line offers them without importing what writes them."""

    csv = "csv"
    parquet = "parquet"
    jsonl = "jsonl"


class What(StrEnum):
    """Tables, by name."""

    outcomes = "outcomes"
    summary = "summary"
    votes = "votes"


def export(
    run: Annotated[
        str | None, typer.Argument(help="A run id, part of one, or `last`; all runs if none is named.")
    ] = None,
    *,
    table: Annotated[
        What, typer.Option("--table", help="Every attempt, figures by endpoint, or votes.")
    ] = What.outcomes,
    file_format: Annotated[Format, typer.Option("--format", help="How it is written.")] = Format.csv,
    out: Annotated[
        Path | None, typer.Option("--out", help="A file; `-` for stdout; data/exports/ if not given.")
    ] = None,
) -> None:
    """Write what was measured to a file that any tool reads."""
    from arena.reports.export import FileFormat, Table
    from arena.reports.export import export as write
    from arena.store.engine import open_database
    from arena.store.runs import get_run

    settings = console.settings()
    with open_database(settings).read() as connection:
        run_id = None if run is None else get_run(connection, run).id
        to_stdout = out is not None and str(out) == "-"
        path = out or settings.exports_dir / f"{run_id or 'all'}-{table}.{file_format}"
        rows = write(connection, Table(table), run_id, FileFormat(file_format), None if to_stdout else path)
    if not to_stdout:
        say(f"{rows} rows written to {path}")
