"""The provider table over a month of a million outcomes: `python -m tests.benchmarks.reports.windows [--outcomes N]`.

Prints how long it takes in a process that has read nothing yet, how that grows with the history before the window, and
how long pandas.read_sql over the database and DuckDB over a Parquet file of the same rows need for a p50, a p95 and a
success rate by endpoint, without any interval (DuckDB reads SQLite by an extension that it has to download). All rows
are made up by `tests.benchmarks.reports.seed`.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

from arena.settings import Settings
from arena.store import digests
from arena.store.engine import open_database
from tests.benchmarks.reports import seed

HEAD = """
import sys, time
from pathlib import Path
directory, start, end = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
"""
ARENA = (
    HEAD
    + """
import pyarrow, scipy.special
from arena.reports.windows import parse_window, provider_summaries
from arena.settings import Settings
from arena.store.engine import open_database
database = open_database(Settings(data_dir=directory))
with database.read() as connection:
    begun = time.perf_counter()
    rows = provider_summaries(connection, parse_window(f"{start}..{end}"))
    took = time.perf_counter() - begun
print(f"{took:.3f} {sum(s.figures['attempts'].n for s in rows)}")
"""
)
QUERY = """
SELECT t.endpoint_id, a.status, a.last_image_byte_ns FROM attempt a JOIN trial t ON t.id = a.trial_id
WHERE t.phase = 'measure' AND a.started_at >= '{start}' AND a.started_at < '{end}'
"""
PANDAS = (
    HEAD
    + f"""
import pandas as pd, sqlite3
QUERY = '''{QUERY}'''
with sqlite3.connect(directory / "arena.db") as raw:
    begun = time.perf_counter()
    rows = pd.read_sql(QUERY.format(start=start, end=end), raw)
    won = rows[rows["status"] == "succeeded"]
    won.groupby("endpoint_id")["last_image_byte_ns"].quantile([0.5, 0.95])
    rows.groupby("endpoint_id")["status"].apply(lambda s: (s == "succeeded").mean())
    took = time.perf_counter() - begun
print(f"{{took:.3f}} {{len(rows)}}")
"""
)
TO_PARQUET = (
    HEAD
    + """
import pandas as pd, sqlite3
with sqlite3.connect(directory / "arena.db") as raw:
    columns = "t.endpoint_id, t.phase, a.status, a.last_image_byte_ns, a.started_at"
    rows = pd.read_sql(f"SELECT {columns} FROM attempt a JOIN trial t ON t.id = a.trial_id", raw)
rows["last_image_byte_ns"] = rows["last_image_byte_ns"].astype("Int64")
rows.to_parquet(directory / "rows.parquet")
print(f"0 {len(rows)}")
"""
)
DUCKDB = (
    HEAD
    + """
import duckdb
begun = time.perf_counter()
rows = duckdb.execute(
    "SELECT endpoint_id, quantile_cont(last_image_byte_ns, [0.5, 0.95]) FILTER (status = 'succeeded'),"
    " avg((status = 'succeeded')::int), count(*) FROM read_parquet(?)"
    " WHERE phase = 'measure' AND started_at >= ? AND started_at < ? GROUP BY 1",
    [str(directory / "rows.parquet"), start, end],
).fetchall()
took = time.perf_counter() - begun
print(f"{took:.3f} {sum(r[3] for r in rows)}")
"""
)


def timed(script: str, directory: Path, start: str, end: str) -> tuple[float, int] | str:
    """Seconds and rows, in a process of its own; or why not."""
    command = [sys.executable, "-c", script, str(directory), start, end]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return done.stderr.strip().splitlines()[-1]
    seconds, rows = done.stdout.split()
    return float(seconds), int(rows)


def best(script: str, directory: Path, start: str, end: str, times: int = 3) -> str:
    """The quickest and the slowest of some processes, and how many rows there were."""
    found = [timed(script, directory, start, end) for _ in range(times)]
    took = [f for f in found if isinstance(f, tuple)]
    if not took:
        return str(found[0])
    return f"{min(t for t, _ in took):7.3f} to {max(t for t, _ in took):.3f} s over {took[0][1]:,} rows"


def report(outcomes: int) -> None:
    """Seed, digest, and print."""
    sys.stdout.write(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f} before\n")
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        database = open_database(Settings(data_dir=directory), create=True)
        days = -(-outcomes // seed.TRIALS_PER_RUN)
        seed.seed(database, outcomes, images=False)
        digests.refresh(database)
        database.close()
        last = seed.FIRST_DAY.date() + timedelta(days=days)
        whole = seed.FIRST_DAY.date().isoformat(), last.isoformat()
        month = (last - timedelta(days=30)).isoformat(), last.isoformat()
        timed(TO_PARQUET, directory, *whole)
        for title, script in (("arena", ARENA), ("pandas.read_sql", PANDAS), ("DuckDB, Parquet", DUCKDB)):
            sys.stdout.write(f"{title:16s} everything    {best(script, directory, *whole)}\n")
            sys.stdout.write(f"{title:16s} last 30 days  {best(script, directory, *month)}\n")
        for back in (7, 14, 28):
            window = (last - timedelta(days=back)).isoformat(), last.isoformat()
            sys.stdout.write(f"arena, the last {back:2d} days of {days}: {best(ARENA, directory, *window)}\n")


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--outcomes", type=int, default=1_000_000)
    report(options.parse_args().outcomes)
