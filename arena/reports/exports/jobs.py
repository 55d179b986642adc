"""An export as it is asked for: which rows of which table, in which format, to which place; whole or since the last."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, BinaryIO

from arena.errors import ConfigError
from arena.reports.exports import tables
from arena.reports.exports.provenance import Provenance
from arena.reports.exports.sinks import Partitions, days_in, to_file, to_stream
from arena.store.exchange.attempts_in import pruned_days
from arena.store.exchange.columns import Scope
from arena.store.exchange.cursors import advance, changes, end_epoch, identity
from arena.store.exchange.increments import changed_days, days_with_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

    import pyarrow as pa

    from arena.reports.exports.figures import Computed
    from arena.reports.exports.writers import FileFormat
    from arena.store.engine import Connection, Database
    from arena.store.exchange.columns import Column, Spec

OF_ATTEMPTS = ("outcomes", "attempts", "images", "calls")
"""Tables whose rows go when attempts are pruned."""


@dataclass(frozen=True, slots=True)
class Job:
    """One table to one place. `out` None is stdout, with `by_day` it is a directory.

    `masked` changes the batches on their way, as a publication does; `voter_salt` None is that of the database.
    """

    table: str
    file_format: FileFormat
    out: Path | None
    scope: Scope = field(default_factory=Scope)
    by_day: bool = False
    force: bool = False
    voter_salt: str | None = None
    masked: Callable[[pa.RecordBatch], pa.RecordBatch] | None = None

    @property
    def spec(self) -> Spec | Computed:
        """The table."""
        return tables.TABLES[self.table]


@dataclass(frozen=True, slots=True)
class Written:
    """What an export wrote: how many rows, how many of them again, and which files or partitions.

    `missing` are partitions that an increment wrote because they were not where they were written before.
    """

    rows: int
    again: int
    files: list[Path]
    missing: int = 0


def run(connection: Connection, job: Job, stdout: BinaryIO | None = None, since_last: str | None = None) -> Written:
    """Write a table. ConfigError for what cannot be had, StoreError if it cannot be written."""
    tables.refuse(job.spec, job.scope)
    if job.by_day and job.spec.day is None:
        raise ConfigError(f"--table {job.table} has no days; leave out --by-day")
    known = identity(connection)
    provenance = Provenance(job.table, job.spec.version, known.database_id, job.scope, increment_of=since_last)
    columns = tables.columns(job.spec, job.scope)
    salt = job.voter_salt or known.voter_salt
    scope = _of_whole_days(connection, job) if job.by_day else job.scope
    batches = tables.batches(connection, job.spec, scope, salt, with_day=job.by_day)
    if job.masked is not None:
        batches = map(job.masked, batches)
    thinned = pruned_days(connection, job.scope) if job.by_day and job.table in OF_ATTEMPTS else ()
    files = _written(job, columns, batches, provenance, stdout, thinned)
    return Written(provenance.rows, provenance.again, files)


def _of_whole_days(connection: Connection, job: Job) -> Scope:
    """The scope of an export by days: a partition is replaced whole, so a window is of whole days, too.

    Which day a row belongs to is decided by when it was written down; a window by when it was sent would leave the
    rows of midnight out of one partition, and put them alone into another. ConfigError for a window within a day.
    """
    scope = job.scope
    if scope.begin is None and scope.end is None:
        return scope
    for option, moment in (("--from", scope.begin), ("--to", scope.end)):
        if moment is not None and moment.astimezone(UTC).time() != time():
            raise ConfigError(f"{option} {moment.isoformat()}: --by-day writes whole days (UTC); name a day")
    whole = replace(scope, begin=None, end=None, changes=None, days=None)
    midnights = {day: datetime(day.year, day.month, day.day, tzinfo=UTC) for day in
                 days_with_rows(connection, job.table, whole)}  # fmt: skip
    begin, end = scope.begin or datetime.min.replace(tzinfo=UTC), scope.end or datetime.max.replace(tzinfo=UTC)
    days = frozenset(day for day, midnight in midnights.items() if begin <= midnight < end)
    return replace(scope, begin=None, end=None, days=days if scope.days is None else days & scope.days)


def _written(
    job: Job, columns: tuple[Column, ...], batches: Iterator[pa.RecordBatch], provenance: Provenance,
    stdout: BinaryIO | None, thinned: Collection[date],
) -> list[Path]:  # fmt: skip
    if job.out is None:
        if stdout is None or job.by_day:
            raise ConfigError("--by-day needs --out DIRECTORY")
        to_stream(stdout, job.file_format, columns, batches, provenance)
        return []
    if job.by_day:
        return Partitions(job.out, job.file_format, columns, provenance, job.force, thinned).write(batches)
    return to_file(job.out, job.file_format, columns, batches, provenance, force=job.force)


def run_since_last(database: Database, job: Job, name: str, stdout: BinaryIO | None = None) -> Written:
    """Write what is new or has changed since the last export of this table under this name, and remember that.

    Partitions are written anew whole for each day on which something changed, and for each that is not there: a
    directory may have been moved or cleared since. The name moves on only when everything is in place, so that a crash
    repeats rows and loses none.
    """
    if not job.spec.incremental:
        raise ConfigError(f"--table {job.table} is small and always written whole; leave out --since-last")
    with database.write() as connection:
        until = end_epoch(connection)
    with database.read() as connection:
        new = changes(connection, name, job.table, job.scope, until)
        scope, missing = replace(job.scope, changes=new), frozenset[date]()
        if job.by_day:
            days = changed_days(connection, job.table, scope)
            missing = _missing(connection, job) - days
            scope = replace(job.scope, days=days | missing)
        written = run(connection, replace(job, scope=scope), stdout, name)
    with database.write() as connection:
        advance(connection, name, job.table, job.scope, until)
    return replace(written, missing=sum(f"day={day}" in {file.name for file in written.files} for day in missing))


def _missing(connection: Connection, job: Job) -> frozenset[date]:
    """The days of an export by days that have no partition in its directory."""
    there = set() if job.out is None else days_in(job.out)
    return frozenset(day for day in days_with_rows(connection, job.table, job.scope) if f"day={day}" not in there)
