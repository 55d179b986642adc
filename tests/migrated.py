"""New SQLite databases as copies of one that was migrated: the same to the last byte but for its name, and at once."""

from __future__ import annotations

import secrets
import sqlite3
import threading
from contextlib import closing
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from arena.settings import Settings
from arena.store import migrate
from arena.store.engine import connect

if TYPE_CHECKING:
    import sqlalchemy as sa

_MIGRATE, _TURN = migrate.upgrade, threading.Lock()


def upgrade(engine: sa.Engine) -> None:
    """What `migrate.upgrade` does; an empty SQLite database is filled from the template instead."""
    if engine.dialect.name == "sqlite":
        with _TURN, closing(engine.raw_connection()) as raw:
            made = raw.driver_connection
            if made.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,):
                _template().backup(made)
                _name(made)
                return
    _MIGRATE(engine)


def _name(made: sqlite3.Connection) -> None:
    """Each database has a name of its own, and a salt."""
    own = secrets.token_hex(8), secrets.token_hex(16)
    made.execute("UPDATE export_clock SET database_id = ?, voter_salt = ?", own)
    made.commit()


@cache
def _template() -> sqlite3.Connection:
    """A database in memory that was upgraded from nothing."""
    held = sqlite3.connect(":memory:", check_same_thread=False)
    with TemporaryDirectory() as directory:
        engine = connect(Settings(data_dir=Path(directory)), create=True)
        _MIGRATE(engine)
        engine.dispose()
        with closing(sqlite3.connect(Path(directory) / "arena.db")) as file:
            file.backup(held)
    return held
