"""`arena prune`: let go of old images and of the records of single calls; figures stay."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import console
from harness.cli.console import Json, Yes, print_json, say

if TYPE_CHECKING:
    from arena.settings import Settings
    from arena.store.engine import Database
    from arena.store.pruning import SettledAttempts, SettledRun, StoredImage

BYTES = {
    "": 1,
    "B": 1,
    "KB": 1e3,
    "MB": 1e6,
    "GB": 1e9,
    "TB": 1e12,
    "KIB": 2**10,
    "MIB": 2**20,
    "GIB": 2**30,
    "TIB": 2**40,
}
DAYS = {"d": 1, "w": 7, "y": 365}


def prune(
    *,
    images_older_than: Annotated[
        str | None, typer.Option("--images-older-than", metavar="AGE", help="Images last delivered that long ago: 90d.")
    ] = None,
    images_over: Annotated[
        str | None,
        typer.Option("--images-over", metavar="SIZE", help="The oldest, until the rest is that small: 50GB."),
    ] = None,
    calls_older_than: Annotated[
        str | None,
        typer.Option(
            "--calls-older-than", metavar="AGE", help="Records of HTTP calls of runs that ended that long ago."
        ),
    ] = None,
    attempts_older_than: Annotated[
        str | None,
        typer.Option(
            "--attempts-older-than",
            metavar="AGE",
            help="Attempts, with their calls, images and scores, of runs that ended that long ago; their figures stay.",
        ),
    ] = None,
    voted_too: Annotated[
        bool, typer.Option("--voted-too", help="Also images that standing votes were about, and gold pairs.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Delete old images and call records. Every figure stays, and pages say when something was pruned."""
    from arena.errors import ConfigError
    from arena.store.engine import open_database

    if all(asked is None for asked in (images_older_than, images_over, calls_older_than, attempts_older_than)):
        raise ConfigError(
            "say what may go: --images-older-than 90d, --images-over 50GB, --calls-older-than 400d or "
            "--attempts-older-than 400d"
        )
    settings, now = console.settings(), datetime.now(UTC)
    wanted = _Wanted(
        now,
        images_before=_before(images_older_than, "--images-older-than", now),
        most_bytes=None if images_over is None else _size_bytes(images_over),
        voted_too=voted_too,
        calls_before=_before(calls_older_than, "--calls-older-than", now),
        attempts_before=_before(attempts_older_than, "--attempts-older-than", now),
    )
    database = open_database(settings)
    chosen = _chosen(database, settings, wanted)
    if as_json:
        print_json(_as_json(chosen, dry_run=dry_run))
    for line in _sentences(chosen, wanted):
        (say if as_json else typer.echo)(line)
    if dry_run or not chosen.anything:
        return
    console.confirm("Delete them? What is deleted cannot be had again.", yes=yes)
    _carry_out(database, settings, chosen)
    _forget_attempts(database, settings, chosen.whole)
    rows_went = chosen.runs or chosen.whole
    say("done; `arena db vacuum` gives the room of deleted rows back to the disk" if rows_went else "done")


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What may go, as of `now`; None: nothing of the kind."""

    now: datetime
    images_before: datetime | None
    most_bytes: int | None
    voted_too: bool
    calls_before: datetime | None
    attempts_before: datetime | None


@dataclass(frozen=True, slots=True)
class _Chosen:
    """What goes, of the `stored` images. `left_over`: images pruned earlier whose files a crash has left."""

    stored: list[StoredImage]
    images: list[StoredImage]
    left_over: list[str]
    runs: list[SettledRun]
    whole: list[SettledAttempts]

    @property
    def anything(self) -> bool:
        """Whether there is anything to delete."""
        return bool(self.images or self.left_over or self.runs or self.whole)


def _chosen(database: Database, settings: Settings, wanted: _Wanted) -> _Chosen:
    from arena.store import pruning
    from arena.store.blobs import BlobStore

    images: list[StoredImage] = []
    with database.read() as connection:
        stored = pruning.stored_images(connection, wanted.now)
        if wanted.images_before is not None or wanted.most_bytes is not None:
            images = pruning.to_prune(
                stored, before=wanted.images_before, most_bytes=wanted.most_bytes, voted_too=wanted.voted_too
            )
        return _Chosen(
            stored,
            images,
            pruning.left_over(connection, BlobStore(settings.images_dir)),
            [] if wanted.calls_before is None else pruning.settled_runs(connection, wanted.calls_before),
            [] if wanted.attempts_before is None else pruning.with_attempts(connection, wanted.attempts_before),
        )


def _forget_attempts(database: Database, settings: Settings, whole: list[SettledAttempts]) -> None:
    """Run by run: first their digests, then the rows, then the bytes of images that were only theirs."""
    from arena.store import digests, pruning
    from arena.store.blobs import BlobStore

    if whole:
        digests.refresh(database)
    blobs, renditions = BlobStore(settings.images_dir), BlobStore(settings.data_dir / "renditions")
    for run in whole:
        with database.write() as connection:
            hashes = pruning.forget_attempts(connection, run.id, datetime.now(UTC))
            pruning.mark_pruned(connection, hashes, datetime.now(UTC))
        with database.write() as connection:
            pruning.delete_pruned(connection, blobs, renditions, hashes, datetime.now(UTC))


def _carry_out(database: Database, settings: Settings, chosen: _Chosen) -> None:
    """Images, in parts that hold up nobody for long, then the records of calls."""
    from arena.store import pruning
    from arena.store.blobs import BlobStore

    blobs, renditions = BlobStore(settings.images_dir), BlobStore(settings.data_dir / "renditions")
    hashes = [image.sha256 for image in chosen.images] + chosen.left_over
    for start in range(0, len(hashes), pruning.AT_ONCE):
        part = hashes[start : start + pruning.AT_ONCE]
        with database.write() as connection:
            pruning.mark_pruned(connection, part, datetime.now(UTC))
        with database.write() as connection:
            pruning.delete_pruned(connection, blobs, renditions, part, datetime.now(UTC))
    for run in chosen.runs:
        with database.write() as connection:
            pruning.forget_calls(connection, run.id, datetime.now(UTC))


def _sentences(chosen: _Chosen, wanted: _Wanted) -> list[str]:
    here, gone = sum(i.size_bytes for i in chosen.stored), sum(i.size_bytes for i in chosen.images)
    lines = [f"{len(chosen.images)} of {len(chosen.stored)} images, {_size(gone)} of {_size(here)}"]
    if chosen.left_over:
        lines.append(f"{len(chosen.left_over)} files of images that were pruned before")
    going = set(chosen.images)
    kept = sum(1 for i in chosen.stored if i.needed and i not in going)
    if kept:
        lines.append(f"{kept} images stay because votes, open battles or gold pairs are about them (--voted-too)")
    if wanted.most_bytes is not None and here - gone > wanted.most_bytes:
        lines.append(f"{_size(here - gone)} stay, which is more than --images-over: the rest is needed")
    lines.append(f"{sum(r.calls for r in chosen.runs)} call records of {len(chosen.runs)} runs")
    if wanted.attempts_before is not None:
        lines.append(f"{sum(r.attempts for r in chosen.whole)} attempts of {len(chosen.whole)} runs")
    return lines


def _as_json(chosen: _Chosen, *, dry_run: bool) -> dict[str, object]:
    return {
        "dry_run": dry_run,
        "images": len(chosen.images),
        "image_bytes": sum(i.size_bytes for i in chosen.images),
        "images_stored": len(chosen.stored),
        "image_bytes_stored": sum(i.size_bytes for i in chosen.stored),
        "left_over": len(chosen.left_over),
        "runs": [run.id for run in chosen.runs],
        "calls": sum(run.calls for run in chosen.runs),
        "attempts": sum(r.attempts for r in chosen.whole),
        "attempts_of_runs": [r.id for r in chosen.whole],
    }


def _before(text: str | None, option: str, now: datetime) -> datetime | None:
    from arena.errors import ConfigError

    if text is None:
        return None
    match = re.fullmatch(r"(\d{1,5})\s*([dwy])", text.strip())
    if match is None:
        raise ConfigError(f"{option} {text!r} is no age; write days, weeks or years, as 90d, 12w or 2y")
    return now - timedelta(days=int(match[1]) * DAYS[match[2]])


def _size_bytes(text: str) -> int:
    from arena.errors import ConfigError

    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)", text.strip())
    if match is None or match[2].upper() not in BYTES:
        raise ConfigError(f"--images-over {text!r} is no size; write it as 50GB or 800MB")
    return round(float(match[1]) * BYTES[match[2].upper()])


def _size(size_bytes: int) -> str:
    value = float(size_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"
