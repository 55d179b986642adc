"""Is what is stored whole? The database's own check, foreign keys, and an image file for every recorded image."""

from __future__ import annotations

import random
import sqlite3
from typing import TYPE_CHECKING

import sqlalchemy as sa

from arena.errors import StoreError
from arena.store.backup import file_sha256
from arena.store.blobs import PARTIAL, BlobStore
from arena.store.runs import ARTIFACT, ATTEMPT, RUN

if TYPE_CHECKING:
    from pathlib import Path

    from arena.store.engine import Database

SAMPLE = 200
"""How many images are read to the last byte, unless all are."""


def check(database: Database, images_dir: Path, *, every_byte: bool = False) -> list[str]:
    """What was found, line by line; StoreError with the first thing that is broken.

    Every image that is not pruned must be there with its size; some, or with `every_byte` all, are hashed.
    """
    blobs = BlobStore(images_dir)
    with database.read() as connection:
        if connection.dialect.name == "sqlite":
            _check_sqlite(connection)
        counts = {
            t.name: connection.execute(sa.select(sa.func.count()).select_from(t)).scalar_one() for t in (RUN, ATTEMPT)
        }
        every = connection.execute(sa.select(ARTIFACT.c.sha256, ARTIFACT.c.size_bytes, ARTIFACT.c.pruned_at)).all()
    images = [(sha256, size_bytes) for sha256, size_bytes, pruned_at in every if pruned_at is None]
    for sha256, size_bytes in images:
        path = blobs.path(sha256)
        if not path.is_file():
            raise StoreError(f"the image {path} is recorded but missing; restore data/images from a backup")
        if path.stat().st_size != size_bytes:
            raise StoreError(f"the image {path} has {path.stat().st_size} bytes where {size_bytes} are recorded")
    hashed = images if every_byte else random.sample(images, min(SAMPLE, len(images)))
    for sha256, _ in hashed:
        if file_sha256(blobs.path(sha256)) != sha256:
            raise StoreError(f"the image {blobs.path(sha256)} is damaged: its bytes do not match its name")
    lines = [
        "the schema is current",
        f"{counts['run']} runs, {counts['attempt']} attempts: the database is sound",
        f"{len(images)} images: all there, {len(hashed)} read to the last byte",
    ]
    pruned = len(every) - len(images)
    return [
        *lines,
        *([f"{pruned} images were pruned"] if pruned else []),
        *_strangers(images_dir, {row[0] for row in every}),
    ]


def _strangers(images_dir: Path, known: set[str]) -> list[str]:
    """Files that no row knows: what a crash left behind, between an image and its row."""
    files = [path for path in images_dir.glob("*/*") if path.name not in known]
    unfinished = list(images_dir.glob(f"{PARTIAL}*"))
    count = len(files) + len(unfinished)
    return [f"{count} files in {images_dir} belong to no image of the database; they harm nothing"] if count else []


def _check_sqlite(connection: sa.Connection) -> None:
    verdict = connection.exec_driver_sql("PRAGMA integrity_check").scalar_one()
    if verdict != "ok":
        raise StoreError(f"the database is damaged ({verdict}); restore it from a backup")
    orphan = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
    if orphan is not None:
        raise StoreError(f"the database is damaged: a row of {orphan[0]} refers to a missing row of {orphan[2]}")


def vacuum(database: Database) -> tuple[int, int]:
    """Give the room of deleted rows back to the disk; bytes before and after. SQLite only, and nobody may write."""
    connection = database.engine.raw_connection()  # VACUUM wants to be in no transaction
    try:
        cursor = connection.cursor()
        sizes = []
        for statement in ("PRAGMA page_count", "VACUUM", "PRAGMA optimize", "PRAGMA page_count"):
            row = cursor.execute(statement).fetchone()
            sizes += [int(row[0])] if statement == "PRAGMA page_count" else []
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        page_bytes = int(cursor.execute("PRAGMA page_size").fetchone()[0])
        cursor.close()
    except sqlite3.Error as error:
        raise StoreError(f"the database cannot be vacuumed: {error}; try again when nobody writes to it") from error
    finally:
        connection.close()
    return sizes[0] * page_bytes, sizes[1] * page_bytes
