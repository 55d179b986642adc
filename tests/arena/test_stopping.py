"""Trials count in the order of the plan, not in that of their answers; rows tell the same as the run saw."""

from arena.domain.plan import Phase
from arena.domain.stop import StopRule
from arena.metrics.stopping import Stopping
from tests.factories import make_trial

RULE = StopRule(metric="time_to_image_p50_ms", relative_width=0.2)


def trials(n=200, endpoint="lab/one"):
    return [make_trial(i, endpoint, f"p{i}") for i in range(n)]


def end(found, seqs, value=1000.0, endpoint="lab/one"):
    for seq in seqs:
        found.ended(endpoint, Phase.MEASURE, seq, value)


def test_an_answer_counts_once_all_before_it_have_ended():
    found = Stopping(RULE, trials())
    end(found, range(1, 100))
    assert not found.reached
    end(found, [0])
    assert found.reached
    assert found.endpoints["lab/one"].figure.n == 30


def test_a_failure_makes_way_and_is_no_value():
    found = Stopping(RULE, trials())
    end(found, range(10), value=None)
    end(found, range(10, 39))
    assert not found.reached
    end(found, [39])
    assert found.reached


def test_all_endpoints_have_to_get_there_and_warm_up_is_left_out():
    warmup = [make_trial(900 + i, "lab/two", f"p{i}", phase=Phase.WARMUP) for i in range(50)]
    found = Stopping(RULE, [*trials(), *trials(endpoint="lab/two"), *warmup])
    end(found, range(200))
    for trial in warmup:
        found.ended("lab/two", trial.phase, trial.seq, 1000.0)
    assert found.endpoints["lab/one"].reached
    assert not found.reached


def test_without_a_rule_or_with_too_few_trials_nothing_is_reached():
    unruled, few = Stopping(None, trials()), Stopping(RULE, trials(29))
    end(unruled, range(200))
    end(few, range(29))
    assert not unruled.reached
    assert not few.reached


def test_the_quantile_is_that_of_the_metric():
    quantiles = {
        m: StopRule(metric=f"time_to_image_{m}_ms", relative_width=0.1).q for m in ("p50", "p90", "p95", "p99")
    }
    assert quantiles == {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}
