"""Shared fixtures: every test has its own data directory, and no test sees the developer's keys or settings."""

import os
import sys

# Two tests run at a time, and what they start inherits this: threads of torch that wait for a processor spin.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from arena.settings import Settings
from arena.store import migrate
from arena.store.engine import open_database
from tests import migrated
from tests.postgres import postgres_server

# The same examples every time, and no failure because a shared machine is slow.
hypothesis_settings.register_profile(
    "arena", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.load_profile("arena")


NEED_MUCH = {"arena", "browser", "open_page", "postgres_url"}
"""Fixtures that start the command, a browser, the app or a database server."""
_MAIN = sys.modules["__main__"]
POSTGRES_URL = os.environ.get("ARENA_TEST_POSTGRES_URL")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """What needs much is slow, without anybody having to say so at every test."""
    for item in items:
        params = getattr(item, "callspec", None)
        if NEED_MUCH & {*item.fixturenames} or (params is not None and "postgresql" in params.params.values()):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch, tmp_path):
    for name in list(os.environ):
        if name.startswith("ARENA_") or name.endswith("_API_KEY"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("ARENA_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    # Streamlit's AppTest leaves its page behind as the main module, which every process that is started then imports.
    sys.modules["__main__"] = _MAIN


@pytest.fixture(autouse=True)
def _copied_databases(monkeypatch):
    """Migrating takes longer than most tests; tests of migrations have a fixture of this name that leaves them be."""
    monkeypatch.setattr(migrate, "upgrade", migrated.upgrade)


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture
def settings(tmp_path):
    return Settings(data_dir=tmp_path / "data")


@pytest.fixture
def database(settings):
    opened = open_database(settings, create=True)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def postgres_url():
    """A PostgreSQL server: the one that ARENA_TEST_POSTGRES_URL names, or one from a wheel."""
    if POSTGRES_URL:
        yield POSTGRES_URL
        return
    with postgres_server() as url:
        yield url
