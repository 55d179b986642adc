"""An export as it is asked for: which rows of which table, in which format, to which place; whole or since the last."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, BinaryIO

from arena.errors import ConfigError
from arena.reports.exports import tables
from arena.reports.exports.provenance import Provenance
from arena.reports.exports.sinks import Partitions, to_file, to_stream
from arena.store.exchange.attempts_in import pruned_days
from arena.store.exchange.columns import Scope
from arena.store.exchange.cursors import advance, changes, end_epoch, identity
from arena.store.exchange.increments import changed_days

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from datetime import date
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
    """What an export wrote: how many rows, how many of them again, and which files or partitions."""

    rows: int
    again: int
    files: list[Path]


def run(connection: Connection, job: Job, stdout: BinaryIO | None = None, since_last: str | None = None) -> Written:
    """Write a table. ConfigError for what cannot be had, StoreError if it cannot be written."""
    tables.refuse(job.spec, job.scope)
    if job.by_day and job.spec.day is None:
        raise ConfigError(f"--table {job.table} has no days; leave out --by-day")
    known = identity(connection)
    provenance = Provenance(job.table, job.spec.version, known.database_id, job.scope, increment_of=since_last)
    columns = tables.columns(job.spec, job.scope)
    salt = job.voter_salt or known.voter_salt
    batches = tables.batches(connection, job.spec, job.scope, salt, with_day=job.by_day)
    if job.masked is not None:
        batches = map(job.masked, batches)
    thinned = pruned_days(connection, job.scope) if job.by_day and job.table in OF_ATTEMPTS else ()
    files = _written(job, columns, batches, provenance, stdout, thinned)
    return Written(provenance.rows, provenance.again, files)


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

    Partitions are written anew whole for each day on which something changed. The name moves on only when everything
    is in place, so that a crash repeats rows and loses none.
    """
    if not job.spec.incremental:
        raise ConfigError(f"--table {job.table} is small and always written whole; leave out --since-last")
    with database.write() as connection:
        until = end_epoch(connection)
    with database.read() as connection:
        new = changes(connection, name, job.table, job.scope, until)
        scope = replace(job.scope, changes=new)
        if job.by_day:
            scope = replace(job.scope, days=changed_days(connection, job.table, scope))
        written = run(connection, replace(job, scope=scope), stdout, name)
    with database.write() as connection:
        advance(connection, name, job.table, job.scope, until)
    return written
