"""Is what is stored whole? The database's own check, foreign keys, and an image file for every recorded image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from arena.errors import StoreError
from arena.store.blobs import BlobStore
from arena.store.runs import ARTIFACT, ATTEMPT, RUN

if TYPE_CHECKING:
    from pathlib import Path

    from arena.store.engine import Database


def check(database: Database, images_dir: Path) -> list[str]:
    """What was found, line by line; StoreError with the first thing that is broken."""
    blobs = BlobStore(images_dir)
    with database.read() as connection:
        if connection.dialect.name == "sqlite":
            _check_sqlite(connection)
        counts = {
            t.name: connection.execute(sa.select(sa.func.count()).select_from(t)).scalar_one() for t in (RUN, ATTEMPT)
        }
        images = connection.execute(sa.select(ARTIFACT.c.sha256, ARTIFACT.c.size_bytes)).all()
    for sha256, size_bytes in images:
        path = blobs.path(sha256)
        if not path.is_file():
            raise StoreError(f"the image {path} is recorded but missing; restore data/images from a backup")
        if path.stat().st_size != size_bytes:
            raise StoreError(f"the image {path} has {path.stat().st_size} bytes where {size_bytes} are recorded")
    return [
        "the schema is current",
        f"{counts['run']} runs, {counts['attempt']} attempts: the database is sound",
        f"{len(images)} images: all there",
    ]


def _check_sqlite(connection: sa.Connection) -> None:
    verdict = connection.exec_driver_sql("PRAGMA integrity_check").scalar_one()
    if verdict != "ok":
        raise StoreError(f"the database is damaged ({verdict}); restore it from a backup")
    orphan = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
    if orphan is not None:
        raise StoreError(f"the database is damaged: a row of {orphan[0]} refers to a missing row of {orphan[2]}")
