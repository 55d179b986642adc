"""Stopping at a stated width: the guarantee over all looks, and what a rule says on the way."""

import numpy as np
import pytest

from arena.metrics.intervals import order_statistic_ranks
from arena.metrics.sequential import FIRST_LOOK, Precision, look_confidence, looks, together


def test_looks_begin_late_grow_apart_and_end_with_everything():
    assert looks(1000)[0] == FIRST_LOOK
    assert looks(1000)[-1] == 1000
    assert looks(FIRST_LOOK) == (FIRST_LOOK,)
    assert looks(FIRST_LOOK - 1) == ()
    assert list(looks(1000)) == sorted(set(looks(1000)))


@pytest.mark.parametrize("q", [0.5, 0.9, 0.95, 0.99])
@pytest.mark.parametrize("most", [30, 100, 1000, 5000])
def test_the_intervals_of_all_looks_hold_together_with_95_percent(q, most):
    at = looks(most)
    assert together(q, at, look_confidence(q, at)) >= 0.95


def test_the_chance_that_all_looks_hold_is_that_of_a_simulated_walk():
    at, q, confidence = looks(300), 0.5, 0.97
    below = np.cumsum(np.random.default_rng(8).random((20_000, 300)) < q, axis=1)
    held = np.ones(len(below), dtype=bool)
    for n in at:
        low, high = order_statistic_ranks(n, q, confidence)
        held &= (below[:, n - 1] >= low) & (below[:, n - 1] < high)
    assert together(q, at, confidence) == pytest.approx(held.mean(), abs=0.005)


def test_a_plain_interval_at_each_look_would_not_hold():
    assert together(0.5, looks(2000), 0.95) < 0.83


def test_it_is_reached_at_a_look_and_stays_so():
    rule = Precision(0.5, relative_width=0.2, most=500)
    rng = np.random.default_rng(2)
    for i, value in enumerate(1000 + 100 * rng.standard_normal(29)):
        rule.add(value, i)
    assert not rule.reached
    assert rule.relative_width is None
    rule.add(1000.0, 29)
    assert rule.reached
    found = rule.figure
    assert rule.relative_width == (found.high - found.low) / found.value <= 0.2
    for i in range(100):
        rule.add(9000.0, 30 + i)
    assert rule.figure == found


def test_values_that_are_spread_widely_go_on_to_the_end():
    rule = Precision(0.5, relative_width=0.05, most=100)
    for i in range(100):
        rule.add(float(1 + i), i)
    assert not rule.reached
    assert rule.figure.n == 100
    assert rule.relative_width > 0.05


def test_prompts_that_repeat_keep_it_going():
    rng = np.random.default_rng(3)
    slow = rng.normal(0, 100, 20)
    by_prompt, apart = (Precision(0.5, 0.01, 200) for _ in range(2))
    for i in range(200):
        value = 1000 + slow[i % 20] + rng.normal(0, 100)
        by_prompt.add(value, i % 20)
        apart.add(value, i)
    assert by_prompt.relative_width > 1.5 * apart.relative_width
