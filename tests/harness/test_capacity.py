"""The search for a capacity, against queues whose answer is known in closed form, and against contrary providers."""

import math
import random

import pytest
from scipy.optimize import brentq

from arena.metrics.objective import NEVER_MS, Sample, Verdict, parse_objective
from harness.capacity import Bounds, Search, Step, longest_course
from harness.sim.habits import Backlog

BOUNDS = Bounds(start_per_s=1, max_per_s=64, step_s=300)


def searched(search, answer):
    """Run a search to its end; the steps and verdicts, and the highest rate below all that did not hold."""
    verdicts = []
    while (step := search.next()) is not None:
        assert len(verdicts) < 200
        verdicts.append((step, search.record(step, answer(step))))
    ended = [s.rate_per_s for s, v in verdicts if v is not Verdict.HOLDS and (v is Verdict.FAILS or s.part == 2)]
    held = [s.rate_per_s for s, v in verdicts if v is Verdict.HOLDS and s.rate_per_s < min(ended, default=math.inf)]
    return verdicts, max(held, default=None)


def markovian(workers, service_per_s, seed):
    """What a stationary M/M/c queue answers: Poisson arrivals, exponential service, first come first served."""
    rng = random.Random(seed)

    def answer(step):
        backlog, now_s, latencies_ms = Backlog(workers), 0.0, []
        for _ in range(1000 + step.requests):  # the first thousand bring the queue into its stationary state
            now_s += rng.expovariate(step.rate_per_s)
            service_s = rng.expovariate(service_per_s)
            latencies_ms.append((backlog.wait_s(now_s, service_s) + service_s) * 1000)
        return Sample(tuple(latencies_ms[1000:]), step.requests)

    return answer


def tail(workers, service_per_s, rate_per_s, t_s):
    """P(sojourn > t) of M/M/c (Kleinrock 1975, Queueing Systems I, ch. 3), from Erlang's C."""
    load = rate_per_s / service_per_s
    last = load**workers / math.factorial(workers) * workers / (workers - load)
    waits = last / (sum(load**k / math.factorial(k) for k in range(workers)) + last)
    spare = workers * service_per_s - rate_per_s
    alone = math.exp(-service_per_s * t_s)
    behind = (spare * alone - service_per_s * math.exp(-spare * t_s)) / (spare - service_per_s)
    return (1 - waits) * alone + waits * behind


@pytest.mark.parametrize(("workers", "service_per_s", "bound_s"), [(1, 10, 1.0), (4, 5, 1.0), (3, 2, 2.5)])
@pytest.mark.parametrize("seed", range(3))
def test_the_answer_is_that_of_queueing_theory(workers, service_per_s, bound_s, seed):
    ceiling = workers * service_per_s
    known = brentq(lambda rate: tail(workers, service_per_s, rate, bound_s) - 0.05, 0.01, ceiling * 0.9999)
    search = Search(parse_objective(f"p95<{bound_s}s"), BOUNDS)
    _, found = searched(search, markovian(workers, service_per_s, seed))
    assert known / 1.3 < found < known * 1.1


def test_the_theory_of_one_worker_is_the_textbook_one():
    assert tail(1, 10, 7.004, 1.0) == pytest.approx(math.exp(-(10 - 7.004)))


def up_to(capacity_per_s):
    """A provider that is fast up to a rate and fails everything beyond."""

    def answer(step):
        fine = step.rate_per_s <= capacity_per_s
        return Sample((10.0 if fine else NEVER_MS,) * step.requests, step.requests if fine else 0)

    return answer


@pytest.mark.parametrize("capacity", [0.2, 0.9, 1.0, 3.7, 17.0, 63.0])
def test_the_answer_is_within_the_precision_and_has_held_as_often_as_asked(capacity):
    bounds = Bounds(start_per_s=1, max_per_s=64, step_s=1, precision=0.1, repeats=3)
    verdicts, found = searched(Search(parse_objective("p50<1s"), bounds), up_to(capacity))
    assert capacity / 1.11 < found <= capacity
    assert sum(v is Verdict.HOLDS and s.rate_per_s == found for s, v in verdicts) == 3
    assert [s.repeat for s, _ in verdicts if s.rate_per_s == found] == [1, 2, 3]


def test_a_provider_that_holds_everything_is_not_asked_for_more_than_the_highest_rate():
    verdicts, found = searched(Search(parse_objective("p50<1s"), Bounds(1, 10, 1)), up_to(1000))
    assert found == 10
    assert max(s.rate_per_s for s, _ in verdicts) == 10


def test_a_provider_that_holds_nothing_is_given_up_on():
    verdicts, found = searched(Search(parse_objective("p50<1s"), Bounds(1, 10, 1)), up_to(0))
    assert found is None
    assert [s.rate_per_s for s, _ in verdicts] == [1, 0.5, 0.25, 0.125]


def test_a_step_that_cannot_be_told_is_lengthened_and_then_bounds_the_search():
    objective = parse_objective("p90<100ms")
    bounds = Bounds(1, 8, 60, precision=0.5, lengthenings=2)

    def close(step):
        slow = step.requests // 10 if step.rate_per_s > 2 else 0
        return Sample((50.0,) * (step.requests - slow) + (150.0,) * slow, step.requests)

    verdicts, found = searched(Search(objective, bounds), close)
    at_four = [(s.requests, s.part, v) for s, v in verdicts if s.rate_per_s == 4]
    assert at_four == [(240, 0, Verdict.UNTOLD), (240, 1, Verdict.UNTOLD), (480, 2, Verdict.UNTOLD)]
    assert found == 2


def test_a_rate_that_fails_when_repeated_is_not_the_answer():
    seen = []

    def moody(step):
        seen.append(step.rate_per_s)
        fine = step.rate_per_s <= 4 and not (step.rate_per_s == 4 and seen.count(4) == 2)
        return Sample((10.0 if fine else NEVER_MS,) * step.requests, step.requests if fine else 0)

    _, found = searched(Search(parse_objective("p50<1s"), Bounds(1, 8, 1, precision=1.0)), moody)
    assert found == 2


def test_no_failure_is_proven_by_a_machine_that_fires_too_late():
    search = Search(parse_objective("p50<1s"), Bounds(1, 8, 10))
    late = Sample((5000.0,) * 10, 10)
    assert search.record(search.next(), late, trusted=False) is Verdict.UNTOLD
    assert search.next() == Step(0.5, 6, 1, 0)  # below, and not longer at the same rate
    assert search.record(search.next(), Sample((5.0,) * 10, 10), trusted=False) is Verdict.HOLDS


@pytest.mark.parametrize("capacity", [0.0, 0.15, 1.7, 6.0, 31.0, 99.0])
def test_the_cost_that_is_shown_beforehand_is_not_passed(capacity):
    objective, bounds = parse_objective("p90<1s,success>0.9"), Bounds(0.5, 40, 20)
    longest = longest_course(objective, bounds)
    verdicts, _ = searched(Search(objective, bounds), up_to(capacity))
    assert len(verdicts) <= longest.steps
    assert sum(s.requests for s, _ in verdicts) <= longest.requests
    assert sum(s.seconds for s, _ in verdicts) <= longest.seconds
