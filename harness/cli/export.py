"""`arena export`: rows as CSV, Parquet or JSON lines."""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import console
from harness.cli.console import say

if TYPE_CHECKING:
    from arena.reports.exports.jobs import Job, Written
    from arena.settings import Settings
    from arena.store.engine import Connection, Database
    from arena.store.exchange.columns import Scope

CARD = "card"


class Format(StrEnum):
    """File formats, by name: the command line offers them without importing what writes them."""

    csv = "csv"
    parquet = "parquet"
    jsonl = "jsonl"


class What(StrEnum):
    """Tables, by name; docs/data.md says what each holds."""

    outcomes = "outcomes"
    summary = "summary"
    votes = "votes"
    ratings = "ratings"
    prices = "prices"
    runs = "runs"
    endpoints = "endpoints"
    prompts = "prompts"
    attempts = "attempts"
    images = "images"
    calls = "calls"
    contenders = "contenders"
    gold_pairs = "gold_pairs"
    rulings = "rulings"
    kept_out = "kept_out"
    scores = "scores"
    all = "all"


OF_ATTEMPTS = {What.outcomes, What.attempts, What.images, What.calls, What.all}
"""Tables that have a row an attempt, or several."""


def export(
    run: Annotated[
        str | None,
        typer.Argument(help="A run id, part of one, or `last`; all runs if none is named. `card`: the data card."),
    ] = None,
    *,
    of_run: Annotated[str | None, typer.Option("--run", help="The same as the argument.")] = None,
    table: Annotated[
        What, typer.Option("--table", help="Which rows; `all`: every table, into a directory.")
    ] = What.outcomes,
    file_format: Annotated[Format, typer.Option("--format", help="How it is written.")] = Format.csv,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="A file, or a directory for several; `-` for stdout; data/exports/ if not given."),
    ] = None,
    window: Annotated[str | None, typer.Option("--window", help="The last 30d, 12h or 2w.")] = None,
    begin: Annotated[str | None, typer.Option("--from", help="From this day or instant on (UTC).")] = None,
    end: Annotated[str | None, typer.Option("--to", help="Before this day or instant (UTC).")] = None,
    endpoint: Annotated[str | None, typer.Option("--endpoint", help="Rows of one endpoint.")] = None,
    simulated: Annotated[
        bool | None, typer.Option("--simulated/--real", help="Only simulated, or only real rows.", show_default=False)
    ] = None,
    by_day: Annotated[bool, typer.Option("--by-day", help="A directory with a partition for each day.")] = False,
    since_last: Annotated[
        str | None, typer.Option("--since-last", help="Only what is new or changed since the last time by this name.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there.")] = False,
    images: Annotated[
        Path | None, typer.Option("--images", help="Copy the images, too, into this directory, by their hash.")
    ] = None,
    publish: Annotated[
        Path | None, typer.Option("--publish", help="A directory to publish: tables, data card, schema, checksums.")
    ] = None,
) -> None:
    """Write what was measured and voted to files that any tool reads; docs/data.md says what the columns mean."""
    from arena.errors import ConfigError
    from arena.store.engine import open_database

    settings = console.settings()
    card = run == CARD
    if card or publish is not None:
        _refuse_unheeded(table, file_format, out if publish is not None else None, by_day=by_day, since_last=since_last)
    if run is not None and of_run is not None and not card:
        raise ConfigError(f"the run is named twice, as {run!r} and by --run {of_run!r}; leave one out")
    if since_last is not None and window is not None:
        raise ConfigError(
            f"--since-last {since_last} goes on where the last export under this name ended, and --window moves; leave "
            "out --window, or name a first day with --from"
        )
    database = open_database(settings)
    with database.read() as connection:
        named = of_run if card else run or of_run
        scope = _scope(connection, named, window, begin, end, endpoint, simulated, whole_days=by_day)
    if card or publish is not None:
        _published(settings, database, scope, publish, out, force=force)
    else:
        orders = _Orders(settings, scope, Format(file_format), by_day, since_last, force)
        _exported(database, orders, table, out)
        _say_pruned(database, orders, table)
    if images is not None:
        _copy_images(settings, database, scope, images)


def _refuse_unheeded(
    table: What, file_format: Format, out: Path | None, *, by_day: bool, since_last: str | None
) -> None:
    """ConfigError for options that a data card or a publication would not heed."""
    from arena.errors import ConfigError

    if since_last is not None or by_day:
        raise ConfigError("a data card and a publication are of everything; leave out --since-last and --by-day")
    if table is not What.outcomes or file_format is not Format.csv:
        raise ConfigError(
            "a data card is text and a publication has its own tables, as Parquet; leave out --table and --format"
        )
    if out is not None:
        raise ConfigError(f"--publish names the directory already; leave out --out {out}")


class _Orders:
    """What all tables of one command have in common."""

    def __init__(
        self, settings: Settings, scope: Scope, file_format: Format, by_day: bool, since_last: str | None, force: bool
    ) -> None:
        self.settings, self.scope, self.file_format = settings, scope, file_format
        self.by_day, self.since_last, self.force = by_day, since_last, force

    def place(self, table: str) -> Path:
        """Where a table goes that no place was named for. An increment never goes over the one before."""
        name = f"{self.scope.run_id or 'all'}-{table}"
        if self.since_last is not None and not self.by_day:
            name = f"{table}-{self.since_last}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
        return self.settings.exports_dir / (name if self._is_directory(table) else f"{name}.{self.file_format}")

    def _is_directory(self, table: str) -> bool:
        return self.by_day or table == What.all

    def job(self, table: str, out: Path | None, *, by_day: bool) -> Job:
        """The order for one table."""
        from arena.reports.exports.jobs import Job
        from arena.reports.exports.writers import FileFormat

        return Job(table, FileFormat(self.file_format), out, self.scope, by_day, self.force)

    def write(self, database: Database, job: Job) -> Written:
        """Carry it out."""
        from arena.reports.exports.jobs import run, run_since_last

        if self.since_last is not None and job.spec.incremental:
            return run_since_last(database, job, self.since_last, sys.stdout.buffer)
        with database.read() as connection:
            return run(connection, job, sys.stdout.buffer)


