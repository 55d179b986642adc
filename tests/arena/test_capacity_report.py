"""What the steps of a capacity search say: verdicts by rate, and what the first rate that does not hold ran into."""

import numpy as np
import pandas as pd
import pytest

from arena.metrics.objective import Verdict, parse_objective
from arena.reports.capacity import LimitedBy, LoadStep, as_json, capacity, describe, read_steps
from tests.factories import make_plan, make_run

OBJECTIVE = parse_objective("p95<1s,success>0.8")


def step(rate, n=100, *, image_ms=100.0, waits_ms=0.0, own_ms=1.0, failing=0, repeat=1, run_id="r"):
    """One step's rows: each request takes `image_ms`, after waiting for our limits and for this machine."""
    lost = np.arange(n) < failing
    start = pd.Timestamp("2026-01-01", tz="UTC")
    waits = np.full(n, waits_ms)
    rows = pd.DataFrame(
        {
            "phase": "measure",
            "simulated": True,
            "status": np.where(lost, "failed", "succeeded"),
            "failure_blame": pd.array([("provider" if x else None) for x in lost], dtype="string"),
            "time_to_image_ms": pd.array(
                [None if x else image_ms * (1 + i / 1e4) for i, x in enumerate(lost)], "Float64"
            ),
            "ended_ms": pd.array([image_ms] * n, dtype="Float64"),
            "lateness_ms": pd.array(waits + own_ms, dtype="Float64"),
            "slot_wait_ms": pd.array(waits, dtype="Float64"),
            "started_at": start + pd.to_timedelta(np.arange(n) / rate, unit="s"),
        }
    )
    return LoadStep(run_id, rate, repeat, rows)


def test_the_answer_lies_below_everything_that_does_not_hold():
    found = capacity("t/a", OBJECTIVE, [step(4), step(1), step(2), step(2, repeat=2), step(8, image_ms=2000), step(16)])
    assert found.holds.rate_per_s == 4
    assert found.fails.rate_per_s == 8
    assert [p.rate_per_s for p in found.points] == [1, 2, 4, 8, 16]
    assert [p.repeats for p in found.points] == [1, 2, 1, 1, 1]
    assert found.limited_by is LimitedBy.PROVIDER
    assert found.points[0].delivered_per_s == pytest.approx(1, rel=0.05)


def test_a_failure_that_hangs_on_slows_no_image_down():
    hung = step(10, n=100, failing=1)
    hung.rows.loc[0, "ended_ms"] = 120_000.0
    (point,) = capacity("t/a", OBJECTIVE, [hung]).points
    assert point.delivered_per_s == pytest.approx(99 / 10, rel=0.02)
    (none,) = capacity("t/a", OBJECTIVE, [step(10, failing=100)]).points
    assert none.delivered_per_s == 0


def test_one_failed_repeat_fails_a_rate_and_lengthenings_are_pooled():
    failed = capacity("t/a", OBJECTIVE, [step(2), step(2, repeat=2, failing=60)])
    assert failed.points[0].verdict is Verdict.FAILS
    short = [step(2, n=30), step(2, n=30), step(2, n=40)]
    assert capacity("t/a", OBJECTIVE, short[:1]).points[0].verdict is Verdict.UNTOLD
    assert capacity("t/a", OBJECTIVE, short).points[0].verdict is Verdict.HOLDS


def test_waiting_for_our_own_limits_is_told_from_a_provider_that_slows_down():
    ours = capacity("t/a", OBJECTIVE, [step(1), step(8, waits_ms=3000)])
    assert ours.limited_by is LimitedBy.ENDPOINT_LIMITS
    slowed = capacity("t/a", OBJECTIVE, [step(1), step(8, waits_ms=3000, image_ms=300)])
    assert slowed.limited_by is LimitedBy.PROVIDER
    refused = capacity("t/a", OBJECTIVE, [step(1), step(8, failing=50)])
    assert refused.limited_by is LimitedBy.PROVIDER


def test_a_machine_that_fires_late_accuses_nobody():
    found = capacity("t/a", OBJECTIVE, [step(1), step(8, own_ms=3000)])
    assert found.fails is None
    assert found.untold == (8,)
    assert found.limited_by is LimitedBy.THIS_MACHINE


def test_a_quantile_that_failures_reach_is_null_for_machines():
    point = as_json(capacity("t/a", OBJECTIVE, [step(1, failing=50)]))["curve"][0]
    assert point["from_due_p95_ms"] == {"n": 100, "value": None, "low": None, "high": None}
    assert point["from_due_p50_ms"]["low"] is not None
    assert point["verdict"] == "fails"


def test_stored_steps_are_read_back_from_their_plans():
    load = {"kind": "poisson", "rate_per_s": 2.5}
    runs = [
        (make_run(make_plan(description=describe("lab/one", OBJECTIVE, n), load=load), run_id=f"r{n}"), step(2.5).rows)
        for n in (1, 2)
    ]
    endpoint, objective, steps = read_steps(runs)
    assert (endpoint, objective) == ("lab/one", OBJECTIVE)
    assert [(s.run_id, s.rate_per_s, s.repeat) for s in steps] == [("r1", 2.5, 1), ("r2", 2.5, 2)]
    with pytest.raises(ValueError, match="no step"):
        read_steps([(make_run(), step(1).rows)])
