"""A short soak over the real scheduler, and what its verdicts are worth; `make soak` is a whole day's."""

from datetime import timedelta

import numpy as np
import pytest

from tests.torture.day import SchedulersDay
from tests.torture.soak import ALLOWED, LEAK_BYTES, Scales
from tests.torture.trend import trend

WARM_UP = 2
A_DAY = 76
"""Runs after the warm-up."""


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_scheduled_runs_in_one_process_leave_nothing_open(tmp_path):
    scales = Scales(tmp_path / "data" / "arena.db")
    day = SchedulersDay(tmp_path, timedelta(hours=1, minutes=30), scales.weigh, past_trials=20)
    day.live()
    after = scales.samples[WARM_UP:]
    assert len(after) >= 4
    for name in ("open_files", "tasks", "children"):
        assert len({getattr(sample, name) for sample in after}) == 1, name
    assert day.fates["providers killed"] == day.fates["locked for a while"] == 1


def noisy_kb(grows_kb, seed):
    """Memory in use over a day's runs, as it wanders."""
    rng = np.random.default_rng(seed)
    return 50_000 + grows_kb * np.arange(A_DAY) + rng.normal(0, 400, A_DAY)


@pytest.mark.parametrize("seed", range(5))
def test_a_leak_of_50_kb_a_run_is_told_from_noise(seed):
    assert trend(noisy_kb(0, seed), ALLOWED["in_use_kb"]).flat
    assert not trend(noisy_kb(LEAK_BYTES / 1024, seed), ALLOWED["in_use_kb"]).flat


def test_one_file_a_run_is_a_leak_and_threads_that_come_and_go_are_not():
    assert not trend([20 + n for n in range(A_DAY)], ALLOWED["open_files"]).flat
    assert trend([19] * A_DAY, ALLOWED["open_files"]).flat
    assert trend(np.random.default_rng(1).integers(8, 13, A_DAY), ALLOWED["threads"]).flat


def test_what_cannot_be_told_is_not_flat():
    assert not trend(noisy_kb(0, 1)[:4], ALLOWED["in_use_kb"]).flat
