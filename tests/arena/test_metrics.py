import random

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, binomtest

from arena.metrics import figures
from arena.metrics.intervals import order_statistic_ranks, quantile, wilson
from arena.store.queries import OUTCOME_COLUMNS, typed


@pytest.mark.parametrize(("k", "n"), [(0, 10), (10, 10), (7, 9), (1, 300), (512, 1000)])
def test_wilson_agrees_with_scipy(k, n):
    ours, theirs = wilson(k, n), binomtest(k, n).proportion_ci(method="wilson")
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)
    assert ours.value == k / n


@pytest.mark.parametrize("n", [1, 2, 48, 153])
def test_a_rate_lies_within_its_interval_to_the_last_bit(n):
    for size in (None, 0.3 * n):
        none, some, every = (wilson(k, n, size) for k in (0, n // 2, n))
        assert none.low == 0.0
        assert every.high == 1.0
        assert some.low <= some.value <= some.high


def test_a_rate_of_nothing_is_unknown():
    assert wilson(0, 0).value is None


@pytest.mark.parametrize(("q", "smallest"), [(0.5, 6), (0.9, 29), (0.95, 59), (0.99, 299)])
def test_intervals_begin_where_a_distribution_free_one_exists(q, smallest):
    assert order_statistic_ranks(smallest - 1, q) is None
    assert order_statistic_ranks(smallest, q) is not None


@given(st.integers(6, 5000), st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_the_exact_coverage_is_at_least_95_percent(n, q):
    ranks = order_statistic_ranks(n, q)
    if ranks is not None:
        low, high = ranks
        assert 1 <= low < high <= n
        assert binom.cdf(high - 1, n, q) - binom.cdf(low - 1, n, q) >= 0.95 - 1e-12


@given(st.integers(300, 5000), st.sampled_from([0.5, 0.9, 0.95]))
def test_the_interval_is_not_wider_than_it_must_be(n, q):
    low, high = order_statistic_ranks(n, q)
    assert binom.cdf(high - 2, n, q) - binom.cdf(low, n, q) < 0.95


@given(st.lists(st.floats(0, 1e6), min_size=20, max_size=200), st.sampled_from([0.5, 0.9, 0.95]))
def test_a_quantile_lies_within_its_interval_and_ignores_order(values, q):
    figure = quantile(values, q)
    assert quantile(sorted(values, reverse=True), q) == figure
    if figure.low is not None:
        assert min(values) <= figure.low <= figure.high <= max(values)
        assert figure.low <= figure.value <= figure.high


def test_quantiles_are_withheld_below_the_n_that_carries_them():
    assert quantile([], 0.5).value is None
    assert quantile([1.0], 0.5).value == 1.0
    assert quantile([1.0] * 19, 0.95).value is None
    assert quantile([1.0] * 20, 0.95).value == 1.0
    assert quantile([1.0] * 58, 0.95).low is None
    assert quantile([1.0] * 59, 0.95).low == 1.0
    assert quantile([1.0] * 99, 0.99).value is None


def test_nominal_intervals_cover_a_skewed_law():
    rng, covered, runs = random.Random(5), 0, 400
    for _ in range(runs):
        figure = quantile([rng.lognormvariate(0, 0.6) for _ in range(80)], 0.5)
        covered += figure.low <= 1.0 <= figure.high
    assert covered / runs >= 0.93


def row(**values):
    blank = dict.fromkeys(OUTCOME_COLUMNS)
    defaults = {"phase": "measure", "simulated": False, "status": "succeeded", "image_count": 1, "endpoint": "a"}
    return {**blank, **defaults, "started_at": "2026-01-01T00:00:00+00:00", "ended_ms": 1000.0, **values}


def frame(*rows):
    return typed(pd.DataFrame(list(rows), dtype=object))


def test_success_counts_what_reached_the_provider():
    rows = frame(
        row(),
        row(),
        row(status="failed", failure_kind="provider_error", failure_blame="provider", image_count=0),
        row(status="failed", failure_kind="moderated_input", failure_blame="moderation", image_count=0),
        row(status="failed", failure_kind="auth", failure_blame="ours", image_count=0),
        row(status="unknown", image_count=0),
    )
    rate = figures.success_rate(rows)
    assert (rate.value, rate.n) == (2 / 3, 3)
    assert figures.attempts(rows).value == 6


def test_latency_is_of_successes_only():
    rows = frame(
        row(time_to_image_ms=100.0),
        row(time_to_image_ms=200.0),
        row(time_to_image_ms=300.0),
        row(status="failed", failure_kind="wrong_size", failure_blame="provider", time_to_image_ms=1.0),
    )
    assert figures.time_to_image_p50(rows).value == 200.0


def test_cost_counts_failures_that_were_charged_and_ignores_what_is_unknown():
    rows = frame(
        row(cost_usd=0.01),
        row(cost_usd=0.01),
        row(status="failed", failure_kind="wrong_size", failure_blame="provider", cost_usd=0.01),
        row(status="failed", failure_kind="network", failure_blame="provider", image_count=0),
    )
    assert figures.cost_per_image(rows).value == pytest.approx(0.015)
    assert figures.cost_per_thousand(rows).value == pytest.approx(15)
    assert figures.cost_per_image(frame(row())).value is None


def test_a_cost_that_only_some_successes_report_is_not_blown_up_by_failures():
    lost = {"status": "failed", "failure_kind": "wrong_size", "failure_blame": "provider", "cost_usd": 0.05}
    rows = frame(row(cost_usd=0.05), *[row()] * 9, *[row(**lost)] * 10)
    assert figures.cost_per_image(rows).value == pytest.approx(0.10)


def test_throughput_counts_the_time_in_which_a_request_was_open():
    at = "2026-01-{:02}T00:00:{:06.3f}+00:00".format
    overlapping = [row(started_at=at(1, i / 2)) for i in range(4)]  # 0 to 2.5 s
    next_day = [row(started_at=at(2, 0)), row(started_at=at(2, 0.1), ended_ms=100.0)]  # one second more
    assert figures.images_per_minute(frame(*overlapping, *next_day)).value == pytest.approx(6 / 3.5 * 60)


def test_under_a_timed_load_waiting_for_a_slot_shows_in_the_time_from_due():
    rows = frame(*[row(time_to_image_ms=500.0, lateness_ms=1500.0)] * 20)
    assert figures.time_to_image_p95(rows).value == 500.0
    assert figures.time_from_due_p95(rows).value == 2000.0
    assert figures.time_from_due_p95(frame(*[row(time_to_image_ms=500.0)] * 20)).value is None


def test_an_endpoint_without_a_success_has_no_latency_and_no_cost():
    rows = frame(row(status="failed", failure_kind="network", failure_blame="provider", image_count=0))
    computed = {metric.name: metric.compute(rows).value for metric in figures.METRICS}
    assert computed["success_rate"] == 0
    assert {computed[m] for m in computed if m.endswith(("_ms", "_usd"))} == {None}


def test_p90_and_p99_are_withheld_like_every_quantile():
    def p99(n):
        return figures.time_to_image_p99(frame(*[row(time_to_image_ms=float(i)) for i in range(n)]))

    assert p99(99).value is None
    assert p99(298).value is not None
    assert p99(298).low is None
    assert p99(299).high == 298.0
    p90 = figures.time_to_image_p90(frame(*[row(time_to_image_ms=float(i)) for i in range(29)]))
    assert (p90.n, p90.high) == (29, 28.0)


def test_trials_of_one_prompt_that_agree_count_as_one():
    alike = [row(time_to_image_ms=1000.0 * p + r, prompt_id=f"p{p}") for p in range(20) for r in range(10)]
    apart = [row(time_to_image_ms=1000.0 * p + r, prompt_id=f"p{p}/{r}") for p in range(20) for r in range(10)]
    clustered, plain = (figures.time_to_image_p50(frame(*rows)) for rows in (alike, apart))
    assert clustered.value == plain.value
    assert clustered.low < plain.low < plain.high < clustered.high


def test_a_success_rate_that_some_prompts_decide_is_less_sure():
    lost = {"status": "failed", "failure_kind": "wrong_size", "failure_blame": "provider"}
    by_prompt = [row(prompt_id=f"p{p}", **(lost if p < 2 else {})) for p in range(20) for _ in range(10)]
    scattered = [row(prompt_id=f"p{p}", **(lost if r == 0 else {})) for p in range(20) for r in range(10)]
    clustered, plain = figures.success_rate(frame(*by_prompt)), figures.success_rate(frame(*scattered))
    assert clustered.value == plain.value == 0.9
    assert (plain.low, plain.high) == (wilson(180, 200).low, wilson(180, 200).high)
    assert clustered.high - clustered.low > 2 * (plain.high - plain.low)


def test_of_a_single_prompt_and_of_prompts_that_are_not_known_the_plain_interval_is_told():
    for prompt in ("only", None):
        rows = frame(*[row(time_to_image_ms=float(i), prompt_id=prompt) for i in range(60)])
        assert figures.time_to_image_p50(rows) == quantile([float(i) for i in range(60)], 0.5)


@given(st.lists(st.tuples(st.floats(1, 1e6), st.integers(0, 9)), min_size=20, max_size=200))
def test_sharing_prompts_never_narrows_an_interval(pairs):
    values, prompts = [v for v, _ in pairs], [p for _, p in pairs]
    clustered, plain = quantile(values, 0.5, prompts), quantile(values, 0.5)
    assert clustered.value == plain.value
    if clustered.low is not None:
        assert clustered.low <= plain.low
        assert clustered.high >= plain.high
