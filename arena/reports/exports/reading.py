"""Files of an export as Arrow batches with exactly the columns of their table; what does not fit is one sentence.

A row is named by its number among the rows of its file, from 1, the header not counted.
"""

from __future__ import annotations

import csv
import json
import math
import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from arena.errors import ConfigError
from arena.reports.exports import csvtext
from arena.store.exchange.batches import ARROW, arrow_schema
from arena.store.exchange.columns import AGAIN, Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from arena.reports.exports.sources import Source
    from arena.store.exchange.columns import Column

BATCH_ROWS = 8_192
CSV_BLOCK_BYTES = 4 << 20
LARGEST = 2**63 - 1


def read(source: Source) -> Iterator[pa.RecordBatch]:
    """The rows of a file, checked: kinds, values that must not be missing, values that must be among a few.

    ConfigError names the file, the row and the column.
    """
    if source.rows == 0 and not source.path.stat().st_size:
        return
    parts = {".csv": _csv, ".jsonl": _jsonl, ".parquet": _parquet}[source.path.suffix]
    names, count = column_names(source.path), 0
    columns = [*source.table.columns, *([AGAIN] if AGAIN.name in names else [])]
    schema = arrow_schema(source.table.columns)
    for part in parts(source.path, columns):
        for column in columns:
            _check(source.path, column, part[column.name], count)
        count += part.num_rows
        yield pa.RecordBatch.from_arrays([part[name] for name in schema.names], schema=schema)
    if source.rows is not None and source.rows != count:
        raise ConfigError(f"{source.path}: has {count} rows where {source.rows} were written; it is cut short")


def column_names(path: Path) -> list[str]:
    """The names of a file's columns, in order. ConfigError if it cannot be read."""
    try:
        match path.suffix:
            case ".parquet":
                from pyarrow import parquet

                return list(parquet.read_schema(path).names)
            case ".jsonl":
                return _first_keys(path)
            case _:
                return _header(path)
    except (pa.ArrowException, OSError, UnicodeDecodeError, csv.Error) as error:
        raise _unreadable(path, error) from None


def parquet_metadata(path: Path) -> dict[str, str]:
    """What a Parquet file of ours says of itself. ConfigError if it cannot be read."""
    from pyarrow import parquet

    try:
        found = parquet.read_metadata(path).metadata or {}
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(path, error) from None
    ours = {k.decode(): v.decode() for k, v in found.items() if k.startswith(b"arena.")}
    return {name.removeprefix("arena."): value for name, value in ours.items()}


def _unreadable(path: Path, error: Exception) -> ConfigError:
    first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    if isinstance(error, UnicodeDecodeError) or "UTF8" in first or "utf-8" in first:
        return ConfigError(f"{path}: is not in UTF-8; save it in that encoding")
    if "magic bytes" in first or "footer" in first:
        return ConfigError(f"{path}: is no Parquet file, or was cut short")
    uneven = re.search(r"Row #(\d+): Expected (\d+) columns, got (\d+)", first)
    if uneven is not None:
        row, wanted, found = (int(number) for number in uneven.groups())
        return ConfigError(f"{path}: row {row - 1}: has {found} cells where there are {wanted} columns")
    return ConfigError(f"{path}: cannot be read: {first}")


def _check(path: Path, column: Column, values: pa.Array, before: int) -> None:
    if column.required and values.null_count:
        raise _wrong(path, before + pc.index(values.is_null(), True).as_py(), column, "is missing")
    if column.kind is Kind.REAL:
        _refuse_where(path, column, values, before, lambda v: pc.invert(pc.is_finite(v)))
    if column.choices:
        allowed = pa.array([str(choice) for choice in column.choices])
        _refuse_where(path, column, values, before, lambda v: pc.invert(pc.is_in(v, value_set=allowed)))


def _refuse_where(
    path: Path, column: Column, values: pa.Array, before: int, wrong: Callable[[pa.Array], pa.Array]
) -> None:
    bad = pc.and_(values.is_valid(), pc.fill_null(wrong(values), False))
    row = pc.index(bad, True).as_py()
    if row >= 0:
        known = f"; it is one of {', '.join(column.choices)}" if column.choices else ""
        raise _wrong(path, before + row, column, f"is {values[row].as_py()!r}{known}")


def _wrong(path: Path, row: int, column: Column, what: str) -> ConfigError:
    return ConfigError(f"{path}: row {row + 1}: {column.name} {what}")


# -- Parquet -----------------------------------------------------------------------------------------------------------


def _parquet(path: Path, columns: list[Column]) -> Iterator[pa.RecordBatch]:
    from pyarrow import parquet

    before = 0
    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(BATCH_ROWS, columns=[c.name for c in columns]):
                arrays = [_cast(path, c, batch[c.name], before) for c in columns]
                before += batch.num_rows
                yield pa.RecordBatch.from_arrays(arrays, names=[c.name for c in columns])
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(path, error) from None


