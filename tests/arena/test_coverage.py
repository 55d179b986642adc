"""A short, seeded version of `make bench-coverage`: intervals cover the truth about as often as they say."""

import pytest

from tests.benchmarks.coverage import pairs, single, stops
from tests.benchmarks.coverage.laws import LAWS, Design

pytestmark = pytest.mark.slow
RUNS = 400
FEWEST = 0.92
"""95 % of 400 runs within three standard errors."""


@pytest.mark.parametrize("law", LAWS)
def test_quantiles_cover_whatever_the_law(law):
    assert single.quantiles(law, 0.5, Design(100), RUNS).rate >= FEWEST
    assert single.quantiles(law, 0.95, Design(100), RUNS).rate >= FEWEST
    assert single.quantiles(law, 0.99, Design(300), RUNS).rate >= FEWEST


@pytest.mark.parametrize("law", LAWS)
def test_prompts_that_repeat_need_clustered_intervals(law):
    design = Design(20, 10, 0.3)
    assert single.quantiles(law, 0.5, design, RUNS).rate >= FEWEST
    assert single.quantiles(law, 0.5, design, RUNS, plain=True).rate < 0.9


def test_success_rates_cover():
    assert single.rates(Design(100), RUNS).rate >= FEWEST
    assert single.rates(Design(20, 10, 0.3), RUNS).rate >= FEWEST


@pytest.mark.parametrize("law", LAWS)
def test_differences_cover_and_pairing_narrows_them(law):
    design = Design(20, 10, 0.3, 0.1)
    paired, apart = (pairs.quantiles(law, 0.5, design, RUNS, paired=p) for p in (True, False))
    assert min(paired.rate, apart.rate) >= FEWEST
    assert paired.width < 0.9 * apart.width
    assert pairs.quantiles(law, 0.95, Design(300), RUNS).rate >= FEWEST
    assert pairs.rates(design, RUNS).rate >= FEWEST


@pytest.mark.parametrize("law", [*LAWS, "even"])
def test_stopping_when_the_interval_is_narrow_leaves_it_true(law):
    found = stops.stop(law, 0.5, 0.3, 0.0, 100, most=500)
    assert found.covered >= FEWEST
    assert found.plain >= 0.88
