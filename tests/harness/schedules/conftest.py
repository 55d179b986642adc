from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from arena.settings import Settings
from arena.store import owners
from tests.harness.schedules.world import OWNER
from tests.torture.place import quickest_directory


@pytest.fixture
def machines(monkeypatch):
    """Each task is a process of its own, on a machine of its own."""
    monkeypatch.setattr(owners, "new_owner", OWNER.get)


@pytest.fixture
def settings():
    """In memory, so that months pass in a minute; what a power cut leaves is not shown here."""
    with TemporaryDirectory(prefix="arena-schedules-", dir=quickest_directory()) as directory:
        yield Settings(data_dir=Path(directory))
