"""Exports, read back: every file is checked as it is read, and all of it is stored or nothing."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from itertools import groupby, islice
from typing import TYPE_CHECKING

from arena.errors import ConfigError, StoreError
from arena.reports.exports.figures import Computed
from arena.reports.exports.reading import read
from arena.reports.exports.sources import Source, said, sources
from arena.store.exchange.batches import arrow_schema
from arena.store.exchange.cursors import identity
from arena.store.exchange.loading.load import Loader
from arena.store.exchange.loading.tally import RowError, Tally

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    import pyarrow as pa

    from arena.store.engine import Database

MERGED_ROWS = 2_048


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of an import, by table; `skipped` are tables of figures, which follow from the others."""

    tallies: dict[str, Tally]
    skipped: tuple[str, ...]


def import_files(database: Database, paths: Iterable[Path]) -> Imported:
    """Store exports. ConfigError names file, row and column of what does not fit, and then nothing is stored.

    Importing the same once more stores nothing new; what was measured here is never changed by it.
    """
    found = sources(paths)
    skipped = tuple(dict.fromkeys(s.table.name for s in found if isinstance(s.table, Computed)))
    stored = [s for s in found if not isinstance(s.table, Computed)]
    if not stored:
        raise ConfigError(f"{', '.join(skipped)}: these figures follow from outcomes or votes; import those instead")
    origins = {origin for s in stored if (origin := said(s.path).get("database_id"))}
    with database.write() as connection:
        own = identity(connection).database_id
        loader = Loader(connection, ", ".join(sorted(origins - {own})) or "a file")
        for name, of_table in groupby(stored, key=lambda s: s.table.name):
            files = list(of_table)
            for source, first_row, batch in _in_order(name, files):
                _load(loader, source, first_row, batch)
        loader.finish()
    return Imported(loader.tallies, skipped)


def _load(loader: Loader, source: Source, first_row: int, batch: pa.RecordBatch) -> None:
    try:
        loader.load(source.table.name, batch)
    except RowError as error:
        raise ConfigError(f"{source.path}: row {first_row + error.place + 1}: {error}") from None


def _in_order(name: str, files: list[Source]) -> Iterator[tuple[Source, int, pa.RecordBatch]]:
    """The batches of a table, each with the number of its first row.

    Votes of several files are merged by their number, as ratings add them up in the order in which they were cast.
    """
    if name != "votes" or len(files) == 1:
        for source in files:
            first_row = 0
            for batch in read(source):
                yield source, first_row, batch
                first_row += batch.num_rows
        return
    yield from _merged(files)


def _merged(files: list[Source]) -> Iterator[tuple[Source, int, pa.RecordBatch]]:
    import pyarrow as pa

    schema = arrow_schema(files[0].table.columns)
    rows = heapq.merge(*(_numbered(source, place) for place, source in enumerate(files)), key=lambda r: r[0])
    # One file at a time is told of when a row cannot be stored, so a batch holds rows of one.
    for place, of_file in groupby(rows, key=lambda r: r[1]):
        while piece := list(islice(of_file, MERGED_ROWS)):
            yield files[place], piece[0][2], pa.RecordBatch.from_pylist([row for *_, row in piece], schema=schema)


def _numbered(source: Source, place: int) -> Iterator[tuple[int, int, int, dict[str, object]]]:
    number = 0
    for batch in read(source):
        for row in batch.to_pylist():
            if not row["id"].isdigit():
                raise ConfigError(f"{source.path}: row {number + 1}: id is {row['id']!r}, which is no number")
            yield int(row["id"]), place, number, row
            number += 1


def read_images(database: Database, images_from: Path, images_to: Path) -> tuple[int, int]:
    """Copy the images that are recorded and not here from a directory of such; returns how many, and how many lack.

    Each is checked against its hash.
    """
    from arena.store.blobs import BlobStore
    from arena.store.exchange.images import artifact_hashes

    if not images_from.is_dir():
        raise ConfigError(f"--images {images_from}: is no directory")
    theirs, ours, copied, missing = BlobStore(images_from), BlobStore(images_to), 0, 0
    with database.read() as connection:
        for sha256 in artifact_hashes(connection):
            if ours.path(sha256).exists():
                continue
            try:
                ours.put(theirs.get(sha256))
                copied += 1
            except StoreError:
                if theirs.path(sha256).exists():
                    raise
                missing += 1
    return copied, missing
