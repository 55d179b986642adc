"""Opens the database: SQLite in WAL for one machine, PostgreSQL when that is outgrown; the same code over both."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

import sqlalchemy as sa
from sqlalchemy import Connection as Connection
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    DBAPIError,
    IntegrityError,
    NoSuchModuleError,
    OperationalError,
    ProgrammingError,
)

from arena.errors import ConfigError, StoreError
from arena.store import migrate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from arena.settings import Settings

BUSY_TIMEOUT_MS = 30_000
MAKING_S = 3.0
"""An empty database is called one after so long: making the tables takes a fraction of a second."""
OF_A_VALUE = (DataError, IntegrityError, ProgrammingError)
"""What databases raise for a value that they cannot store; all else is about the disk, the file or the connection."""


class Database:
    """A database whose schema is known to be the current one. Open it with `open_database`."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        # SQLite takes its write lock at the first write unless told earlier; a transaction that reads first and
        # then writes would fail at once instead of waiting its turn.
        self._writer = engine.execution_options(arena_write=True)
        # SQLite's readers see one state anyway; PostgreSQL's do from this level on.
        snapshot = {"isolation_level": "REPEATABLE READ"} if engine.dialect.name == "postgresql" else {}
        self._reader = engine.execution_options(**snapshot)
        # SQLite has one writer, and who waits for it sleeps up to 100 ms at a time; who waits for a lock wakes at once.
        self._turn = threading.Lock() if engine.dialect.name == "sqlite" else nullcontext()

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A connection for reading; sees one consistent state."""
        with translated(self.engine), self._reader.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """A transaction: committed when the block ends, rolled back when it raises."""
        with translated(self.engine), self._turn, self._writer.begin() as connection:
            yield connection

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def open_database(settings: Settings, *, create: bool = False) -> Database:
    """The settings' database, at the current schema.

    With `create` a missing or empty database is made; one that another process is making just now is waited for.
    StoreError if there is none, if it is older (names the command that upgrades it), newer (names what to upgrade), or
    cannot be reached.
    """
    engine = connect(settings, create=create)
    try:
        with translated(engine):
            state = migrate.state(engine)
            if state is migrate.State.EMPTY and create:
                migrate.upgrade(engine)
                state = migrate.State.CURRENT
            elif state is migrate.State.EMPTY:
                state = _once_made(engine)
            complaint = migrate.complaint(state, where(engine))
        if complaint:
            raise StoreError(complaint)
    except BaseException:
        engine.dispose()
        raise
    return Database(engine)


def _once_made(engine: sa.Engine) -> migrate.State:
    """The state of a database that was empty a moment ago: another process may be making its tables just now."""
    until_s = time.monotonic() + MAKING_S
    while (found := migrate.state(engine)) is migrate.State.EMPTY and time.monotonic() < until_s:
        time.sleep(0.05)
    return found


def connect(settings: Settings, *, create: bool) -> sa.Engine:
    """An engine for the settings' database, whatever its schema."""
    frozen = False
    try:
        if settings.database_url is None:
            url, frozen = _own_file(settings, create=create)
        else:
            url = sa.make_url(settings.url)
        if url.get_backend_name() == "postgresql" and "+" not in url.drivername:
            url = url.set(drivername="postgresql+psycopg")
        if url.get_backend_name() not in {"sqlite", "postgresql"}:
            raise ConfigError(
                f"ARENA_DATABASE_URL: {url.get_backend_name()} is not supported; use sqlite or postgresql"
            )
        arguments = (
            {"timeout": BUSY_TIMEOUT_MS / 1000} if url.get_backend_name() == "sqlite" else {"connect_timeout": 10}
        )
        engine = sa.create_engine(url, connect_args=arguments)
    except (ArgumentError, NoSuchModuleError):
        raise ConfigError("ARENA_DATABASE_URL: is no database URL; write sqlite:///PATH or postgresql://…") from None
    except ModuleNotFoundError:
        raise ConfigError("ARENA_DATABASE_URL: PostgreSQL needs `pip install 'provider-arena[postgres]'`") from None
    if engine.dialect.name == "sqlite":
        _configure_sqlite(engine, frozen=frozen)
    return engine


def _own_file(settings: Settings, *, create: bool) -> tuple[sa.URL, bool]:
    """The database in the data directory, and whether it can only be read."""
    path = settings.data_dir.absolute() / "arena.db"
    if create:
        settings.require_writable()
    elif not path.exists():
        raise StoreError(f"there is no database at {settings.data_dir / 'arena.db'} yet; `arena run PLAN` makes one")
    elif _is_frozen(path):
        name = f"file:{quote(str(path))}"
        return sa.URL.create("sqlite", database=name, query={"immutable": "1", "uri": "true"}), True
    return sa.URL.create("sqlite", database=str(path)), False  # not as text: a directory may have a `?` in its name


def _can_write(directory: Path) -> bool:
    return os.access(directory, os.W_OK)


def _is_frozen(path: Path) -> bool:
    """Whether a database is where nothing can be written, not even the files that its readers share."""
    if _can_write(path.parent):
        return False
    log = path.with_name(f"{path.name}-wal")
    if log.exists() and log.stat().st_size > 0:
        raise StoreError(
            f"the database {path} was left with unfinished writes in {log.name}, and its directory cannot be written; "
            "copy both files to where they can be, and set ARENA_DATA_DIR"
        )
    return True


def where(engine: sa.Engine) -> str:
    """The database's address without its password."""
    url = engine.url
    if url.get_backend_name() == "sqlite":
        path = str(url.database)
        return unquote(path.removeprefix("file:")) if path.startswith("file:") else path
    return url.render_as_string(hide_password=True)


@contextmanager
def translated(engine: sa.Engine) -> Iterator[None]:
    """Turns what an operator can repair - locked, full, unreachable, corrupt - into a StoreError sentence."""
    try:
        yield
    except OperationalError as error:
        raise StoreError(f"the database {where(engine)} cannot be used: {_first_line(error)}") from error
    except DBAPIError as error:
        if "malformed" in str(error.orig) or "not a database" in str(error.orig):
            message = f"the database {where(engine)} is damaged: {_first_line(error)}; restore it from a backup"
            raise StoreError(message) from error
        raise


def _first_line(error: DBAPIError) -> str:
    return str(error.orig).strip().splitlines()[0] if str(error.orig).strip() else type(error.orig).__name__


def _use_wal(cursor: sqlite3.Cursor) -> None:
    """Write-ahead logging. SQLite does not wait for a lock at this switch, so another process's is waited for here."""
    until_s = time.monotonic() + BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            if cursor.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
                cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > until_s:
                raise
            time.sleep(0.05)
        else:
            return


def _configure_sqlite(engine: sa.Engine, *, frozen: bool) -> None:
    @sa.event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves, below
        cursor = connection.cursor()
        if not frozen:
            _use_wal(cursor)
        cursor.execute("PRAGMA synchronous=FULL")  # a committed intent must survive a power cut, too
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        immediate = connection.get_execution_options().get("arena_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")
