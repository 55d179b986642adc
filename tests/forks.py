"""One server that forks processes for tests, with what takes long to import imported already.

Python keeps one such server in a process, and what it imports is settled before its first fork: so all lists are here.
"""

from __future__ import annotations

import multiprocessing

COMMANDS = (
    "alembic.command", "anyio", "arena.battles.ballots", "arena.catalog", "arena.reports.export",
    "arena.reports.exports.importing", "arena.reports.summary", "arena.store.digests", "arena.store.engine",
    "arena.store.migrate", "arena.store.queries", "arena.store.runs", "arena.store.vote_exchange", "h11", "harness.cli",
    "harness.engine", "harness.providers", "harness.runner", "harness.session", "jinja2", "pandas", "PIL.Image",
    "pyarrow.parquet", "pydantic_settings", "rich.console", "rich.table", "scipy.sparse", "scipy.stats",
    "starlette.applications", "tests.torture.victim", "typer", "uvicorn",
)  # fmt: skip
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(list(COMMANDS))
