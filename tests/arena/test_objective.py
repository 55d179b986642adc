"""Objectives: how they are written, and when a sample can tell."""

import pandas as pd
import pytest

from arena.errors import ConfigError
from arena.metrics.objective import NEVER_MS, Sample, Verdict, parse_objective, sample_of


def sample(*latencies_ms, lost=0):
    return Sample((*map(float, latencies_ms), *([NEVER_MS] * lost)), len(latencies_ms))


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("p95<2s,success>0.99", "p95<2s,success>0.99"),
        (" p50 < 800 ms ", "p50<800ms"),
        ("success>.5 , p99<1.5s", "success>0.5,p99<1.5s"),
    ],
)
def test_an_objective_is_read_and_written(text, written):
    assert str(parse_objective(text)) == written
    assert parse_objective(written) == parse_objective(text)


@pytest.mark.parametrize(
    "text", ["", "p95", "p95<2", "p95>2s", "p42<2s", "success>99%", "success>1", "p95<0s", "p95<1s,p95<2s", "p95<2s,"]
)
def test_a_bad_objective_is_refused_with_what_to_write(text):
    with pytest.raises(ConfigError, match="--slo: "):
        parse_objective(text)


def test_an_objective_is_told_only_where_its_whole_interval_says_the_same():
    objective = parse_objective("p95<100ms")
    assert objective.smallest_n == 59
    assert objective.verdict(sample(*[50] * 58)) is Verdict.UNTOLD  # too few for any interval
    assert objective.verdict(sample(*[50] * 59)) is Verdict.HOLDS
    assert objective.verdict(sample(*[50] * 94, *[150] * 6)) is Verdict.UNTOLD
    assert objective.verdict(sample(*[50] * 60, *[150] * 40)) is Verdict.FAILS


def test_the_smallest_n_is_just_enough():
    for text in ("success>0.99", "success>0.9", "p99<1s", "p50<1s,success>0.95"):
        objective = parse_objective(text)
        assert objective.verdict(sample(*[1] * objective.smallest_n)) is Verdict.HOLDS
        assert objective.verdict(sample(*[1] * (objective.smallest_n - 1))) is Verdict.UNTOLD


def test_failing_fast_does_not_help_a_latency():
    objective = parse_objective("p90<1s")
    assert objective.verdict(sample(*[10] * 200)) is Verdict.HOLDS
    assert objective.verdict(sample(*[10] * 140, lost=60)) is Verdict.FAILS
    assert objective.clauses[0].of(sample(*[10] * 140, lost=60)).value == NEVER_MS


def test_latencies_count_from_the_due_instant_and_our_failures_do_not_count():
    rows = pd.DataFrame(
        {
            "phase": ["measure", "measure", "measure", "measure", "warmup"],
            "status": ["succeeded", "succeeded", "failed", "failed", "succeeded"],
            "failure_blame": pd.array([None, None, "provider", "ours", None], dtype="string"),
            "time_to_image_ms": pd.array([100.0, 100.0, None, None, 5.0], dtype="Float64"),
            "lateness_ms": pd.array([0.0, 900.0, 0.0, 0.0, 0.0], dtype="Float64"),
        }
    )
    assert sample_of(rows) == Sample((100.0, 1000.0, NEVER_MS), 2)