def _cast(path: Path, column: Column, values: pa.Array, before: int) -> pa.Array:
    wanted = ARROW[column.kind]
    fits = (
        (column.kind is Kind.TEXT and (pa.types.is_dictionary(values.type) or pa.types.is_large_string(values.type)))
        or (column.kind is Kind.MOMENT and pa.types.is_timestamp(values.type))
        or (column.kind in {Kind.INTEGER, Kind.REAL} and _is_number(values.type))
        or pa.types.is_null(values.type)
        or values.type == wanted
    )
    if not fits:
        raise ConfigError(f"{path}: {column.name} holds {values.type}, not {column.kind}")
    try:
        return values.cast(wanted)
    except pa.ArrowInvalid as error:
        raise ConfigError(f"{path}: a row from {before + 1} on: {column.name}: {error}") from None


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


# -- CSV ---------------------------------------------------------------------------------------------------------------


def _header(path: Path) -> list[str]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        names = next(csv.reader(file), [])
    if not names:
        raise ConfigError(f"{path}: is empty")
    return names


def _open_csv(path: Path, names: list[str] | None = None) -> Any:
    """Every cell as text: an empty one is missing, one with only quotes is an empty text."""
    from pyarrow import csv as arrow_csv

    return arrow_csv.open_csv(
        path,
        read_options=arrow_csv.ReadOptions(block_size=CSV_BLOCK_BYTES, use_threads=False),
        parse_options=arrow_csv.ParseOptions(newlines_in_values=True),
        convert_options=arrow_csv.ConvertOptions(
            column_types=dict.fromkeys(names or (), pa.string()),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )


def _csv(path: Path, columns: list[Column]) -> Iterator[pa.RecordBatch]:
    before = 0
    try:
        for batch in _open_csv(path, [*column_names(path)]):
            arrays = [_from_text(path, c, batch[c.name], before) for c in columns]
            before += batch.num_rows
            yield pa.RecordBatch.from_arrays(arrays, names=[c.name for c in columns])
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(path, error) from None


def _from_text(path: Path, column: Column, cells: pa.Array, before: int) -> pa.Array:
    """Cells as values; empty ones are missing, of texts only those without quotes."""
    if column.kind is Kind.TEXT:
        return csvtext.unguarded(cells)
    filled = pc.if_else(pc.equal(cells, ""), pa.scalar(None, pa.string()), cells)
    try:
        return filled.cast(ARROW[column.kind])
    except pa.ArrowInvalid:
        for row, cell in enumerate(filled):
            try:
                cell.cast(ARROW[column.kind])
            except pa.ArrowInvalid:
                said = f"is {cell.as_py()[:60]!r}, which is no {column.kind}"
                raise _wrong(path, before + row, column, said) from None
        raise


# -- JSON lines --------------------------------------------------------------------------------------------------------


def _first_keys(path: Path) -> list[str]:
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file):
            if line.strip():
                return list(_parsed(path, line, number))
    raise ConfigError(f"{path}: is empty")


def _jsonl(path: Path, columns: list[Column]) -> Iterator[pa.RecordBatch]:
    names, known = [c.name for c in columns], {c.name for c in columns} | {"day"}
    rows: list[dict[str, Any]] = []
    before = 0
    try:
        with path.open(encoding="utf-8-sig", newline="\n") as file:
            for line in file:
                row = _parsed(path, line, before + len(rows))
                if row.keys() - known or known - row.keys() - {"day"}:
                    raise _uneven(path, before + len(rows), row, known)
                rows.append(row)
                if len(rows) == BATCH_ROWS:
                    yield _from_json(path, columns, rows, before)
                    before, rows = before + len(rows), []
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(path, error) from None
    if rows:
        yield pa.RecordBatch.from_arrays(_from_json(path, columns, rows, before).columns, names=names)


def _parsed(path: Path, line: str, row: int) -> dict[str, Any]:
    try:
        found = json.loads(line, parse_constant=_refused)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ConfigError(f"{path}: row {row + 1}: is no JSON object on one line; the file may be cut short")
    return found


def _refused(name: str) -> None:
    raise ValueError(name)


def _uneven(path: Path, row: int, found: dict[str, Any], known: set[str]) -> ConfigError:
    extra, missing = sorted(found.keys() - known), sorted(known - found.keys() - {"day"})
    what = f"has {extra[0]!r}, which this table has not" if extra else f"the column {missing[0]} is missing"
    return ConfigError(f"{path}: row {row + 1}: {what}")


def _from_json(path: Path, columns: list[Column], rows: list[dict[str, Any]], before: int) -> pa.RecordBatch:
    arrays = []
    for column in columns:
        values = [row[column.name] for row in rows]
        for place, value in enumerate(values):
            if value is not None and not _fits(column.kind, value):
                said = f"is {str(value)[:60]!r}, which is no {column.kind}"
                raise _wrong(path, before + place, column, said)
        if column.kind is Kind.MOMENT:
            values = [None if v is None else datetime.fromisoformat(v) for v in values]
        arrays.append(pa.array(values, ARROW[column.kind]))
    return pa.RecordBatch.from_arrays(arrays, names=[c.name for c in columns])


def _fits(kind: Kind, value: Any) -> bool:
    match kind:
        case Kind.TEXT:
            return isinstance(value, str) and not any("\ud800" <= c <= "\udfff" for c in value)
        case Kind.INTEGER:
            return type(value) is int and abs(value) <= LARGEST
        case Kind.REAL:
            return type(value) in {int, float} and abs(value) < math.inf
        case Kind.BOOLEAN:
            return isinstance(value, bool)
        case Kind.MOMENT:
            return isinstance(value, str) and _is_moment(value)


def _is_moment(value: str) -> bool:
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False
