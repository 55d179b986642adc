"""What the pages show, read through bounded caches; the only place that opens the store."""

from __future__ import annotations

import io
import tempfile
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st
from PIL import Image, ImageOps, UnidentifiedImageError

from arena.domain.run import RunStatus
from arena.errors import StoreError
from arena.reports import export
from arena.reports.summary import summarize
from arena.settings import Settings
from arena.store import pruning, queries, runs
from arena.store.blobs import BlobStore
from arena.store.engine import Database, open_database

if TYPE_CHECKING:
    import pandas as pd

    from arena.domain.prompt import Prompt
    from arena.domain.run import Run
    from arena.reports.summary import EndpointSummary

RUNS_SHOWN = 500
LIVE_S = 2
SETTLED_S = 600
MAX_PIXELS = 64_000_000
MAX_SIDE_PX = 1024


def available() -> bool:
    """Whether there is a database at all."""
    settings = Settings()
    return settings.database_url is not None or (settings.data_dir / "arena.db").exists()


def overview() -> pd.DataFrame:
    """One row a run, newest first; see `arena.store.queries.run_overview`."""
    return _overview(source())


def run(run_id: str) -> Run:
    """A run with its plan and environment."""
    return _run(source(), run_id, version(run_id))


def version(run_id: str) -> str:
    """Changes whenever the stored results of a run may have changed: what caches are keyed by."""
    rows = overview()
    row = rows[rows["run_id"] == run_id]
    if row.empty or row["status"].iloc[0] == RunStatus.RUNNING:
        return f"live-{int(time.time() / LIVE_S)}"
    return "-".join(str(row[column].iloc[0]) for column in ("status", "attempts", "succeeded", "unknown"))


def outcomes(run_id: str) -> pd.DataFrame:
    """A run's attempts, with the columns of `arena.store.queries.OUTCOME_COLUMNS`."""
    return _outcomes(source(), run_id, version(run_id))


def summaries(run_id: str) -> list[EndpointSummary]:
    """A run's figures by endpoint."""
    return _summaries(source(), run_id, version(run_id))


def prompts(run_id: str) -> dict[str, Prompt]:
    """A run's prompts by id, as they were sent."""
    return _prompts(source(), run_id)


def calls(run_id: str, trial: int) -> pd.DataFrame:
    """The HTTP exchanges of one trial; see `arena.store.queries.calls`."""
    return _calls(source(), run_id, trial, version(run_id))


def endpoints() -> list[str]:
    """Every endpoint of every run, in the order in which they first appeared, so that colours stay."""
    return _endpoints(source(), str(overview()["run_id"].iloc[:1].tolist()))


def preview(sha256: str, side_px: int = MAX_SIDE_PX) -> bytes:
    """An image as PNG without metadata, at most `side_px` wide and high; StoreError if it cannot be shown."""
    try:
        return _preview(str(Settings().images_dir.absolute()), sha256, side_px)
    except StoreError:
        with database().read() as connection:
            gone = pruning.pruned_at(connection, sha256)
        if gone is None:
            raise
        raise StoreError(f"the image {sha256[:12]}… was pruned on {gone:%Y-%m-%d}; its figures stay") from None


def calls_pruned_on(run_id: str) -> str | None:
    """The day on which the records of a run's calls were deleted; None if they were not."""
    with database().read() as connection:
        gone = pruning.calls_pruned_at(connection, run_id)
    return None if gone is None else f"{gone:%Y-%m-%d}"


def file(run_id: str, table: export.Table, file_format: export.FileFormat) -> bytes:
    """A run's table as the bytes of a file, the same as `arena export` writes."""
    with tempfile.TemporaryDirectory() as directory, _database(source()).read() as connection:
        path = Path(directory) / f"{table}.{file_format}"
        export.export(connection, table, run_id, file_format, path)
        return path.read_bytes()


def source() -> str:
    """Names the database. A file that was deleted and made anew is another one, whatever connections still see."""
    settings = Settings()
    if settings.database_url is not None:
        return settings.url
    try:
        status = (settings.data_dir / "arena.db").stat()
    except OSError:
        return settings.url
    return f"{settings.url}#{status.st_dev}-{status.st_ino}"


def database() -> Database:
    """The store itself, for what is no mere reading; opened once for all sessions."""
    return _database(source())


def _close(database: Database) -> None:
    database.close()


@st.cache_resource(max_entries=1, show_spinner=False, on_release=_close)
def _database(source: str) -> Database:
    return open_database(Settings())


@st.cache_data(ttl=LIVE_S, max_entries=4, show_spinner=False)
def _overview(source: str) -> pd.DataFrame:
    with _database(source).read() as connection:
        return queries.run_overview(connection, limit=RUNS_SHOWN)


@st.cache_data(ttl=SETTLED_S, max_entries=32, show_spinner=False)
def _run(source: str, run_id: str, version: str) -> Run:
    with _database(source).read() as connection:
        return runs.get_run(connection, run_id)


@st.cache_data(ttl=SETTLED_S, max_entries=4, show_spinner=False)
def _outcomes(source: str, run_id: str, version: str) -> pd.DataFrame:
    with _database(source).read() as connection:
        return queries.outcomes(connection, run_id)


@st.cache_data(ttl=SETTLED_S, max_entries=32, show_spinner=False)
def _summaries(source: str, run_id: str, version: str) -> list[EndpointSummary]:
    return summarize(_outcomes(source, run_id, version))


@st.cache_data(ttl=SETTLED_S, max_entries=16, show_spinner=False)
def _prompts(source: str, run_id: str) -> dict[str, Prompt]:
    with _database(source).read() as connection:
        return runs.run_prompts(connection, run_id)


@st.cache_data(ttl=SETTLED_S, max_entries=128, show_spinner=False)
def _calls(source: str, run_id: str, trial: int, version: str) -> pd.DataFrame:
    with _database(source).read() as connection:
        return queries.calls(connection, run_id, trial)


@st.cache_data(ttl=SETTLED_S, max_entries=4, show_spinner=False)
def _endpoints(source: str, newest: str) -> list[str]:
    with _database(source).read() as connection:
        oldest_first = reversed(runs.list_runs(connection))
    return list(dict.fromkeys(name for past in oldest_first for name in past.plan.endpoints))


@st.cache_data(ttl=SETTLED_S, max_entries=200, max_size="256 MB", show_spinner=False)
def _preview(images_dir: str, sha256: str, side_px: int) -> bytes:
    data = BlobStore(Path(images_dir)).get(sha256)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data)) as image:
                return _png(image, side_px)
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise StoreError(f"the image {sha256[:12]}… cannot be shown: {type(error).__name__}") from error


def _png(image: Image.Image, side_px: int) -> bytes:
    if image.width * image.height > MAX_PIXELS:
        raise ValueError("too many pixels")
    upright = ImageOps.exif_transpose(image)
    transparent = "A" in upright.getbands() or "transparency" in upright.info
    small = upright.convert("RGBA" if transparent else "RGB")
    small.thumbnail((side_px, side_px), Image.Resampling.LANCZOS)
    small.info.clear()
    out = io.BytesIO()
    small.save(out, "PNG", compress_level=3)
    return out.getvalue()
