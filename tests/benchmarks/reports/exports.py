"""Exports of a million outcomes: time and peak memory of a process of its own, and what DuckDB and pandas read back.

Beside it three times as many, as Parquet: the memory must not grow with the rows.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pandas as pd

from arena.settings import Settings
from arena.store.engine import open_database
from tests.benchmarks.reports.seed import seed

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_MB = 500
PARQUET_AIM_PER_S = 50_000
CHILD = """
import json, resource, sys, time
from pathlib import Path
from arena.reports.exports.jobs import Job, run
from arena.reports.exports.writers import FileFormat
from arena.settings import Settings
from arena.store.engine import open_database

def peak_mb():
    # Linux counts into ru_maxrss what the process that started this one held; VmHWM is this one's own.
    status = Path("/proc/self/status")
    if status.exists():
        return int(next(x for x in status.read_text().splitlines() if x.startswith("VmHWM")).split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20

with open_database(Settings()).read() as connection:
    begun, worked = time.perf_counter(), time.process_time()
    written = run(connection, Job("outcomes", FileFormat(sys.argv[1]), Path(sys.argv[2]), force=True))
    taken_s, worked_s = time.perf_counter() - begun, time.process_time() - worked
print(json.dumps([written.rows, taken_s, worked_s, peak_mb()]))
"""
FIGURES = (
    "count(*), count(time_to_image_ms), sum(time_to_image_ms), sum(cost_usd), sum(seed % 1000003), max(started_at)"
)


def report(outcomes: int) -> None:
    """Print a line a format."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        _seeded(directory / "one", outcomes)
        stored = _stored(directory / "one" / "arena.db")
        for file_format in ("parquet", "csv", "jsonl"):
            file = directory / f"outcomes.{file_format}"
            _line(directory / "one", file_format, file)
            _read_back(file, stored)
        _seeded(directory / "three", 3 * outcomes)
        _line(directory / "three", "parquet", directory / "three.parquet")


def _seeded(directory: Path, outcomes: int) -> None:
    begun = time.perf_counter()
    database = open_database(Settings(data_dir=directory), create=True)
    seed(database, outcomes)
    database.close()
    print(f"{outcomes:,} simulated outcomes made in {time.perf_counter() - begun:.0f} s", flush=True)


def _line(data: Path, file_format: str, file: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CHILD, file_format, str(file)],
        env={**os.environ, "ARENA_DATA_DIR": str(data)},
        check=True,
        capture_output=True,
        text=True,
    )
    rows, taken_s, worked_s, peak_mb = json.loads(done.stdout)
    aim = f" (aim > {PARQUET_AIM_PER_S:,})" if file_format == "parquet" else ""
    print(
        f"{file_format:8} {rows:,} rows in {taken_s:.1f} s: {rows / taken_s:,.0f} rows/s{aim},"
        f" {rows / worked_s:,.0f} a second of processor time, peak {peak_mb:.0f} MB"
        f" (aim < {MOST_MB}), file {file.stat().st_size / 1e6:.0f} MB",
        flush=True,
    )


def _stored(file: Path) -> tuple[object, ...]:
    """FIGURES as SQLite itself adds them up."""
    query = (
        "SELECT count(*), count(last_image_byte_ns), sum(last_image_byte_ns / 1e6), sum(cost_nano_usd / 1e9),"
        " sum(seed % 1000003), max(started_at) FROM attempt JOIN trial ON trial.id = attempt.trial_id"
    )
    with closing(sqlite3.connect(file)) as connection:
        row: tuple[object, ...] = connection.execute(query).fetchone()
    return (*row[:-1], str(row[-1])[:19])


def _read_back(file: Path, stored: tuple[object, ...]) -> None:
    begun = time.perf_counter()
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    columns = "* EXCLUDE (started_at), left(started_at::VARCHAR, 19) AS started_at"
    theirs = connection.execute(f"WITH o AS (FROM '{file}' SELECT {columns}) SELECT {FIGURES} FROM o").fetchone()
    duck_s = time.perf_counter() - begun
    begun = time.perf_counter()
    reader = {".parquet": pd.read_parquet, ".csv": pd.read_csv, ".jsonl": lambda f: pd.read_json(f, lines=True)}
    frame = reader[file.suffix](file)
    pandas_s = time.perf_counter() - begun
    ours = (
        len(frame),
        int(frame["time_to_image_ms"].notna().sum()),
        float(frame["time_to_image_ms"].sum()),
        float(frame["cost_usd"].sum()),
        int((frame["seed"] % 1_000_003).sum()),
        str(frame["started_at"].max()).replace("T", " ")[:19],
    )
    told = "equal to the database" if _same(theirs, stored) and _same(ours, stored) else f"DIFFERENT from {stored}"
    print(f"         DuckDB in {duck_s:.1f} s, pandas in {pandas_s:.1f} s; {told}: {ours}", flush=True)


def _same(read: Iterable[object], stored: Iterable[object]) -> bool:
    """To nine digits, for sums of floats depend on their order."""
    return all(
        abs(float(str(a)) - b) <= 1e-9 * abs(b) if isinstance(b, float) else str(a).replace("T", " ") == str(b)
        for a, b in zip(read, stored, strict=True)
    )


if __name__ == "__main__":
    report(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
