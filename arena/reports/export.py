"""Rows to files that any tool reads: CSV, Parquet, JSON lines; streamed, so that size costs time and not memory."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from arena.reports.exports.jobs import Job, run
from arena.reports.exports.writers import FileFormat
from arena.store.exchange.columns import Scope

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from arena.store.engine import Connection

__all__ = ["OF_A_RUN", "FileFormat", "Table", "export", "json_records"]


class Table(StrEnum):
    """What is exported; `arena.reports.exports.tables.TABLES` says what each holds."""

    OUTCOMES = "outcomes"
    SUMMARY = "summary"
    VOTES = "votes"
    RATINGS = "ratings"
    PRICES = "prices"
    RUNS = "runs"
    ENDPOINTS = "endpoints"
    PROMPTS = "prompts"
    ATTEMPTS = "attempts"
    IMAGES = "images"
    CALLS = "calls"
    CONTENDERS = "contenders"
    GOLD_PAIRS = "gold_pairs"
    RULINGS = "rulings"
    KEPT_OUT = "kept_out"
    SCORES = "scores"


OF_A_RUN = (Table.OUTCOMES, Table.SUMMARY)
"""What a page about one run offers."""


def export(connection: Connection, table: Table, run_id: str | None, file_format: FileFormat, out: Path | None) -> int:
    """Write a table, of one run or of all, to a file or (None) to stdout; returns how many rows were written.

    A file appears whole or not at all, in place of one that was there. ConfigError for what cannot be had, StoreError
    if the file cannot be written.
    """
    job = Job(table.value, file_format, out, Scope(run_id=run_id), force=True)
    return run(connection, job, sys.stdout.buffer).rows


def json_records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as JSON values that lose nothing: floats in full, missing values as null, moments in ISO 8601.

    pandas' own writer rounds floats to 15 decimals, which is not what was measured.
    """
    plain = frame.astype(object).where(frame.notna(), None)
    return [
        {str(name): value.isoformat() if hasattr(value, "isoformat") else value for name, value in row.items()}
        for row in plain.to_dict(orient="records")
    ]
