"""The exact interval of the first call's extra time."""

import random

import pytest

from arena.metrics.shift import first_call_shift


def test_a_clear_cold_start_is_bounded_by_the_extreme_differences():
    shift = first_call_shift([(1100, [100, 110, 90, 100]), (1300, [100, 100, 100, 100]), (900, [80, 100, 120, 100])])
    assert (shift.value, shift.n) == (1000, 3)
    assert (shift.low, shift.high) == (780, 1200)


@pytest.mark.parametrize("blocks", [[(900, [100] * 4)], [(900, [100] * 4), (900, [100] * 4)], [(900, [100] * 38)]])
def test_too_few_pauses_give_no_interval(blocks):
    shift = first_call_shift(blocks)
    assert shift.value == 800
    assert shift.low is None
    assert shift.high is None


def test_one_pause_is_enough_with_many_following_calls_and_none_is_nothing():
    shift = first_call_shift([(900, [100] * 39)])
    assert (shift.low, shift.high) == (800, 800)
    assert first_call_shift([]).n == 0
    assert first_call_shift([(900, [])]).value is None


def test_the_interval_covers_the_true_shift_as_often_as_it_says():
    rng = random.Random(1)
    covered = 0
    for _ in range(2000):
        blocks = [(rng.lognormvariate(5, 0.4) + 70, [rng.lognormvariate(5, 0.4) for _ in range(4)]) for _ in range(4)]
        shift = first_call_shift(blocks)
        covered += shift.low <= 70 <= shift.high
    assert covered / 2000 >= 0.945
