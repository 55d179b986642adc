"""Due times and open places follow from the profile alone; their sums are those of the rate curve."""

import itertools
import math
import random

import pytest
from pydantic import ValidationError

from arena.domain.load import LoadProfile
from harness.pacer import due_times_s, open_spans


def due(seed=1, offset=0.0, most=None, **load):
    return list(itertools.islice(due_times_s(LoadProfile.model_validate(load), random.Random(seed), offset), most))


def test_a_constant_rate_is_evenly_spaced_and_ends_with_its_length():
    assert due(kind="constant", rate_per_s=4, for_s=1) == pytest.approx([0, 0.25, 0.5, 0.75])
    assert due(kind="constant", rate_per_s=4, for_s=1, offset=0.5) == pytest.approx([0.125, 0.375, 0.625, 0.875])
    assert len(due(kind="constant", rate_per_s=4, most=1000)) == 1000, "without a length it does not end"


def test_steps_change_the_rate_at_once():
    times = due(kind="constant", stages=[{"for_s": 10, "rate_per_s": 2}, {"for_s": 10, "rate_per_s": 20}])
    assert (sum(t < 10 for t in times), sum(t >= 10 for t in times)) == (20, 200)


def test_a_ramp_sends_half_of_what_its_end_would():
    times = due(kind="constant", stages=[{"for_s": 10, "rate_per_s": 10, "ramp": True}])
    assert len(times) == 50
    assert [sum(a <= t < a + 2 for t in times) for a in range(0, 10, 2)] == pytest.approx([2, 6, 10, 14, 18], abs=1)
    down = due(
        kind="constant", stages=[{"for_s": 5, "rate_per_s": 10}, {"for_s": 10, "rate_per_s": 1e-9, "ramp": True}]
    )
    assert len(down) == pytest.approx(100, abs=1)
    assert sum(t > 10 for t in down) < sum(5 < t <= 10 for t in down)


def test_poisson_arrivals_have_the_rate_curve_and_exponential_gaps():
    stages = [{"for_s": 100, "rate_per_s": 5}, {"for_s": 100, "rate_per_s": 50, "ramp": True}]
    times = due(kind="poisson", stages=stages)
    first, second = sum(t < 100 for t in times), sum(t >= 100 for t in times)
    assert abs(first - 500) < 4 * math.sqrt(500)
    assert abs(second - 2750) < 4 * math.sqrt(2750)
    gaps = [b - a for a, b in itertools.pairwise([0.0, *(t for t in times if t < 100)])]
    mean = sum(gaps) / len(gaps)
    spread = math.sqrt(sum((g - mean) ** 2 for g in gaps) / len(gaps))
    assert spread / mean == pytest.approx(1, abs=0.15)
    assert times == due(kind="poisson", stages=stages), "one seed, one set of due times"
    assert times != due(kind="poisson", stages=stages, seed=2)


def spans(place, **load):
    return open_spans(LoadProfile.model_validate({"kind": "closed", **load}), place)


def test_places_open_and_close_with_the_stages():
    steps = [{"for_s": 10, "in_flight": 2}, {"for_s": 10, "in_flight": 4}, {"for_s": 10, "in_flight": 1}]
    assert spans(0, stages=steps) == [(0, 30)]
    assert spans(1, stages=steps) == [(0, 20)]
    assert spans(3, stages=steps) == [(10, 20)]
    assert spans(4, stages=steps) == []
    ramp = [{"for_s": 10, "in_flight": 10, "ramp": True}, {"for_s": 10, "in_flight": 1, "ramp": True}]
    assert spans(0, stages=ramp) == [(0, 20)]
    assert spans(5, stages=ramp) == [(pytest.approx(5), pytest.approx(10 + 50 / 9))]
    assert spans(0, in_flight=3, for_s=7) == [(0, 7)]
    assert spans(3, in_flight=3, for_s=7) == []


@pytest.mark.parametrize(
    ("load", "message"),
    [
        ({"kind": "poisson"}, "`rate_per_s` is needed"),
        ({"rate_per_s": 1}, "`rate_per_s` is needed"),
        ({"kind": "constant", "rate_per_s": 1, "stages": [{"for_s": 1, "rate_per_s": 1}]}, "leave out `rate_per_s`"),
        ({"kind": "constant", "stages": [{"for_s": 1, "in_flight": 1}]}, "each stage of a constant load has `rate"),
        ({"stages": [{"for_s": 1, "rate_per_s": 1}]}, "each stage of a closed load has `in_flight`"),
        ({"kind": "constant", "rate_per_s": 10_000, "for_s": 1000}, "more than 1000000 requests"),
    ],
)
def test_a_profile_that_contradicts_itself_is_refused(load, message):
    with pytest.raises(ValidationError, match=message):
        LoadProfile.model_validate(load)
