"""The queue of simulated workers, and cold starts."""

import pytest

from harness.sim.habits import Backlog, ColdStart


def test_workers_serve_in_order_and_the_others_wait():
    backlog = Backlog(workers=2)
    assert [backlog.wait_s(0.0, 10.0) for _ in range(5)] == [0, 0, 10, 10, 20]
    assert backlog.wait_s(25.0, 1.0) == 0  # one of them is free from 20 on
    assert backlog.wait_s(25.0, 1.0) == 1


def test_without_workers_nobody_waits():
    backlog = Backlog()
    assert [backlog.wait_s(0.0, 10.0) for _ in range(5)] == [0] * 5


def test_the_queue_is_that_of_pollaczek_and_khinchine():
    """The mean wait of M/D/1 is ρ·s / 2(1 − ρ)."""
    import random

    rng, backlog, now_s, waits = random.Random(4), Backlog(workers=1), 0.0, []
    for _ in range(200_000):
        now_s += rng.expovariate(0.7)
        waits.append(backlog.wait_s(now_s, 1.0))
    assert sum(waits) / len(waits) == pytest.approx(0.7 / (2 * 0.3), rel=0.03)


def test_the_first_call_and_those_after_a_pause_wait_for_loading():
    backlog = Backlog(cold_start=ColdStart(after_s=60, ms=5000))
    assert backlog.wait_s(0.0, 1.0) == 5
    assert backlog.wait_s(2.0, 1.0) == 3  # it is still being loaded
    assert backlog.wait_s(10.0, 1.0) == 0
    assert backlog.wait_s(70.9, 1.0) == 0  # 59.9 s after the last work
    assert backlog.wait_s(132.0, 1.0) == 5
