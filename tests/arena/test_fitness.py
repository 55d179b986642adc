"""A run that was not fit to measure says so, and says what to do; a fit one says nothing."""

import pytest

from arena.domain.fitness import Fitness
from arena.metrics.base import Figure
from arena.reports import fitness
from tests.factories import make_run

GOOD = {
    "samples": 100, "loop_lag_p50_ms": 0.5, "loop_lag_p95_ms": 2.0, "loop_lag_max_ms": 40.0, "clock_step_ms": 0.1,
    "machine_cpu_p50": 0.4, "machine_cpu_p95": 0.9, "own_cpu": 0.5, "lateness_p95_ms": 1.0,
}  # fmt: skip


class Summary:
    def __init__(self, median_ms):
        self.figures = {"time_to_image_p50_ms": Figure(median_ms, 10)}


def headline(median_ms=900.0, **changes):
    run = make_run(fitness=Fitness.model_validate({**GOOD, **changes}))
    return fitness.headline(run, [Summary(median_ms), Summary(None)])


def test_a_fit_run_says_nothing():
    assert headline() is None
    assert fitness.headline(make_run(), [Summary(900.0)]) is None, "a run from before there was a canary"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"loop_lag_p95_ms": 25.0}, "the event loop woke up to 25 ms late"),
        ({"lateness_p95_ms": 25.0}, "requests left up to 25 ms after they were due"),
        ({"machine_cpu_p50": 0.99}, "processors were 99% busy"),
        ({"clock_step_ms": 3600_000.0}, "the wall clock jumped by 3600.0 s"),
    ],
)
def test_what_speaks_against_it_is_said(changes, said):
    assert headline(**changes).startswith("not fit to measure: ")
    assert said in headline(**changes)


def test_what_can_be_borne_grows_with_what_is_measured():
    assert headline(loop_lag_p95_ms=25.0, median_ms=900.0) is not None
    assert headline(loop_lag_p95_ms=25.0, median_ms=9000.0) is None
