"""A metric against votes: the summaries of known tables, and their intervals."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kendalltau

from arena.domain.score import Instrument
from arena.metrics.means import clustered_mean
from arena.metrics.preference import preference
from arena.reports.agreement import agreements, as_json


def test_the_summaries_of_a_small_table():
    verdicts = [1, 1, 1, -1, -1, 0, 1, 0]
    differences = [2, 1, -1, -3, -1, 1, 0, 0]
    found = preference(verdicts, differences, list("aabbccdd"))
    assert (found.votes, found.prompts, found.decided) == (8, 4, 5)
    assert found.agreement.value == 4 / 5
    assert found.gamma.value == 3 / 5
    assert found.tau_b.value == pytest.approx(3 / np.sqrt(6 * 6))
    assert found.agreement.low is None  # four prompts carry no interval


def test_tau_b_is_kendalls_over_votes_and_their_mirror_images():
    """A vote on (left, right) and its mirror image are the two pairs of signs that Kendall's tau-b is made of."""
    rng = np.random.default_rng(1)
    verdicts, differences = rng.integers(-1, 2, 40), rng.integers(-2, 3, 40)
    found = preference(verdicts.tolist(), differences.tolist(), ["p"] * 40)
    signs = np.sign(differences)
    expected = (verdicts * signs).sum() / np.sqrt((verdicts**2).sum() * (signs**2).sum())
    assert found.tau_b.value == pytest.approx(expected)
    whole = kendalltau([1, 2, 3, 4], [1, 3, 2, 4]).statistic
    pairs = [(i, j) for i in range(4) for j in range(i)]
    x, y = [1, 2, 3, 4], [1, 3, 2, 4]
    mine = preference(
        [int(np.sign(x[i] - x[j])) for i, j in pairs], [y[i] - y[j] for i, j in pairs], ["p"] * len(pairs)
    )
    assert mine.tau_b.value == pytest.approx(whole)


def test_intervals_are_those_of_prompts_and_not_of_votes():
    rng = np.random.default_rng(2)
    follows = np.repeat(rng.random(30) < 0.7, 20)  # all votes of a prompt say the same
    verdicts = np.where(follows, 1, -1).tolist()
    shared = preference(verdicts, [1.0] * 600, [str(i) for i in np.repeat(np.arange(30), 20)]).agreement
    apart = preference(verdicts, [1.0] * 600, [str(i) for i in range(600)]).agreement
    assert shared.value == apart.value
    assert shared.high - shared.low > 3 * (apart.high - apart.low)


def test_votes_that_all_went_one_way_prove_no_certainty():
    found = preference([1] * 12, [0.5] * 12, [str(i) for i in range(12)])
    assert [(f.value, f.low, f.high) for f in (found.agreement, found.gamma, found.tau_b)] == [(1.0, None, None)] * 3


def test_a_metric_that_never_differs_has_no_summary():
    found = preference([1, -1] * 10, [0.0] * 20, [str(i) for i in range(20)])
    assert (found.decided, found.agreement.value, found.tau_b.value) == (0, None, None)


def instrument(better):
    fields = {"metric": "m", "revision": 1, "title": "m", "unit": "1", "tool": "t", "negligible": None}
    return Instrument(better=better, **fields)


def test_categories_kinds_and_directions_are_kept_apart():
    rows = [(simulated, "t2i", c, f"{c}{i}", 1, n, 1.0, 0.0) for simulated in (True, False) for c in ("a", "b")
            for i in range(12) for n in (1, 2)]  # fmt: skip
    columns = ["simulated", "mode", "category", "prompt", "verdict", "instrument", "left", "right"]
    found = agreements(pd.DataFrame(rows, columns=columns), {1: instrument("higher"), 2: instrument("lower")})
    assert [(a.category, a.simulated, a.found.votes) for a in found[:6]].count(("all", False, 24)) >= 1
    values = {(a.instrument.better, a.category, a.simulated): a.found.agreement.value for a in found}
    assert values["higher", "all", False] == values["higher", "a", True] == 1
    assert values["lower", "b", False] == 0
    assert len(as_json(found)) == 12


def test_means_have_intervals_over_clusters():
    values, labels = [1.0, 1.0, 3.0, 3.0, 5.0, 5.0], ["a", "a", "b", "b", "c", "c"]
    found = clustered_mean(values, labels)
    assert found.value == 3
    assert found.high - 3 == pytest.approx(4.3026527 * 2 / np.sqrt(3))  # as for the three means 1, 3, 5
    assert clustered_mean(values[:2], labels[:2]).low is None
    assert clustered_mean([1.0] * 6, labels).low is None  # no spread is no certainty
    assert clustered_mean([], []).value is None
