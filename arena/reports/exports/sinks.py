"""Where an export goes: one file, a directory with a partition a day, or stdout. What is there is there whole."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, BinaryIO

from arena.errors import ConfigError, StoreError
from arena.reports.exports.provenance import SIDECAR_SUFFIX, Provenance
from arena.reports.exports.writers import FileFormat, Writer, writer
from arena.whole_file import make_durable, whole_file

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from datetime import date
    from pathlib import Path

    import pyarrow as pa

    from arena.store.exchange.columns import Column

META = "_meta.json"
OPEN_PARTITIONS = 8
SAME_IN_ONE_DIRECTORY = ("table", "schema_version", "database_id", "filters")


@contextmanager
def new_file(path: Path, *, force: bool) -> Iterator[BinaryIO]:
    """A file that appears under its name, durable and whole, when the block ends, or not at all.

    ConfigError if it is there already and `force` is not given, StoreError if it cannot be written.
    """
    if path.exists() and not force:
        raise ConfigError(f"{path} is there already; add --force to replace it, or choose another --out")
    with whole_file(path) as file:
        yield file


def to_file(
    path: Path,
    file_format: FileFormat,
    columns: Sequence[Column],
    batches: Iterator[pa.RecordBatch],
    provenance: Provenance,
    *,
    force: bool,
) -> list[Path]:
    """Write one file, and one beside it that says where it comes from where the format has no room for that."""
    with new_file(path, force=force) as file:
        _write(writer(file_format, file, columns, provenance), batches, provenance)
    if file_format is FileFormat.PARQUET:
        return [path]
    beside = path.with_name(path.name + SIDECAR_SUFFIX)
    with new_file(beside, force=True) as file:
        file.write(provenance.sidecar(columns))
    return [path, beside]


def to_stream(
    file: BinaryIO,
    file_format: FileFormat,
    columns: Sequence[Column],
    batches: Iterator[pa.RecordBatch],
    provenance: Provenance,
) -> None:
    """Write to a pipe; ConfigError for Parquet on a terminal."""
    if file_format is FileFormat.PARQUET and file.isatty():
        raise ConfigError("--format parquet needs --out FILE or a pipe: a terminal cannot show it")
    _write(writer(file_format, file, columns, provenance), batches, provenance)


def _write(made: Writer, batches: Iterator[pa.RecordBatch], provenance: Provenance) -> None:
    for batch in batches:
        provenance.see(batch)
        made.write(batch)
    made.close(provenance)


# -- partitions --------------------------------------------------------------------------------------------------------


def days_in(root: Path) -> set[str]:
    """The partitions of a directory that hold a file, as `day=2026-11-21`; also those that a crash left aside."""
    return {part.parent.name.removeprefix(".replaced-") for part in root.glob("*day=*/part-*")}


@dataclass
class _Part:
    """One open file of a partition."""

    file: BinaryIO
    writer: Writer
    provenance: Provenance


@dataclass
class Partitions:
    """`day=2026-11-21/part-0000.parquet` in a directory, as Hive, DuckDB, Spark and pandas know it.

    Everything is written beside the partitions first; then each partition is replaced whole. `batches` have a last
    column `day`, which becomes the directory's name. `thinned` are days of which rows are no longer there to be
    written: their partitions are not replaced unless `force` is given, as what is in them can be had nowhere else.
    """

    root: Path
    file_format: FileFormat
    columns: Sequence[Column]
    provenance: Provenance
    force: bool
    thinned: Collection[date] = ()
    _open: dict[str, _Part] = field(default_factory=dict)
    _parts: dict[str, int] = field(default_factory=dict)

    def write(self, batches: Iterator[pa.RecordBatch]) -> list[Path]:
        """Write all rows; returns the partitions that were replaced or made.

        ConfigError if the directory holds something else, or the same table under other filters.
        """
        self._check()
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            self._restore()
            staging = self.root / f".partial-{secrets.token_hex(4)}"
            staging.mkdir()
            try:
                for batch in batches:
                    self._take(staging, batch)
                for day in list(self._open):
                    self._close(day)
                self._refuse_thinned()
                found = [self._replaced(staging / day) for day in sorted(self._parts)]
                with new_file(self.root / META, force=True) as file:
                    file.write(self.provenance.sidecar(self.columns))
            finally:
                for part in self._open.values():
                    part.file.close()
                shutil.rmtree(staging, ignore_errors=True)
        except OSError as error:
            raise StoreError(f"{self.root}: cannot be written ({error.strerror}); choose another --out") from None
        return found

    def _check(self) -> None:
        if self.force or not self.root.exists():
            return
        if not self.root.is_dir():
            raise ConfigError(f"{self.root} is a file; partitions need a directory")
        visible = [p for p in self.root.iterdir() if not p.name.startswith(".")]
        if not visible:
            return
        try:
            held = json.loads((self.root / META).read_text())
        except (OSError, ValueError):
            raise ConfigError(f"{self.root} holds something else; choose another --out, or add --force") from None
        mine = self.provenance.as_json()
        for name in SAME_IN_ONE_DIRECTORY:
            if held.get(name) != mine[name]:
                raise ConfigError(
                    f"{self.root} holds an export with {name} {held.get(name)}, not {mine[name]}; choose another --out,"
                    " or add --force to mix them"
                )
        other = [p for p in self.root.glob("day=*/*") if p.suffix != f".{self.file_format}"]
        if other:
            raise ConfigError(f"{self.root} holds {other[0].suffix[1:]} files; choose another --out, or add --force")

    def _refuse_thinned(self) -> None:
        for day in sorted(self._parts.keys() & {f"day={day}" for day in self.thinned}):
            if (self.root / day).exists() and not self.force:
                raise ConfigError(
                    f"{self.root / day} may hold rows that were pruned here since, and would lose them; choose another "
                    "--out, or add --force to replace it by what is left"
                )

    def _take(self, staging: Path, batch: pa.RecordBatch) -> None:
        import pyarrow.compute as pc

        days, rows = batch.column(batch.num_columns - 1), batch.select(batch.schema.names[:-1])
        self.provenance.see(rows)
        distinct = pc.unique(days)
        for day in distinct:
            of_day = rows if len(distinct) == 1 else rows.filter(pc.equal(days, day))
            part = self._part(staging, f"day={day}")
            part.provenance.see(of_day)
            part.writer.write(of_day)

    def _part(self, staging: Path, day: str) -> _Part:
        if day in self._open:
            self._open[day] = self._open.pop(day)  # the one that was used last is closed last
            return self._open[day]
        if len(self._open) == OPEN_PARTITIONS:
            self._close(next(iter(self._open)))
        number = self._parts[day] = self._parts.get(day, -1) + 1
        (staging / day).mkdir(exist_ok=True)
        file = (staging / day / f"part-{number:04}.{self.file_format}").open("wb")
        fresh = replace(self.provenance, rows=0, again=0, simulated=set())
        self._open[day] = _Part(file, writer(self.file_format, file, self.columns, fresh), fresh)
        return self._open[day]

    def _close(self, day: str) -> None:
        part = self._open.pop(day)
        part.writer.close(part.provenance)
        part.file.flush()
        os.fsync(part.file.fileno())
        part.file.close()

    def _replaced(self, made: Path) -> Path:
        """Put a partition in place of the old one. What a crash leaves in between is put back by the next export."""
        there, aside = self.root / made.name, self.root / f".replaced-{made.name}"
        make_durable(made)
        if there.exists():
            there.rename(aside)
        made.rename(there)
        make_durable(self.root)
        shutil.rmtree(aside, ignore_errors=True)
        return there

    def _restore(self) -> None:
        """Bring back partitions that a crash left aside, and clear what it left unfinished."""
        for aside in self.root.glob(".replaced-day=*"):
            there = self.root / aside.name.removeprefix(".replaced-")
            if there.exists():
                shutil.rmtree(aside, ignore_errors=True)
            else:
                aside.rename(there)
        for unfinished in self.root.glob(".partial-*"):
            shutil.rmtree(unfinished, ignore_errors=True)
