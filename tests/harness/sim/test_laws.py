"""Latency laws: a sample has the median and the shape that the law states."""

from __future__ import annotations

import random
import statistics

import pytest
from pydantic import TypeAdapter

from harness.sim.laws import LONGEST_MS, LatencyLaw

LAWS = TypeAdapter(LatencyLaw)


def samples(law, number=4000, seed=3):
    parsed, rng = LAWS.validate_python(law), random.Random(seed)
    return [parsed.sample_s(rng) for _ in range(number)]


def test_fixed_is_always_the_same():
    assert set(samples({"kind": "fixed", "ms": 250}, 10)) == {0.25}


@pytest.mark.parametrize("sigma", [0.1, 0.5])
def test_lognormal_has_its_median(sigma):
    drawn = samples({"kind": "lognormal", "median_ms": 400, "sigma": sigma})
    # the standard error of a median of N is about 1.25 sigma / sqrt(N): five of them
    assert statistics.median(drawn) == pytest.approx(0.4, rel=5 * 1.25 * sigma / 4000**0.5)


def test_bimodal_has_its_share_of_slow_replies():
    drawn = samples({"kind": "bimodal", "fast_ms": 100, "slow_ms": 2000, "slow_share": 0.2})
    assert sum(value > 0.5 for value in drawn) / len(drawn) == pytest.approx(0.2, abs=5 * 0.4 / 4000**0.5)


def test_no_sample_is_endless():
    assert max(samples({"kind": "lognormal", "median_ms": 50_000, "sigma": 3})) <= LONGEST_MS / 1000


def test_a_seed_repeats_its_samples():
    law = {"kind": "lognormal", "median_ms": 400, "sigma": 0.3}
    assert samples(law, 20, seed=1) == samples(law, 20, seed=1)
    assert samples(law, 20, seed=1) != samples(law, 20, seed=2)
