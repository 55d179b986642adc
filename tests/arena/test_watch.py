"""Incidents from the stored history: what changed is found, what did not is left alone, and the past stays."""

from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa

from arena.domain.watch import Direction, Rules, Watchable
from arena.reports.watch import incidents, report
from arena.store import runs
from tests.watch_history import Day, noon, write_day, write_days

pytestmark = pytest.mark.slow

FIRST = noon(2026, 3, 1)
CHANGED = date(2026, 4, 1)


def found(database, now, **rules):
    with database.read() as connection:
        return incidents(connection, now, Rules(**rules))


def since_day(day, **fields):
    return lambda i: Day(**fields) if i >= day else None


def test_an_endpoint_that_becomes_slower_is_an_incident_with_its_day_size_and_command(database):
    now = write_days(database, FIRST, 34, since_day(31, slower={"lab/one": 0.25}))
    (slower,) = [i for i in found(database, now) if i.figure is Watchable.P50]
    assert (slower.endpoint, slower.simulated, slower.direction) == ("lab/one", True, Direction.WORSE)
    assert slower.open
    assert slower.earliest <= CHANGED <= slower.latest
    assert CHANGED <= slower.noticed <= CHANGED + timedelta(days=2)
    assert slower.change_low < 0.25 < slower.change_high
    assert slower.now / slower.before == pytest.approx(1.25, abs=0.08)
    assert slower.command == f"arena providers table --window {slower.since}..2026-04-04"
    assert not [i for i in found(database, now) if i.endpoint == "lab/two"]


def test_it_ends_when_the_figure_is_back_and_the_past_is_found_again_as_it_was(database):
    back = 36
    like = lambda i: Day(slower={"lab/one": 0.3}) if 31 <= i < back else None  # noqa: E731
    write_days(database, FIRST, 34, like)
    (early,) = [i for i in found(database, FIRST + timedelta(days=33, hours=2)) if i.figure is Watchable.P50]
    now = write_days(database, FIRST + timedelta(days=34), 8, lambda i: like(i + 34))
    (late,) = [i for i in found(database, now) if i.figure is Watchable.P50]
    assert (late.key, late.noticed, late.since) == (early.key, early.noticed, early.since)
    assert late.ending == "recovered"
    assert late.until == (FIRST + timedelta(days=back)).date()
    assert not late.open


def test_a_level_that_lasts_becomes_the_normal_one_and_is_watched_from_there(database):
    now = write_days(database, FIRST, 62, lambda i: Day(slower={"lab/one": 0.6 if i >= 58 else 0.3 if i >= 31 else 0}))
    second, first = [i for i in found(database, now) if i.figure is Watchable.P50]
    assert (first.ending, first.until) == ("new normal", CHANGED + timedelta(days=15))
    assert second.open
    assert second.change == pytest.approx(1.6 / 1.3 - 1, abs=0.06)


def test_a_price_is_told_on_its_first_day_with_old_and_new(database):
    now = write_days(database, FIRST, 6, since_day(5, usd={"lab/two": "0.012"}))
    (dearer,) = found(database, now)
    assert (dearer.endpoint, dearer.figure, dearer.direction) == ("lab/two", Watchable.PRICE, Direction.WORSE)
    assert (dearer.before, dearer.now) == (pytest.approx(0.01), pytest.approx(0.012))
    assert (dearer.change, dearer.change_low) == (pytest.approx(0.2), None)
    assert dearer.since == dearer.noticed == (FIRST + timedelta(days=5)).date()
    cheaper = write_days(database, FIRST + timedelta(days=6), 1, since_day(0, usd={"lab/two": "0.008"}))
    newest, before = found(database, cheaper)
    assert (newest.direction, newest.open, before.open) == (Direction.BETTER, True, False)
    assert newest.change == pytest.approx(0.008 / 0.012 - 1)
    assert (newest.before, newest.now) == (pytest.approx(0.012), pytest.approx(0.008))


def test_one_attempt_of_unknown_end_hides_no_incident(database):
    """Nobody knows when it was sent, which does not make it older than all others."""
    write_days(database, FIRST, 6, since_day(5, usd={"lab/two": "0.012"}))
    now = FIRST + timedelta(days=150)
    (before,) = found(database, now)
    with database.write() as connection:
        first = connection.execute(sa.select(sa.func.min(runs.ATTEMPT.c.id))).scalar_one()
        lost = {"status": "unknown", "started_at": None, "intended_at": FIRST}
        connection.execute(runs.ATTEMPT.update().where(runs.ATTEMPT.c.id == first).values(lost))
        connection.execute(runs.DIGEST.delete())
    assert found(database, now) == [before]


