"""A directory to publish: tables as Parquet, a data card, the schema, checksums, and a licence to be filled in."""

from __future__ import annotations

import hashlib
import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TextIO

import pyarrow as pa
import pyarrow.compute as pc

from arena.errors import ConfigError
from arena.reports.exports import jobs
from arena.reports.exports.card import FILL_IN, card
from arena.reports.exports.page import page
from arena.reports.exports.sinks import new_file
from arena.reports.exports.tables import TABLES
from arena.reports.exports.writers import FileFormat
from arena.store.exchange.census import census

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from arena.store.engine import Database
    from arena.store.exchange.columns import Column, Scope

PUBLISHED = ("prompts", "outcomes", "summary", "prices", "votes", "ratings")
LICENCE = f"""{FILL_IN}

Name the licence of the tables, and say under which terms prompts and images may be used.
"""


def publish(database: Database, scope: Scope, directory: Path, *, force: bool) -> list[Path]:
    """Write everything; returns the files.

    Voters are hashed with a salt that is made for this publication and kept nowhere; requests' ids, addresses and
    messages are left empty, reasons shortened to the words before a colon. ConfigError if the directory holds anything
    and `force` is not given.
    """
    if directory.exists() and any(directory.iterdir()) and not force:
        raise ConfigError(f"{directory} is not empty; add --force to replace what is there, or name another directory")
    salt, made = secrets.token_hex(16), []
    names = _tables(scope)
    with database.read() as connection:  # one state for all tables and the card
        for name in names:
            masked = _mask(TABLES[name].columns)
            out = directory / f"{name}.parquet"
            job = jobs.Job(name, FileFormat.PARQUET, out, scope, force=force, voter_salt=salt, masked=masked)
            made += jobs.run(connection, job).files
        text = card(census(connection, scope), names, datetime.now(UTC), scope.filters)
    for name, content in (("DATACARD.md", text), ("SCHEMA.md", page())):
        made.append(_text(directory / name, content))
    licence = directory / "LICENCE"
    if not licence.exists():  # what the operator wrote there stays
        made.append(_text(licence, LICENCE))
    for stale in set(PUBLISHED) - set(names):  # of an earlier publication, with another salt
        (directory / f"{stale}.parquet").unlink(missing_ok=True)
    sums = "".join(f"{_sha256(path)}  {path.name}\n" for path in sorted({*made, licence}))
    return [*made, _text(directory / "SHA256SUMS", sums)]


def _tables(scope: Scope) -> tuple[str, ...]:
    """Those that have the filters of a scope."""
    windowed = scope.begin is not None or scope.end is not None
    left_out = {"summary", "ratings"} if windowed else set()
    return tuple(
        name for name in PUBLISHED if name not in left_out and not (scope.run_id is not None and TABLES[name].of_votes)
    )


def write_card(database: Database, scope: Scope, place: Path | None, stdout: TextIO, *, force: bool) -> None:
    """Write the data card alone."""
    with database.read() as connection:
        text = card(census(connection, scope), _tables(scope), datetime.now(UTC), scope.filters)
    if place is None:
        stdout.write(text)
    else:
        with new_file(place, force=force) as file:
            file.write(text.encode())


def _text(path: Path, content: str) -> Path:
    with new_file(path, force=True) as file:
        file.write(content.encode())
    return path


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _mask(columns: tuple[Column, ...]) -> Callable[[pa.RecordBatch], pa.RecordBatch]:
    """What changes rows on their way to the public."""

    def masked(batch: pa.RecordBatch) -> pa.RecordBatch:
        arrays = []
        for column, array in zip(columns, batch.columns, strict=True):
            if column.private:
                arrays.append(pa.nulls(batch.num_rows, array.type))
            elif column.brief:
                arrays.append(pc.utf8_trim_whitespace(pc.replace_substring_regex(array, r"(?s):.*", "")))
            else:
                arrays.append(array)
        return pa.RecordBatch.from_arrays(arrays, schema=batch.schema)

    return masked
