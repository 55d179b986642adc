"""Differences with intervals: against published examples, against what must hold, and in words."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena.errors import ConfigError
from arena.metrics.base import Figure
from arena.metrics.differences import (
    Charges,
    cost_difference,
    further_trials,
    quantile_difference,
    rate_difference,
    square_and_add,
)
from arena.reports.compare import as_json_document, compare
from arena.store.queries import OUTCOME_COLUMNS, typed


def bits(yes, n):
    return [True] * yes + [False] * (n - yes)


@pytest.mark.parametrize(
    ("a", "b", "low", "high"),
    [((56, 70), (48, 80), 0.0524, 0.3339), ((9, 10), (3, 10), 0.1705, 0.8090), ((10, 10), (0, 10), 0.6075, 1.0)],
)
def test_unpaired_rates_agree_with_newcombes_table(a, b, low, high):
    """Newcombe 1998, Stat. Med. 17:873-890, table II, method 10."""
    found = rate_difference(bits(*a), bits(*b), paired=False)
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)


def test_paired_rates_agree_with_newcombes_table():
    """Newcombe 1998, Stat. Med. 17:2635-2650, table II, method 10: 36, 12, 2 and 0 of 50 pairs."""
    pairs = [(True, True)] * 36 + [(True, False)] * 12 + [(False, True)] * 2
    a, b = (list(side) for side in zip(*pairs, strict=True))
    found = rate_difference(a, b, paired=True)
    assert (found.value, found.low, found.high) == pytest.approx((0.2, 0.0569, 0.3404), abs=5e-5)


@given(
    st.lists(st.tuples(st.floats(1, 1e5), st.floats(1, 1e5), st.integers(0, 5)), min_size=6, max_size=80),
    st.booleans(),
)
def test_a_difference_turned_round_is_the_same_difference(cells, paired):
    a, b, prompts = (list(column) for column in zip(*cells, strict=True))
    one = quantile_difference(a, b, 0.5, prompts, prompts, paired=paired)
    other = quantile_difference(b, a, 0.5, prompts, prompts, paired=paired)
    assert one.value == pytest.approx(-other.value)
    assert (one.low is None) == (other.low is None)
    if one.low is not None:
        assert one.low <= one.value <= one.high
        assert (one.low, one.high) == pytest.approx((-other.high, -other.low), abs=1e-6)


def test_what_prompts_do_to_both_sides_leaves_a_paired_difference_alone():
    rng = np.random.default_rng(4)
    prompts = np.repeat(np.arange(20), 10)
    slow = rng.normal(0, 500, 20)[prompts]
    a, b = (2000 + slow + rng.normal(0, 20, 200) for _ in range(2))
    paired = quantile_difference(a, b + 100, 0.5, prompts, prompts, paired=True)
    unpaired = quantile_difference(a, b + 100, 0.5, prompts, prompts, paired=False)
    assert paired.value == unpaired.value
    assert paired.high - paired.low < (unpaired.high - unpaired.low) / 2


def test_a_difference_is_withheld_where_an_interval_of_a_side_is():
    few, many = [float(i) for i in range(58)], [float(i) for i in range(200)]
    assert quantile_difference(few, many, 0.95, paired=False).low is None
    assert quantile_difference(few[:19], many, 0.95, paired=False).value is None
    assert quantile_difference([*few, 58.0], many, 0.95, paired=False).low is not None
    assert square_and_add(Figure(None, 0), Figure(1.0, 5, 0.5, 2.0)).value is None


def test_costs_that_do_not_vary_differ_exactly():
    one, two = (Charges(np.full(30, price), np.ones(30)) for price in (0.01, 0.025))
    found = cost_difference(one, two, None, None, paired=True)
    assert (found.value, found.low, found.high) == pytest.approx((-0.015,) * 3)


def test_further_trials_follow_from_the_observed_spread():
    found = Figure(-4.0, 100, -44.0, 36.0)
    half, z, power = 40.0, 1.959964, 0.841621
    assert further_trials(found, 20.0) == pytest.approx(100 * (half / 20 * (z + power) / z) ** 2 - 100, abs=1)
    assert further_trials(found, 1000.0) == 0
    assert further_trials(Figure(1.0, 5), 20.0) is None


# -- sides -------------------------------------------------------------------------------------------------------------


def row(endpoint, prompt, repetition=0, **values):
    blank = dict.fromkeys(OUTCOME_COLUMNS)
    defaults = {
        "run_id": "r", "endpoint": endpoint, "prompt_id": prompt, "prompt_sha256": "h", "repetition": repetition,
        "phase": "measure", "simulated": False, "status": "succeeded", "mode": "t2i", "image_count": 1,
        "requested_width_px": 64, "requested_height_px": 64, "time_to_image_ms": 1000.0, "cost_usd": 0.01,
    }  # fmt: skip
    return {**blank, **defaults, **values}


def frame(rows):
    return typed(pd.DataFrame(list(rows), dtype=object))


def side(endpoint, shift=0.0, n=40, seed=1, **values):
    rng = np.random.default_rng(seed)
    times = 1000 + rng.normal(0, 30, n) + shift
    return [row(endpoint, f"p{i // 2}", i % 2, **{"time_to_image_ms": float(t), **values}) for i, t in enumerate(times)]


def verdict(found, metric="time_to_image_p50_ms"):
    return next(c for c in found.contrasts if c.metric == metric)


FAILED = {"status": "failed", "failure_kind": "network", "failure_blame": "provider", "time_to_image_ms": None,
          "image_count": 0, "cost_usd": None}  # fmt: skip


def test_the_faster_side_is_named_with_the_interval_of_the_difference():
    found = compare(frame(side("a/x")), frame(side("b/y", shift=120, seed=2)))
    said = verdict(found)
    assert found.paired
    assert found.cells == (40, 40)
    assert said.difference.low < -120 < said.difference.high < 0
    assert said.verdict.startswith("a/x is faster by 1")
    assert said.verdict.endswith("]")


def test_what_cannot_be_told_apart_says_how_many_more_trials_would():
    found = compare(frame(side("a/x")), frame(side("b/y", shift=4, seed=2)), worth=0.005)
    said = verdict(found)
    assert said.verdict.startswith("cannot be told apart: ")
    assert "more trials of each would tell a difference of 5" in said.verdict
    assert said.further_trials > 0
    assert "needed, 40 are there" in verdict(found, "time_to_image_p95_ms").verdict


def test_a_difference_too_small_to_matter_is_the_same():
    found = compare(frame(side("a/x")), frame(side("b/y", seed=2)), worth=0.2)
    assert verdict(found).verdict.startswith("the same within ")
    assert verdict(found, "cost_per_image_usd").verdict == "the same on both sides"


def test_latencies_are_of_pairs_that_succeeded_on_both_sides_and_the_others_are_counted():
    a, b = side("a/x"), side("b/y", seed=2)
    a[0] |= FAILED
    a[1] |= FAILED
    b[1] |= FAILED
    b[2] |= {**FAILED, "failure_kind": "moderated_input", "failure_blame": "moderation"}
    found = compare(frame(a), frame(b))
    assert (found.failed_a_only, found.failed_b_only, found.failed_both, found.uncounted) == (1, 0, 1, 1)
    assert verdict(found).difference.n == 37
    assert verdict(found, "success_rate").difference.n == 39
    assert verdict(found, "success_rate").a == pytest.approx(37 / 39)


def test_without_a_common_prompt_nothing_is_paired_and_that_is_said():
    other = [{**r, "prompt_id": f"q{r['prompt_id']}"} for r in side("b/y", shift=500, seed=2)]
    found = compare(frame(side("a/x")), frame(other))
    assert not found.paired
    assert any("nothing is paired" in note for note in found.notes)
    assert "a/x is faster" in verdict(found).verdict


def test_attempts_without_a_counterpart_are_left_out_and_named():
    found = compare(frame(side("a/x")), frame(side("b/y", n=30, seed=2)))
    assert found.cells == (30, 30)
    assert "10 of 40 attempts at a/x have no counterpart and are left out" in found.notes


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"simulated": True}, "is simulated and the other is not"),
        ({"mode": "edit"}, "compare endpoints in one mode"),
        ({"requested_width_px": 128}, "was asked for at 64x64 and at 128x64"),
        ({"phase": "warmup"}, "no measured attempt"),
        ({"endpoint": "a/x"}, "on both sides"),
    ],
)
def test_what_would_mean_nothing_is_refused_in_one_sentence(changes, words):
    with pytest.raises(ConfigError, match=words):
        compare(frame(side("a/x")), frame([{**r, **changes} for r in side("b/y")]))


def test_a_cost_that_is_not_known_everywhere_is_not_compared():
    a = side("a/x")
    a[3]["cost_usd"] = None
    found = verdict(compare(frame(a), frame(side("b/y"))), "cost_per_image_usd")
    assert found.verdict == "cannot be compared: not every image's cost is known"
    document = as_json_document([compare(frame(a), frame(side("b/y")))])
    assert document["comparisons"][0]["contrasts"][3]["difference"] is None


def test_where_no_image_came_no_cost_is_said_to_be_unknown():
    none = [{**r, "status": "failed", "failure_blame": "provider", "time_to_image_ms": None} for r in side("b/y")]
    found = verdict(compare(frame(side("a/x")), frame(none)), "cost_per_image_usd")
    assert found.verdict == "cannot be compared: no image came on one side"
