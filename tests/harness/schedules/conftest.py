import pytest

from arena.store import runs
from tests.harness.schedules.world import OWNER


@pytest.fixture
def machines(monkeypatch):
    """Each task is a process of its own, on a machine of its own."""
    monkeypatch.setattr(runs, "new_owner", OWNER.get)
