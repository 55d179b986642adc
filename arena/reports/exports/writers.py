"""Arrow batches as CSV, JSON lines or Parquet: one pass, bounded memory, any file that takes bytes."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import TYPE_CHECKING, BinaryIO, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from arena.reports.exports import csvtext
from arena.store.exchange.batches import ARROW, arrow_schema
from arena.store.exchange.columns import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from arena.reports.exports.provenance import Provenance
    from arena.store.exchange.columns import Column

ROW_GROUP_ROWS = 65_536
COUNTED = ("arena.rows", "arena.simulated", "arena.rows_exported_again")
"""What is known of a file only at its end."""
PANDAS = {
    Kind.TEXT: "string",
    Kind.INTEGER: "Int64",
    Kind.REAL: "Float64",
    Kind.BOOLEAN: "boolean",
    Kind.MOMENT: "datetime64[us, UTC]",
}


class FileFormat(StrEnum):
    """What an export is written as."""

    CSV = "csv"
    PARQUET = "parquet"
    JSONL = "jsonl"


class Writer(Protocol):
    """Takes the batches of one file; `close` completes it, the underlying file stays open."""

    def write(self, batch: pa.RecordBatch) -> None:
        """Take one batch."""

    def close(self, provenance: Provenance) -> None:
        """Write what remains."""


def writer(file_format: FileFormat, file: BinaryIO, columns: Sequence[Column], provenance: Provenance) -> Writer:
    """The writer of a format."""
    match file_format:
        case FileFormat.CSV:
            return Csv(file, columns)
        case FileFormat.JSONL:
            return JsonLines(file, columns)
        case FileFormat.PARQUET:
            return Parquet(file, columns, provenance)


class Csv:
    """UTF-8 with one header line; texts in quotes, missing values as nothing at all, instants as ISO 8601 in UTC."""

    def __init__(self, file: BinaryIO, columns: Sequence[Column]) -> None:
        from pyarrow import csv

        self._schema = pa.schema([(c.name, pa.string() if c.kind is Kind.MOMENT else ARROW[c.kind]) for c in columns])
        self._columns = columns
        self._writer = csv.CSVWriter(file, self._schema)

    def write(self, batch: pa.RecordBatch) -> None:
        """Take one batch."""
        arrays = [_cell(batch.column(i), column.kind) for i, column in enumerate(self._columns)]
        self._writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=self._schema))

    def close(self, provenance: Provenance) -> None:
        """Write what remains."""
        self._writer.close()


class JsonLines:
    """One object a line; numbers in full, missing values as null."""

    def __init__(self, file: BinaryIO, columns: Sequence[Column]) -> None:
        self._file, self._columns = file, columns
        self._encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode

    def write(self, batch: pa.RecordBatch) -> None:
        """Take one batch."""
        names = [column.name for column in self._columns]
        values = [
            (_iso(array) if column.kind is Kind.MOMENT else array).to_pylist()
            for column, array in zip(self._columns, batch.columns, strict=True)
        ]
        encode = self._encode
        lines = [encode(dict(zip(names, row, strict=True))) for row in zip(*values, strict=True)]
        if lines:
            self._file.write(("\n".join(lines) + "\n").encode())

    def close(self, provenance: Provenance) -> None:
        """Write what remains."""


class Parquet:
    """Zstandard, row groups of bounded size, the meaning of each column beside it, provenance with what was counted."""

    def __init__(self, file: BinaryIO, columns: Sequence[Column], provenance: Provenance) -> None:
        from pyarrow import parquet

        meanings = {c.name: {"description": c.meaning} for c in columns}
        fields = [field.with_metadata(meanings[field.name]) for field in arrow_schema(columns)]
        known = {k.encode(): v.encode() for k, v in provenance.as_metadata().items() if k not in COUNTED}
        self._schema = pa.schema(fields, metadata=_pandas_metadata(columns) | known)
        self._writer = parquet.ParquetWriter(file, self._schema, compression="zstd")
        self._held: list[pa.RecordBatch] = []

    def write(self, batch: pa.RecordBatch) -> None:
        """Take one batch; it is written once a row group is full."""
        self._held.append(batch)
        if sum(b.num_rows for b in self._held) >= ROW_GROUP_ROWS:
            self._flush()

    def _flush(self) -> None:
        if self._held:
            arrays = pa.Table.from_batches(self._held).columns
            self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema))
            self._held.clear()

    def close(self, provenance: Provenance) -> None:
        """Write what remains, and where it comes from."""
        self._flush()
        said = provenance.as_metadata()
        self._writer.add_key_value_metadata({name: said[name] for name in COUNTED if name in said})
        self._writer.close()


def _pandas_metadata(columns: Sequence[Column]) -> dict[bytes, bytes]:
    """What lets pandas read integers with gaps as integers."""
    import pandas as pd

    empty = pd.DataFrame({c.name: pd.Series(dtype="bool" if _is_plain(c) else PANDAS[c.kind]) for c in columns})
    return {b"pandas": pa.Table.from_pandas(empty, preserve_index=False).schema.metadata[b"pandas"]}


def _is_plain(column: Column) -> bool:
    return column.kind is Kind.BOOLEAN and column.required


def _cell(array: pa.Array, kind: Kind) -> pa.Array:
    match kind:
        case Kind.MOMENT:
            return _iso(array)
        case Kind.TEXT:
            return csvtext.guarded(array)
        case _:
            return array


def _iso(moments: pa.Array) -> pa.Array:
    """`2026-11-21T09:30:00.000000Z`."""
    plain = pc.cast(pc.cast(moments, pa.timestamp("us")), pa.string())
    return pc.binary_join_element_wise(pc.replace_substring(plain, " ", "T", max_replacements=1), "Z", "")
