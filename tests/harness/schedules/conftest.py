from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from arena.settings import Settings
from arena.store import runs
from arena.store.engine import open_database
from tests.harness.schedules.world import OWNER
from tests.torture.place import quickest_directory


@pytest.fixture
def machines(monkeypatch):
    """Each task is a process of its own, on a machine of its own."""
    monkeypatch.setattr(runs, "new_owner", OWNER.get)


@pytest.fixture
def quick_settings():
    """Where three months fit into a minute: in memory. What a power cut leaves is shown elsewhere."""
    with TemporaryDirectory(prefix="arena-schedules-", dir=quickest_directory()) as directory:
        yield Settings(data_dir=Path(directory))


@pytest.fixture
def quick_database(quick_settings):
    opened = open_database(quick_settings, create=True)
    yield opened
    opened.close()
