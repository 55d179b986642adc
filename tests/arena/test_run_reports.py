"""The list of runs and the progress of one: what they say, and that they read no more than they must."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa

from arena.domain.fitness import Fitness
from arena.domain.run import RunStatus
from arena.reports import history as histories
from arena.reports.history import history
from arena.reports.progress import progress
from arena.store import attempts, queries, runs
from arena.units import nano_usd
from tests.factories import failed, make_endpoint, make_plan, make_prompt, make_run, make_trial, succeeded

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def store(database, run, outcomes=(), in_flight=0, repetitions=10):
    """A run of one prompt at one endpoint with these outcomes, in the order of its trials."""
    trials = [make_trial(i, repetition=i) for i in range(repetitions)]
    with database.write() as connection:
        stored = runs.create_run(connection, run, [(make_endpoint(), None)], trials, {"a-cat": make_prompt()}, "h:1:1")
        for entry, outcome in zip(stored, outcomes, strict=False):
            attempt = attempts.write_intent(connection, entry.id, 1, simulated=False)
            attempts.write_outcome(connection, attempt, outcome)
        for entry in stored[len(outcomes) : len(outcomes) + in_flight]:
            attempts.write_intent(connection, entry.id, 1, simulated=False)
    return run


def test_progress_counts_by_endpoint_and_tells_rate_cost_and_when_it_may_end(database):
    began = [NOW - timedelta(seconds=s) for s in (300, 30, 20, 10)]
    outcomes = [succeeded(started_at=at) for at in began[:3]] + [failed(started_at=began[3])]
    run = store(database, make_run(budget_nano_usd=nano_usd(Decimal("0.5"))), outcomes, in_flight=2)
    with database.read() as connection:
        found = progress(connection, run, now=NOW)
    (one,) = found.endpoints
    assert (one.planned, one.succeeded, one.failed, one.in_flight, one.left) == (10, 3, 1, 2, 6)
    assert one.failures == Counter({"provider_error": 1})
    assert one.rate_per_s == pytest.approx(3 / 60)
    assert found.eta_s == pytest.approx(6 / (3 / 60))
    assert (found.cost_usd, found.budget_usd) == (pytest.approx(0.03), 0.5)


def test_the_rate_counts_what_is_still_in_flight_once_a_whole_window_has_passed(database):
    """One a second, each taking half a minute: half of those that started within the window have not ended."""
    began = [NOW - timedelta(seconds=s) for s in range(120, 30, -1)]
    run = store(database, make_run(), [succeeded(started_at=at) for at in began], in_flight=30, repetitions=240)
    with database.write() as connection:
        open_ones = runs.ATTEMPT.c.status == "intended"
        ids = connection.execute(sa.select(runs.ATTEMPT.c.id).where(open_ones).order_by(runs.ATTEMPT.c.id)).scalars()
        for second, attempt in enumerate(ids.all()):
            sent = {"intended_at": NOW - timedelta(seconds=30 - second)}
            connection.execute(runs.ATTEMPT.update().where(runs.ATTEMPT.c.id == attempt).values(sent))
    with database.read() as connection:
        found = progress(connection, run, now=NOW)
    assert found.endpoints[0].rate_per_s == pytest.approx(1, abs=0.02)
    assert found.eta_s == pytest.approx(150, abs=4)


def test_what_is_not_known_of_progress_is_none(database):
    run = store(database, make_run())
    with database.read() as connection:
        found = progress(connection, run, now=NOW)
    assert (found.cost_usd, found.budget_usd, found.eta_s, found.endpoints[0].rate_per_s) == (None, None, None, None)


@pytest.mark.parametrize(
    ("status", "changes", "expected"),
    [
        (RunStatus.FINISHED, {}, "finished"),
        (RunStatus.BUDGET, {}, "stopped by its budget"),
        (RunStatus.INTERRUPTED, {}, "interrupted by a person"),
        (
            RunStatus.FINISHED,
            {"stop": {"metric": "time_to_image_p50_ms", "relative_width": 0.1}},
            "stopped by its rule: as precise as its plan asks for",
        ),
    ],
)
def test_a_line_says_how_its_run_ended(database, status, changes, expected):
    store(database, make_run(make_plan(**changes), run_id="r"), [succeeded(started_at=NOW)])
    with database.write() as connection:
        runs.end_run(connection, "r", "h:1:1", status)
    with database.read() as connection:
        (line,) = history(connection, 5)
    assert line.ended == expected
    assert (line.trials, line.attempts, line.succeeded, line.success_rate) == (10, 1, 1, 1.0)


def test_what_is_in_flight_or_unknown_is_no_failure(database):
    store(database, make_run(run_id="r"), [succeeded(started_at=NOW), succeeded(started_at=NOW)], in_flight=2)
    with database.read() as connection:
        (running,) = history(connection, 5)
    assert (running.attempts, running.in_flight, running.success_rate) == (4, 2, 1.0)
    with database.write() as connection:
        runs.end_run(connection, "r", "h:1:1", RunStatus.INTERRUPTED)
    with database.read() as connection:
        (ended,) = history(connection, 5)
    assert (ended.attempts, ended.in_flight, ended.unknown, ended.success_rate) == (4, 0, 2, 1.0)


def test_a_running_run_of_which_nothing_is_heard_was_cut_off(database):
    store(database, make_run())
    with database.read() as connection:
        assert history(connection, 5)[0].ended == "running"
        (line,) = history(connection, 5, now=datetime.now(UTC) + timedelta(minutes=5))
    assert line.ended == "cut off: its process has died"


def lagging(lag_p95_ms):
    """What the canary of an otherwise idle machine saw."""
    return Fitness(
        samples=9, loop_lag_p50_ms=1, loop_lag_p95_ms=lag_p95_ms, loop_lag_max_ms=lag_p95_ms, clock_step_ms=0,
        machine_cpu_p50=0.1, machine_cpu_p95=0.2, own_cpu=0.1,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("lag_ms", "latency_ms", "unfit", "reads"),
    [(2, 100, False, 0), (30, 100, True, 1), (30, 10_000, False, 1)],
)
def test_a_run_is_marked_unfit_as_its_summary_says_and_read_only_where_something_speaks_against_it(
    database, monkeypatch, lag_ms, latency_ms, unfit, reads
):
    took = int(latency_ms * 1e6)
    store(database, make_run(run_id="r"), [succeeded(ttfb_ns=took, total_ns=took, started_at=NOW) for _ in range(10)])
    with database.write() as connection:
        runs.note_fitness(connection, "r", lagging(lag_ms))
    read = []
    whole = queries.outcomes
    monkeypatch.setattr(histories.queries, "outcomes", lambda *a, **k: read.append(1) or whole(*a, **k))
    with database.read() as connection:
        (line,) = history(connection, 5)
    assert (line.unfit is not None, len(read)) == (unfit, reads)
