"""Copies of a SQLite database, made while others write to it, and the way back.

A backup is a directory:

    arena.db         the database at one instant, by SQLite's own backup
    SHA256SUMS       its hash
    IMAGES.sha256    every image that the database refers to, as `images/ab/ab12…`; `sha256sum -c` reads both lists
    images/          the images themselves, if they were asked for

Nothing that is there already is ever overwritten, except that images are added to a backup that has some.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from arena.errors import StoreError
from arena.store.blobs import BlobStore
from arena.whole_file import make_durable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DATABASE, SUMS, IMAGE_SUMS = "arena.db", "SHA256SUMS", "IMAGES.sha256"
LOGS = ("-wal", "-shm", "-journal")
"""Beside a database that is in use, or whose last user was killed."""
PIECE_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class Backup:
    """What was copied. `images_missing`: recorded, and neither in the backup nor, when restoring, in the data."""

    size_bytes: int
    images: int
    images_copied: int
    images_missing: int


def back_up(database: Path, images_dir: Path, to: Path, *, with_images: bool) -> Backup:
    """Copy a database that may be in use. StoreError if there is a backup already, or if it cannot be written."""
    if (to / DATABASE).exists():
        raise StoreError(f"{to / DATABASE} is there already; name a directory that is empty or not there")
    try:
        to.mkdir(parents=True, exist_ok=True)
        unfinished = to / f".{DATABASE}.partial"
        _clear(unfinished)
        try:
            _copy_database(database, unfinished)
        except StoreError:
            _clear(unfinished)  # it may have filled the disk
            raise
        hashes = list(_image_hashes(unfinished))
        copied = sum(_copy_image(images_dir, to / "images", sha256) for sha256 in hashes) if with_images else 0
        listed = "".join(f"{sha256}  images/{sha256[:2]}/{sha256}\n" for sha256 in hashes)
        (to / IMAGE_SUMS).write_text(listed, encoding="ascii")
        (to / SUMS).write_text(f"{file_sha256(unfinished)}  {DATABASE}\n", encoding="ascii")
        for name in (IMAGE_SUMS, SUMS):
            make_durable(to / name)
        make_durable(unfinished)
        unfinished.rename(to / DATABASE)
        make_durable(to)
    except OSError as error:
        raise StoreError(f"the backup {to} cannot be written: {error.strerror}") from None
    missing = sum(not BlobStore(images_dir).path(sha256).is_file() for sha256 in hashes)
    return Backup((to / DATABASE).stat().st_size, len(hashes), copied, missing)


def restore(backup: Path, database: Path, images_dir: Path) -> Backup:
    """Put a backup in the place of a database that is not there. StoreError if one is, or if the backup is damaged."""
    if database.exists():
        raise StoreError(
            f"{database} is there already and is not overwritten; end what uses it (app, runs, schedules) and move it "
            "away, or set ARENA_DATA_DIR"
        )
    _refuse_leftovers(database)
    verify(backup)
    copied = 0
    hashes = list(_image_hashes(backup / DATABASE))
    try:
        database.parent.mkdir(parents=True, exist_ok=True)
        for sha256 in hashes:
            copied += _copy_image(backup / "images", images_dir, sha256)
        unfinished = database.with_name(f".{database.name}.partial")
        shutil.copyfile(backup / DATABASE, unfinished)
        make_durable(unfinished)
        os.link(unfinished, database)  # unlike a rename, this fails if somebody made a database meanwhile
        unfinished.unlink()
        make_durable(database.parent)
    except FileExistsError:
        raise StoreError(f"{database} was made meanwhile and is not overwritten") from None
    except OSError as error:
        raise StoreError(f"the backup cannot be restored to {database.parent}: {error.strerror}") from None
    missing = sum(not BlobStore(images_dir).path(sha256).is_file() for sha256 in hashes)
    return Backup(database.stat().st_size, len(hashes), copied, missing)


def _refuse_leftovers(database: Path) -> None:
    """StoreError if a database that was here left its log: SQLite would write that into whatever takes its name."""
    for suffix in LOGS:
        log = database.with_name(database.name + suffix)
        if log.exists():
            raise StoreError(
                f"{log} belongs to the database that was here and would be written into the restored one; end what "
                "still uses that database (app, runs, schedules), and move this file to where the database went"
            )


def verify(backup: Path) -> None:
    """StoreError unless the database of a backup is whole, by its hash and by SQLite's own check."""
    file = backup / DATABASE
    if not file.is_file():
        raise StoreError(f"{backup} is no backup: there is no {DATABASE} in it; `arena db backup DIRECTORY` makes one")
    try:
        expected = (backup / SUMS).read_text(encoding="ascii").split()[0]
    except (OSError, IndexError, UnicodeDecodeError):
        raise StoreError(f"{backup} is no whole backup: {SUMS} is missing or empty") from None
    if file_sha256(file) != expected:
        raise StoreError(f"the backup {file} is damaged: its bytes are not those of {SUMS}; take another one")
    try:
        with closing(_read_only(file)) as connection:
            verdict = connection.execute("PRAGMA integrity_check").fetchone()[0]
    except sqlite3.DatabaseError as error:
        verdict = str(error)
    if verdict != "ok":
        raise StoreError(f"the backup {file} is damaged ({verdict}); take another one")


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes, read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            digest.update(piece)
    return digest.hexdigest()


def _copy_database(source: Path, target: Path) -> None:
    """All pages in one step: in WAL mode that is one snapshot, and keeps nobody from writing."""
    try:
        with closing(_read_only(source)) as read, closing(sqlite3.connect(target)) as written:
            read.backup(written)
            # One file that needs no other beside it.
            written.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.Error as error:
        raise StoreError(
            f"the database {source} cannot be copied to {target.parent}: {error}; make room there, or name another "
            "directory"
        ) from None


def _clear(unfinished: Path) -> None:
    for suffix in ("", *LOGS):
        unfinished.with_name(unfinished.name + suffix).unlink(missing_ok=True)


def _read_only(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=30)


def _image_hashes(database: Path) -> Iterator[str]:
    with closing(_read_only(database)) as connection:
        # A database of an older version is copied as well: before it is upgraded, say.
        columns = {str(row[1]) for row in connection.execute("PRAGMA table_info(artifact)")}
        kept = "WHERE pruned_at IS NULL" if "pruned_at" in columns else ""
        rows = connection.execute(f"SELECT sha256 FROM artifact {kept} ORDER BY sha256")  # noqa: S608 - no input in it
        yield from (str(sha256) for (sha256,) in rows)


def _copy_image(source: Path, target: Path, sha256: str) -> bool:
    """Whether an image was copied; one that is there already, or is missing, is not."""
    original, copy = BlobStore(source).path(sha256), BlobStore(target).path(sha256)
    if copy.exists() or not original.is_file():
        return False
    copy.parent.mkdir(parents=True, exist_ok=True)
    unfinished = copy.with_name(f".partial-{sha256}")
    shutil.copyfile(original, unfinished)
    if file_sha256(unfinished) != sha256:
        unfinished.unlink()
        raise StoreError(f"the image {original} is damaged: its bytes do not match its name")
    make_durable(unfinished)
    unfinished.rename(copy)
    return True
