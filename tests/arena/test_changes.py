"""The statistical core of the watch over made-up histories with known truths; `make bench-watch` does it many times."""

import math

import numpy as np
import pytest

from arena.metrics.changes import State, threshold, watch
from arena.metrics.levels import Levels
from arena.metrics.price_steps import Charges, price_steps
from tests.benchmarks.watch.histories import World, delay, false_alarms, watched

STEADY = World(day_sd=0.02)
"""Four runs of 25 a day; prompts differ by 30 %, trials by 20 %, runs by 2 %, days by 2 %."""


@pytest.mark.slow
def test_ninety_quiet_days_of_twenty_endpoints_give_at_most_one_false_alarm():
    rng = np.random.default_rng(1)
    found = [sum(false_alarms(STEADY, rng).values()) for _ in range(3)]
    assert max(found) <= 1


@pytest.mark.slow
def test_a_provider_that_gets_15_percent_slower_on_day_40_is_reported_within_3_days():
    days = [delay(STEADY, np.random.default_rng(seed), "p50", 0.15) for seed in range(40)]
    noticed = np.array([math.inf if d is None else d for d in days])
    assert np.median(noticed) <= 3
    assert (noticed <= 3).mean() >= 0.85
    assert noticed.max() <= 10


def test_failures_that_go_from_1_to_15_percent_are_noticed_within_3_days():
    assert all(delay(World(), np.random.default_rng(seed), "success", 0.15) <= 3 for seed in range(10))


def test_days_that_resemble_their_neighbours_do_not_cry_wolf():
    rng = np.random.default_rng(2)
    wandering = World(autocorrelation=0.4, day_sd=0.04)
    assert sum(false_alarms(wandering, rng, figures=("p50",)).values()) <= 1


def test_a_history_that_goes_on_leaves_what_was_found_in_it_as_it_was():
    day, prompt, value = history(slower_from=45, days=70)
    at = threshold(60, 1.0)
    whole = watch(levels(day, prompt, value), at, 69)
    (change,) = whole.changes
    for until in range(change.noticed, 60):
        here = day <= until
        (early,) = watch(levels(day[here], prompt[here], value[here]), at, until).changes
        assert (early.noticed, early.since) == (change.noticed, change.since)
    before = day < change.noticed
    assert not watch(levels(day[before], prompt[before], value[before]), at, change.noticed - 1).changes


def test_another_mix_of_prompts_is_no_change():
    """From day 40 on only the slow half of the prompts is asked."""
    day, prompt, value = history(days=60)
    value = value + 0.5 * (prompt >= 13)
    kept = (day < 40) | (prompt >= 13)
    assert not watch(levels(day[kept], prompt[kept], value[kept]), threshold(60, 1.0), 59).changes


def test_the_size_of_a_change_lies_in_its_interval():
    rng, inside = np.random.default_rng(3), []
    for _ in range(40):
        told = watched(STEADY, "p50", 52, threshold(60, 1.0), rng, 40, 0.3)
        inside += [c.size.low <= math.log1p(0.3) <= c.size.high for c in told.changes if c.noticed >= 40]
    assert len(inside) >= 38
    assert np.mean(inside) >= 0.9


def test_more_series_and_fewer_allowed_alarms_need_more_evidence():
    assert threshold(60, 1) == pytest.approx(math.log(64 * 365.25))
    assert threshold(61, 1) == threshold(60, 1)
    assert threshold(65, 1) > threshold(60, 1) > threshold(60, 12)


def test_a_price_by_the_second_is_not_taken_for_a_changed_one():
    rng = np.random.default_rng(4)
    day = np.repeat(np.arange(30), 20)
    varying = Charges(day, np.tile(np.arange(20), 30), np.zeros_like(day), rng.integers(900, 1100, day.size))
    assert not varying.exact()


def test_a_price_goes_up_and_comes_back():
    day = np.repeat(np.arange(12), 5)
    price = np.where((day >= 6) & (day < 9), 15_000_000, 10_000_000)
    charges = Charges(day, np.tile(np.arange(5), 12), np.zeros_like(day), price)
    assert charges.exact()
    told = price_steps(charges, 11)
    (change,) = told.changes
    assert (change.since, change.until, change.ending) == (6, 9, "recovered")
    assert math.exp(change.size.value) == pytest.approx(1.5)
    assert told.state is State.QUIET


def history(days, slower_from=None):
    rng = np.random.default_rng(7)
    day = np.repeat(np.arange(days), 100)
    prompt = np.tile(np.arange(100) % 25, days)
    level = rng.normal(0, 0.02, days)[day] + rng.normal(0, 0.3, 25)[prompt] + rng.normal(0, 0.2, day.size)
    return day, prompt, level + (0 if slower_from is None else 0.2 * (day >= slower_from))


def levels(day, prompt, value):
    return Levels(day, prompt, value, q=0.5, least=8, worth=math.log(1.1), floor=0.015)
