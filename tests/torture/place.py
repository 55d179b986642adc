"""A data directory and its database, copied for every kill; on SQLite, or on PostgreSQL by its own template copies."""

from __future__ import annotations

import os
import secrets
import shutil
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from arena.errors import StoreError
from arena.settings import Settings
from arena.store.check import check
from arena.store.engine import open_database
from tests.torture.planted import VARIABLE

if TYPE_CHECKING:
    from arena.store.engine import Database


def quickest_directory() -> Path | None:
    """Where there is memory instead of a disk; None: where temporary files are anyway.

    A killed process leaves what it has written to the system, which writes it to the disk; so what a kill shows is the
    same in either place, and only waiting for the disk is saved. What a power cut takes is not shown here.
    """
    memory = Path("/dev/shm")  # noqa: S108 - the caller makes a directory of its own there
    return memory if os.access(memory, os.W_OK) else None


class LostError(AssertionError):
    """Something is missing, doubled or half there."""


def demand(condition: bool, message: str) -> None:
    """LostError unless it is so."""
    if not condition:
        raise LostError(message)


@dataclass(frozen=True)
class Place:
    """Where one victim works."""

    directory: Path
    url: str | None = None
    planted: str | None = None
    """A bug that its victims have, by its name in `planted.py`."""

    @property
    def settings(self) -> Settings:
        return Settings(data_dir=self.directory / "data", database_url=self.url)

    @property
    def environment(self) -> dict[str, str]:
        named = {"ARENA_DATA_DIR": str(self.directory / "data"), "ARENA_CONFIG_DIR": str(self.directory / "config")}
        url = {} if self.url is None else {"ARENA_DATABASE_URL": self.url}
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("ARENA_")}
        planted = {} if self.planted is None else {VARIABLE: self.planted}
        return {**inherited, **named, **url, **planted}

    @property
    def exists(self) -> bool:
        """Whether there is a database with anything in it."""
        return self.url is not None or (self.directory / "data" / "arena.db").exists()

    def open(self, *, create: bool = False) -> Database:
        return open_database(self.settings, create=create)

    def check(self) -> None:
        """What `arena db check` does; what it finds is a loss."""
        database = self.open()
        try:
            check(database, self.settings.images_dir)
        except StoreError as error:
            raise LostError(str(error)) from error
        finally:
            database.close()

    def copy(self, directory: Path) -> Place:
        """The same once more, under another path and, on PostgreSQL, another name."""
        shutil.copytree(self.directory, directory)
        if self.url is None:
            return replace(self, directory=directory)
        url = sa.make_url(self.url)
        name = f"arena_{secrets.token_hex(6)}"
        _admin(self.url, f"CREATE DATABASE {name} TEMPLATE {url.database}")
        return replace(self, directory=directory, url=url.set(database=name).render_as_string(hide_password=False))

    def drop(self) -> None:
        """Remove it."""
        shutil.rmtree(self.directory, ignore_errors=True)
        if self.url is not None:
            _admin(self.url, f"DROP DATABASE {sa.make_url(self.url).database} WITH (FORCE)")

    def wait_until_alone(self) -> None:
        """Until the server has noticed that the killed process has gone, and has rolled back what it was at."""
        if self.url is None:
            return
        name, until_s = sa.make_url(self.url).database, time.monotonic() + 30
        query = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}'"
        while _admin(self.url, query) and time.monotonic() < until_s:
            time.sleep(0.05)


def _admin(url: str, statement: str) -> int:
    """A statement outside any transaction, from the server's own database."""
    server = sa.make_url(url).set(drivername="postgresql+psycopg", database="postgres")
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        result = connection.execute(sa.text(statement))
        return int(result.scalar_one()) if result.returns_rows else 0
