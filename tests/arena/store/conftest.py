"""The same tests over SQLite and a real PostgreSQL server."""

import pytest

from arena.settings import Settings
from arena.store.engine import open_database
from tests.postgres import new_postgres_database

BOTH = ["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)]


def settings_for(kind, request, directory):
    url = None
    if kind == "postgresql":
        empty = "any_database" not in request.fixturenames
        url = new_postgres_database(request.getfixturevalue("postgres_url"), empty=empty)
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
