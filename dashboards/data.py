"""What the pages show, read through bounded caches; the only place that opens the store."""

from __future__ import annotations

import io
import tempfile
import time
import warnings
from contextlib import contextmanager
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
    from collections.abc import Iterator

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


def choices() -> list[runs.RunChoice]:
    """The newest runs, newest first, as far as a list to choose from needs them."""
    return _choices(source())


def overview_row(run_id: str) -> pd.Series | None:
    """One run's row of `arena.store.queries.run_overview`; None if there is no such run."""
    rows = _overview(source(), run_id)
    return None if rows.empty else rows.iloc[0]


def run(run_id: str) -> Run:
    """A run with its plan and environment."""
    return _run(source(), run_id, version(run_id))


def version(run_id: str) -> str:
    """Changes whenever the stored results of a run may have changed: what caches are keyed by."""
    row = overview_row(run_id)
    if row is None or row["status"] == RunStatus.RUNNING:
        return f"live-{int(time.time() / LIVE_S)}"
    return "-".join(str(row[column]) for column in ("status", "attempts", "succeeded", "unknown"))


def outcomes(run_id: str) -> pd.DataFrame:
    """A run's attempts, with the columns of `arena.store.queries.OUTCOME_COLUMNS`."""
    return _outcomes(source(), run_id, version(run_id))


def trial_outcomes(run_id: str, trial: int) -> pd.DataFrame:
    """The attempts of one trial, without reading the others."""
    return _narrow_outcomes(source(), run_id, version(run_id), trial=trial)


def prompt_outcomes(run_id: str, prompt_id: str) -> pd.DataFrame:
    """A run's attempts at one prompt, without reading the others."""
    return _narrow_outcomes(source(), run_id, version(run_id), prompt_id=prompt_id)


def summaries(run_id: str) -> list[EndpointSummary]:
    """A run's figures by endpoint."""
    return _summaries(source(), run_id, version(run_id))


def simulated_endpoints(run_id: str) -> frozenset[str]:
    """Which of a run's endpoints only pretend to be a provider."""
    return _simulated_endpoints(source(), run_id)


def prompts(run_id: str) -> dict[str, Prompt]:
    """A run's prompts by id, as they were sent."""
    return _prompts(source(), run_id)


def calls(run_id: str, trial: int) -> pd.DataFrame:
    """The HTTP exchanges of one trial; see `arena.store.queries.calls`."""
    return _calls(source(), run_id, trial, version(run_id))


def endpoints() -> dict[str, str]:
    """Every endpoint of every run with its provider, in the order of first appearance, so that colours stay."""
    newest = choices()
    return _endpoints(source(), newest[0].id if newest else "")


def preview(sha256: str, side_px: int = MAX_SIDE_PX) -> bytes:
    """An image as PNG without metadata, at most `side_px` wide and high; StoreError if it cannot be shown."""
    with _told_from_pruned(sha256):
        return _preview(str(Settings().images_dir.absolute()), sha256, side_px)


@contextmanager
def _told_from_pruned(sha256: str) -> Iterator[None]:
    """Of an image that is not there because it was pruned, the error says so."""
    try:
        yield
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


def thumbnail(sha256: str, side_px: int) -> tuple[bytes, str]:
    """An image as many of them are shown: JPEG, or PNG where it is transparent, and which; StoreError likewise."""
    with _told_from_pruned(sha256):
        return _thumbnail(str(Settings().images_dir.absolute()), sha256, side_px)


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


@st.cache_resource(ttl=LIVE_S, max_entries=4, show_spinner=False)
def _choices(source: str) -> list[runs.RunChoice]:
    with _database(source).read() as connection:
        return runs.run_choices(connection, RUNS_SHOWN)


@st.cache_data(ttl=LIVE_S, max_entries=64, show_spinner=False)
def _overview(source: str, run_id: str) -> pd.DataFrame:
    with _database(source).read() as connection:
        return queries.overview_of(connection, run_id)


@st.cache_data(ttl=SETTLED_S, max_entries=64, show_spinner=False)
def _narrow_outcomes(
    source: str, run_id: str, version: str, *, trial: int | None = None, prompt_id: str | None = None
) -> pd.DataFrame:
    with _database(source).read() as connection:
        return queries.outcomes(connection, run_id, trial=trial, prompt_id=prompt_id)


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


@st.cache_data(ttl=SETTLED_S, max_entries=64, show_spinner=False)
def _simulated_endpoints(source: str, run_id: str) -> frozenset[str]:
    with _database(source).read() as connection:
        return frozenset(endpoint.id for endpoint, _ in runs.run_endpoints(connection, run_id) if endpoint.simulated)


@st.cache_data(ttl=SETTLED_S, max_entries=16, show_spinner=False)
def _prompts(source: str, run_id: str) -> dict[str, Prompt]:
    with _database(source).read() as connection:
        return runs.run_prompts(connection, run_id)


@st.cache_data(ttl=SETTLED_S, max_entries=128, show_spinner=False)
def _calls(source: str, run_id: str, trial: int, version: str) -> pd.DataFrame:
    with _database(source).read() as connection:
        return queries.calls(connection, run_id, trial)


@st.cache_data(ttl=SETTLED_S, max_entries=4, show_spinner=False)
def _endpoints(source: str, newest: str) -> dict[str, str]:
    with _database(source).read() as connection:
        return runs.endpoints_seen(connection)


@st.cache_data(ttl=SETTLED_S, max_entries=200, max_size="256 MB", show_spinner=False)
def _preview(images_dir: str, sha256: str, side_px: int) -> bytes:
    out = io.BytesIO()
    _small(images_dir, sha256, side_px).save(out, "PNG", compress_level=3)
    return out.getvalue()


@st.cache_data(ttl=SETTLED_S, max_entries=1000, max_size="128 MB", show_spinner=False)
def _thumbnail(images_dir: str, sha256: str, side_px: int) -> tuple[bytes, str]:
    small, out = _small(images_dir, sha256, side_px), io.BytesIO()
    form = "PNG" if small.mode == "RGBA" else "JPEG"
    small.save(out, form, quality=90, subsampling=0)  # forty times as fast as PNG, and an eighth of the bytes
    return out.getvalue(), form


def _small(images_dir: str, sha256: str, side_px: int) -> Image.Image:
    data = BlobStore(Path(images_dir)).get(sha256)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data)) as image:
                return _shrunk(image, side_px)
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise StoreError(f"the image {sha256[:12]}… cannot be shown: {type(error).__name__}") from error


def _shrunk(image: Image.Image, side_px: int) -> Image.Image:
    """Upright, within the side, without metadata."""
    if image.width * image.height > MAX_PIXELS:
        raise ValueError("too many pixels")
    upright = ImageOps.exif_transpose(image)
    transparent = "A" in upright.getbands() or "transparency" in upright.info
    small = upright.convert("RGBA" if transparent else "RGB")
    small.thumbnail((side_px, side_px), Image.Resampling.LANCZOS)
    small.info.clear()
    return small
