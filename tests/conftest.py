"""Shared fixtures: every test has its own data directory, and no test sees the developer's keys or settings."""

import os

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from arena.settings import Settings
from arena.store.engine import open_database

# The same examples every time, and no failure because a shared machine is slow.
hypothesis_settings.register_profile(
    "arena", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.load_profile("arena")


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch, tmp_path):
    for name in list(os.environ):
        if name.startswith("ARENA_") or name.endswith("_API_KEY"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("ARENA_DATA_DIR", str(tmp_path / "data"))


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
