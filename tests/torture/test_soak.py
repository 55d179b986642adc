"""A short soak; `python -m tests.torture.soak` is a whole day's."""

from pathlib import Path

import pytest

from tests.torture.soak import Sample, firing, growths, soak


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_runs_in_one_process_leave_nothing_behind(tmp_path):
    with firing(Path(tmp_path)) as fired:
        samples = soak(fired, rounds=9, warmup=3)
    assert fired.succeeded > 0
    assert fired.failed > 0
    for name, (_first, last, allowed) in growths(samples).items():
        assert last <= allowed, name


def test_growth_is_noticed():
    leaking = [Sample(100_000_000 + 10_000_000 * n, 10 + n, 4, 0) for n in range(9)]
    beyond = {name for name, (_, last, allowed) in growths(leaking).items() if last > allowed}
    assert beyond == {"memory_bytes", "open_files"}
