"""Three kills of everything that can be killed; `make torture` makes 300."""

from contextlib import ExitStack

import pytest

from tests.torture.kinds import KINDS, Torture

SEEDS = (1, 2, 3)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_kill_loses_nothing(kind, tmp_path, capsys):
    with ExitStack() as stack:
        torture = Torture(kind, tmp_path, None, stack)
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