def test_failures_are_an_incident_on_the_day_of_an_outage(database):
    now = write_days(database, FIRST, 21, since_day(20, failures={"lab/one": 0.5}))
    (failing,) = [i for i in found(database, now) if i.figure is Watchable.SUCCESS]
    assert failing.noticed == failing.since == (FIRST + timedelta(days=20)).date()
    assert failing.before == 1.0
    assert failing.change == pytest.approx(-0.5, abs=0.25)
    assert failing.change_low <= failing.change <= failing.change_high < 0


def test_an_outage_of_two_days_is_dated_by_its_own_size_and_over_soon(database):
    outage = range(30, 32)
    like = lambda i: Day(failures={"lab/one": 0.4 if i in outage else 0.005})  # noqa: E731
    now = write_days(database, FIRST, 38, like)
    (failing,) = [i for i in found(database, now, figures=("success",)) if i.direction is Direction.WORSE]
    assert failing.since == (FIRST + timedelta(days=30)).date()
    assert (failing.ending, failing.until) == ("recovered", (FIRST + timedelta(days=32)).date())


def test_one_odd_day_is_no_incident_of_latency(database):
    now = write_days(database, FIRST, 30, lambda i: Day(slower={"lab/one": 0.5}) if i == 25 else None)
    assert not found(database, now)


def test_what_a_user_asks_for_otherwise_is_no_change_of_the_provider(database):
    write_days(database, FIRST, 31)
    dearer = Day(slower={"lab/one": 0.5}, usd={"lab/one": "0.04"})
    now = write_days(database, FIRST + timedelta(days=31), 4, lambda _: dearer, request={"size": "512x512"})
    assert not found(database, now)


@pytest.mark.parametrize("purpose", ["capacity", "behaviour", "playground"])
def test_runs_that_look_for_limits_do_not_count(database, purpose):
    write_days(database, FIRST, 31)
    now = write_days(database, FIRST + timedelta(days=31), 4, since_day(0, slower={"lab/one": 1.0}), purpose=purpose)
    assert not found(database, now)


def test_until_there_are_ten_days_it_is_said_to_be_learning(database):
    now = write_days(database, FIRST, 9)
    with database.read() as connection:
        told = report(connection, now)
    states = {(s.endpoint, s.figure.value): s.state for s in told.series}
    assert {s for (_, figure), s in states.items() if figure != "price"} == {"learning"}
    assert not told.incidents
    now = write_days(database, FIRST + timedelta(days=9), 8)
    with database.read() as connection:
        told = report(connection, now)
    assert {s.state for s in told.series} == {"quiet"}
    (p50,) = [s for s in told.series if (s.endpoint, s.figure) == ("lab/one", Watchable.P50)]
    assert 0.1 <= p50.noticeable < 0.3


def test_simulated_and_real_measurements_of_one_endpoint_are_two_series(database):
    write_days(database, FIRST, 20)
    now = write_days(database, FIRST + timedelta(hours=1), 20, since_day(0, slower={"lab/one": 3.0}), simulated=False)
    assert not found(database, now)
    with database.read() as connection:
        assert {s.simulated for s in report(connection, now).series} == {True, False}


def test_rules_narrow_what_is_watched(database):
    now = write_days(database, FIRST, 34, since_day(31, slower={"lab/one": 0.4}, usd={"lab/two": "0.02"}))
    assert {i.figure.value for i in found(database, now, figures=("p50",))} == {"p50"}
    assert {i.endpoint for i in found(database, now, endpoints=("*/two",))} == {"lab/two"}


def test_an_endpoint_that_is_measured_no_more_has_no_open_incident_for_ever(database):
    now = write_days(database, FIRST, 34, since_day(31, slower={"lab/one": 0.4}))
    later = found(database, now + timedelta(days=20), figures=("p50",))
    assert [i.ending for i in later] == ["no longer measured"]


def test_an_empty_database_watches_nothing(database):
    with database.read() as connection:
        told = report(connection, datetime(2026, 1, 1, tzinfo=UTC))
    assert (told.incidents, told.series) == ([], [])


def test_a_run_in_the_midst_of_a_day_is_looked_at(database):
    write_days(database, FIRST, 33, since_day(31, slower={"lab/one": 0.6}))
    at = FIRST + timedelta(days=33, hours=-10)
    write_day(database, at, Day(slower={"lab/one": 0.6}), trials=10)
    assert [i.endpoint for i in found(database, at + timedelta(hours=1), figures=("p50",))] == ["lab/one"]