def _exported(database: Database, orders: _Orders, table: What, out: Path | None) -> None:
    from arena.errors import ConfigError
    from arena.reports.exports.tables import TABLES

    to_stdout = out is not None and str(out) == "-"
    place = None if to_stdout else out or orders.place(table)
    if table is not What.all:
        job = orders.job(table, place, by_day=orders.by_day)
        if orders.since_last is not None and not job.spec.incremental:
            raise ConfigError(f"--table {table} is small and always written whole; leave out --since-last")
        _say_written(orders.write(database, job), place)
        return
    if place is None:
        raise ConfigError("--table all needs --out DIRECTORY: several tables do not fit into one stream")
    for name, spec in TABLES.items():
        if (spec.of_votes and orders.scope.run_id is not None) or (
            (orders.scope.begin or orders.scope.end) and name in {What.summary, What.ratings}
        ):
            continue  # a vote may be on images of two runs; figures are of whole runs and boards
        by_day = orders.by_day and spec.day is not None
        path = place / (name if by_day else f"{name}.{orders.file_format}")
        _say_written(orders.write(database, orders.job(name, path, by_day=by_day)), path)


def _say_written(written: Written, place: Path | None) -> None:
    again = f", {written.again} of them again, as they have changed" if written.again else ""
    missing = f", {written.missing} days were missing there and are written anew" if written.missing else ""
    if place is not None:
        say(f"{written.rows} rows written to {place}{again}{missing}")


def _say_pruned(database: Database, orders: _Orders, table: What) -> None:
    """That rows which figures rest on are no longer there to be written."""
    from arena.store.exchange.attempts_in import pruned_runs

    if table not in OF_ATTEMPTS:
        return
    with database.read() as connection:
        runs = pruned_runs(connection, orders.scope)
    if runs:
        say(f"the attempts of {runs} runs were pruned: their rows are not in it, their figures are in --table summary")


def _scope(
    connection: Connection,
    run: str | None,
    window: str | None,
    begin: str | None,
    end: str | None,
    endpoint: str | None,
    simulated: bool | None,
    *,
    whole_days: bool,
) -> Scope:
    from arena.errors import ConfigError
    from arena.store.exchange.columns import Scope
    from arena.store.runs import get_run

    run_id = None if run is None else get_run(connection, run).id
    if window is not None and (begin is not None or end is not None):
        raise ConfigError("--window goes with neither --from nor --to; leave one of them out")
    since = None if window is None else datetime.now(UTC) - _span(window)
    if since is not None and whole_days:
        since = since.replace(hour=0, minute=0, second=0, microsecond=0)
    first, last = since or _moment("--from", begin), _moment("--to", end)
    if first is not None and last is not None and first >= last:
        raise ConfigError(f"--from {begin} is not before --to {end}, so that nothing lies between them")
    if endpoint is not None:
        _check_endpoint(connection, endpoint)
    return Scope(run_id, first, last, endpoint, simulated)


def _check_endpoint(connection: Connection, endpoint: str) -> None:
    from arena.errors import UnknownNameError
    from arena.store.exchange.known import endpoint_ids

    known = endpoint_ids(connection)
    if endpoint not in known:
        raise UnknownNameError("endpoint", endpoint, known, "--endpoint")


def _span(text: str) -> timedelta:
    from arena.errors import ConfigError

    found = re.fullmatch(r"(\d{1,5})([hdw])", text.strip())
    if found is None or int(found[1]) == 0:
        raise ConfigError(f"--window {text!r}: write a number of hours, days or weeks, such as 12h, 30d or 2w")
    return timedelta(**{{"h": "hours", "d": "days", "w": "weeks"}[found[2]]: int(found[1])})


def _moment(option: str, text: str | None) -> datetime | None:
    from arena.errors import ConfigError

    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"{option} {text!r}: write a day such as 2026-11-21, or an instant with its time") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _published(
    settings: Settings, database: Database, scope: Scope, publish: Path | None, out: Path | None, *, force: bool
) -> None:
    from arena.reports.exports.publish import publish as make
    from arena.reports.exports.publish import write_card

    if publish is not None:
        made = make(database, scope, publish, force=force)
        say(f"{len(made)} files written to {publish}; fill in {publish / 'LICENCE'} and the card before you publish")
        return
    to_stdout = out is not None and str(out) == "-"
    place = None if to_stdout else out or settings.exports_dir / "DATACARD.md"
    write_card(database, scope, place, sys.stdout, force=force)
    if place is not None:
        say(f"the data card is written to {place}")


def _copy_images(settings: Settings, database: Database, scope: Scope, to: Path) -> None:
    from arena.store.blobs import BlobStore
    from arena.store.exchange.images import artifact_hashes

    ours, theirs, copied = BlobStore(settings.images_dir), BlobStore(to), 0
    with database.read() as connection:
        for sha256 in artifact_hashes(connection, scope):
            if not theirs.path(sha256).exists():
                theirs.put(ours.get(sha256))
                copied += 1
    say(f"{copied} images copied to {to}")
