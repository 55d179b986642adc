"""Databases of their own on a real PostgreSQL server."""

import secrets
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import sqlalchemy as sa

from arena.settings import Settings
from arena.store.engine import open_database


def new_postgres_database(url, *, empty=False):
    """The URL of a database with Arena's tables and nothing in them, or of an `empty` one."""
    return _created(url, "" if empty else f" TEMPLATE {_with_tables(url)}")


@cache
def _with_tables(url):
    """The name of a database that was upgraded from nothing, once for each server."""
    made = _created(url)
    with TemporaryDirectory() as directory:
        open_database(Settings(data_dir=Path(directory), database_url=made), create=True).close()
    return sa.make_url(made).database


def _created(url, of=""):
    name = f"arena_{secrets.token_hex(6)}"
    admin = sa.create_engine(sa.make_url(url).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    try:
        with admin.connect() as connection:
            connection.execute(sa.text(f"CREATE DATABASE {name}{of}"))
    except sa.exc.OperationalError as error:
        error.add_note(_last_words(url))
        raise
    admin.dispose()
    return sa.make_url(url).set(database=name).render_as_string(hide_password=False)


def _last_words(url):
    """The end of the log of a server from a wheel, whose socket lies beside it."""
    log = Path(str(sa.make_url(url).query.get("host", ""))) / "log"
    return log.read_text(errors="replace")[-3000:] if log.is_file() else f"no log at {log}"
