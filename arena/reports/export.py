"""Rows to files that any tool reads: CSV, Parquet, JSON lines; streamed, so that size costs time and not memory."""

from __future__ import annotations

import csv
import json
import sys
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal, TextIO

from arena import __version__
from arena.errors import ConfigError
from arena.reports.summary import flat_rows, summarize
from arena.store import queries, vote_exchange
from arena.whole_file import whole_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    import pandas as pd

    from arena.store.engine import Connection

SUMMARY_SCHEMA_VERSION = 3
VOTE_TYPES = {
    **dict.fromkeys(vote_exchange.COLUMNS, "string"),
    "evaluation_order": "Int64",
    "dwell_ms": "Int64",
    "propensity": "Float64",
    "simulated": "bool",
}


class FileFormat(StrEnum):
    """What an export is written as."""

    CSV = "csv"
    PARQUET = "parquet"
    JSONL = "jsonl"


class Table(StrEnum):
    """What is exported."""

    OUTCOMES = "outcomes"
    SUMMARY = "summary"
    VOTES = "votes"


OF_A_RUN = (Table.OUTCOMES, Table.SUMMARY)
"""What can be exported of one run alone."""


def export(connection: Connection, table: Table, run_id: str | None, file_format: FileFormat, out: Path | None) -> int:
    """Write a table, of one run or of all, to a file or (None) to stdout; returns how many rows were written.

    A file appears whole or not at all. ConfigError for Parquet to stdout or a summary of all runs, StoreError if the
    file cannot be written.
    """
    frames = _frames(connection, table, run_id)
    if table is Table.VOTES and run_id is not None:
        raise ConfigError("--table votes takes no RUN: a vote may be on images of two runs")
    if table is Table.SUMMARY and run_id is None:
        raise ConfigError("--table summary needs a RUN: figures of different plans are not pooled")
    if out is None:
        if file_format is FileFormat.PARQUET:
            raise ConfigError("--format parquet needs --out FILE: it cannot be written to a terminal or a pipe")
        return _write_text(frames, file_format, sys.stdout)
    return _write_file(frames, table, run_id, file_format, out)


def _frames(connection: Connection, table: Table, run_id: str | None) -> Iterator[pd.DataFrame]:
    if table is Table.OUTCOMES:
        yield from queries.outcome_chunks(connection, run_id)
        return
    import pandas as pd

    if table is Table.VOTES:
        for rows in _batches(vote_exchange.exported(connection), vote_exchange.BATCH_ROWS):
            yield pd.DataFrame(rows, columns=list(vote_exchange.COLUMNS), dtype=object).astype(VOTE_TYPES)
        return
    rows = flat_rows(summarize(queries.outcomes(connection, run_id)))
    yield pd.DataFrame(rows)


def _batches(rows: Iterable[dict[str, Any]], size: int) -> Iterator[list[dict[str, Any]]]:
    """Rows in lists of at most `size`; one empty list if there are none, so that a file has its columns."""
    remaining = iter(rows)
    batch = list(islice(remaining, size))
    yield batch
    while len(batch) == size:
        batch = list(islice(remaining, size))
        if batch:
            yield batch


def read_votes(path: Path) -> list[dict[str, Any]]:
    """The rows of a file of votes; ConfigError if it cannot be read or lacks what a vote needs."""
    import pandas as pd

    numbers = {"evaluation_order", "dwell_ms", "propensity", "simulated", "tstamp"}
    text = dict.fromkeys((set(vote_exchange.COLUMNS) - numbers) | {"id"}, str)
    try:
        match path.suffix:
            case ".parquet":
                frame = pd.read_parquet(path)
            case ".jsonl":
                frame = pd.read_json(path, lines=True, dtype=text, convert_dates=False, precise_float=True)
            case ".csv":
                # "NA" is a text like any other; only what is empty is missing.
                frame = pd.read_csv(
                    path, dtype=text, float_precision="round_trip", keep_default_na=False, na_values=[""]
                )
            case _:
                raise ConfigError(f"{path}: is no .csv, .parquet or .jsonl file")
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: cannot be read: {str(error).splitlines()[0]}") from None
    missing = [name for name in ("model_a", "model_b", "winner") if name not in frame.columns]
    if missing:
        raise ConfigError(f"{path}: the column {missing[0]} is missing; a vote needs model_a, model_b and winner")
    return [{str(k): v for k, v in row.items()} for row in frame.to_dict(orient="records")]


def _write_file(
    frames: Iterable[pd.DataFrame], table: Table, run_id: str | None, file_format: FileFormat, out: Path
) -> int:
    with whole_file(out) as temporary:
        if file_format is FileFormat.PARQUET:
            return _write_parquet(frames, table, run_id, temporary)
        with temporary.open("w", encoding="utf-8", newline="") as file:
            return _write_text(frames, file_format, file)


def _write_text(frames: Iterable[pd.DataFrame], file_format: FileFormat, file: TextIO) -> int:
    count = 0
    for index, frame in enumerate(frames):
        if file_format is FileFormat.CSV:
            # A lone carriage return would end the row for some readers unless its text is quoted.
            frame.to_csv(file, index=False, header=index == 0, lineterminator="\n", quoting=_quoting(frame))
        else:
            file.writelines(json.dumps(record, ensure_ascii=False) + "\n" for record in json_records(frame))
        count += len(frame)
    return count


def _quoting(frame: pd.DataFrame) -> Literal[0, 2]:
    """Quote texts where one of them holds a carriage return, else only where the format needs it."""
    texts = frame.select_dtypes(include=["string", "object"])
    risky = any(bool(texts[name].astype("string").str.contains("\r", regex=False).any()) for name in texts)
    return csv.QUOTE_NONNUMERIC if risky else csv.QUOTE_MINIMAL


def json_records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as JSON values that lose nothing: floats in full, missing values as null, moments in ISO 8601.

    pandas' own writer rounds floats to 15 decimals, which is not what was measured.
    """
    plain = frame.astype(object).where(frame.notna(), None)
    return [
        {str(name): value.isoformat() if hasattr(value, "isoformat") else value for name, value in row.items()}
        for row in plain.to_dict(orient="records")
    ]


def _write_parquet(frames: Iterable[pd.DataFrame], table: Table, run_id: str | None, path: Path) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    version = {
        Table.OUTCOMES: queries.OUTCOME_SCHEMA_VERSION,
        Table.SUMMARY: SUMMARY_SCHEMA_VERSION,
        Table.VOTES: vote_exchange.SCHEMA_VERSION,
    }[table]
    provenance = {
        "arena.table": table.value,
        "arena.schema_version": str(version),
        "arena.version": __version__,
        "arena.run_id": run_id or "",
    }
    writer: pq.ParquetWriter | None = None
    count = 0
    try:
        for frame in frames:
            content = pa.Table.from_pandas(frame, preserve_index=False)
            if writer is None:
                schema = content.schema.with_metadata({**(content.schema.metadata or {}), **provenance})
                writer = pq.ParquetWriter(path, schema, compression="zstd")
            writer.write_table(content.cast(writer.schema))
            count += len(frame)
    finally:
        if writer is not None:
            writer.close()
    return count
