"""Three kills of everything that can be killed, and bugs that they must find; `make torture` makes 300."""

from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.torture.kinds import KINDS, Torture, found
from tests.torture.place import quickest_directory

SEEDS = (1, 2, 3)


@pytest.fixture
def directory():
    with TemporaryDirectory(prefix="arena-torture-", dir=quickest_directory()) as name:
        yield Path(name)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_kill_loses_nothing(kind, directory, capsys):
    with ExitStack() as stack:
        torture = Torture(kind, directory, None, stack)
        for seed in SEEDS:
            told = torture.kill(seed)
            with capsys.disabled():
                print(f"\n{kind} seed {seed}: {told}", end="")


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", ["migration", "run", "vote"])
def test_a_kill_loses_nothing_on_postgresql(kind, tmp_path, postgres_url):
    with ExitStack() as stack:
        torture = Torture(kind, tmp_path, postgres_url, stack)
        assert torture.kill(1)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("planted", ["export", "import", "run, fired again", "vote"])
def test_a_bug_that_is_planted_is_found(planted, directory):
    """Kills that find nothing say something only if they find what is there; `make torture` plants the others, too."""
    with ExitStack() as stack:
        assert found(planted, directory, None, stack) is not None
