"""Slots against plain arithmetic over every minute of the calendar."""

import re
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from harness.schedules.cron import Cron
from tests.harness.schedules.minutes import by_arithmetic

ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "America/Santiago"]
# Two days around every change of the clocks of these zones in 2026, and an ordinary week.
CHANGES = ["2026-03-08", "2026-03-29", "2026-04-05", "2026-09-06", "2026-10-04", "2026-10-25", "2026-11-01"]
WEEK = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]


def slots(expression, zone, after, until):
    return list(Cron(expression, zone).between(after, until))


@st.composite
def field(draw, low, high):
    """One field and the numbers that it stands for."""
    kind = draw(st.sampled_from(["all", "one", "step", "range", "list"]))
    if kind == "all":
        return "*", set(range(low, high + 1))
    if kind == "step":
        step = draw(st.integers(2, max(2, (high - low) // 2)))
        return f"*/{step}", set(range(low, high + 1, step))
    if kind == "range":
        first = draw(st.integers(low, high))
        last = draw(st.integers(first, high))
        return f"{first}-{last}", set(range(first, last + 1))
    numbers = draw(st.lists(st.integers(low, high), min_size=1, max_size=1 if kind == "one" else 4, unique=True))
    return ",".join(map(str, numbers)), set(numbers)


@given(
    minute=field(0, 59),
    hour=field(0, 23),
    weekday=field(0, 6),
    zone=st.sampled_from(ZONES),
    day=st.sampled_from([*CHANGES, "2026-06-10"]),
)
@pytest.mark.slow
@example(("30", {30}), ("2", {2}), ("*", set(range(7))), "Europe/Berlin", "2026-03-29")
@example(("*/15", {0, 15, 30, 45}), ("1-3", {1, 2, 3}), ("0", {0}), "Europe/Berlin", "2026-10-25")
@example(("15", {15}), ("2", {2}), ("*", set(range(7))), "Australia/Lord_Howe", "2026-10-04")
def test_slots_are_those_of_the_calendar(minute, hour, weekday, zone, day):
    after = datetime.fromisoformat(day).replace(tzinfo=UTC) - timedelta(days=1)
    until = after + timedelta(days=3)
    expression = f"{minute[0]} {hour[0]} * * {weekday[0]}"
    found = slots(expression, zone, after, until)
    assert found == by_arithmetic(minute[1], hour[1], weekday[1], zone, after, until)
    assert all(a < b for a, b in pairwise(found))


def test_a_time_that_does_not_come_is_the_first_instant_after_the_gap():
    night = datetime(2026, 3, 28, 12, tzinfo=UTC), datetime(2026, 3, 30, 12, tzinfo=UTC)
    assert slots("30 2 * * *", "Europe/Berlin", *night) == [
        datetime(2026, 3, 29, 1, 0, tzinfo=UTC),
        datetime(2026, 3, 30, 0, 30, tzinfo=UTC),
    ]
    # 02:00, 02:30 and 03:00 are one instant there, and one slot.
    assert slots("0,30 2-3 29 3 *", "Europe/Berlin", *night) == [
        datetime(2026, 3, 29, 1, 0, tzinfo=UTC),
        datetime(2026, 3, 29, 1, 30, tzinfo=UTC),
    ]


def test_a_time_that_comes_twice_is_its_first_occurrence():
    night = datetime(2026, 10, 24, 12, tzinfo=UTC), datetime(2026, 10, 26, 12, tzinfo=UTC)
    assert slots("30 2 * * *", "Europe/Berlin", *night) == [
        datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
        datetime(2026, 10, 26, 1, 30, tzinfo=UTC),
    ]


def test_where_one_asks_from_makes_no_difference():
    """Also from within the repeated hour and from the gap."""
    cron = Cron("*/10 * * * *", "Europe/Berlin")
    begin, end = datetime(2026, 10, 24, 23, tzinfo=UTC), datetime(2026, 10, 25, 4, tzinfo=UTC)
    every = list(cron.between(begin, end))
    for minutes in range(0, 300, 7):
        after = begin + timedelta(minutes=minutes)
        assert list(cron.between(after, end)) == [slot for slot in every if slot > after]


def test_a_day_that_a_country_skipped_is_one_slot_at_its_end():
    """Samoa had no 30 December 2011."""
    found = slots(
        "0 9 * * *", "Pacific/Apia", datetime(2011, 12, 29, tzinfo=UTC), datetime(2011, 12, 31, 12, tzinfo=UTC)
    )
    local = [f"{s.astimezone(ZoneInfo('Pacific/Apia')):%d %H:%M}" for s in found]
    assert local == ["29 09:00", "31 00:00", "31 09:00"]


@pytest.mark.parametrize(
    ("field", "days"),
    [("0", "sun"), ("7", "sun"), ("1-5", "mon tue wed thu fri"), ("mon-fri", "mon tue wed thu fri"),
     ("fri-sun", "fri sat sun"),
     ("SAT,sun", "sat sun"), ("5-7", "fri sat sun"), ("*/2", "sun tue thu sat"), ("1-5/2", "mon wed fri")],
)  # fmt: skip
def test_days_of_the_week_are_those_of_crontab(field, days):
    found = slots(f"0 0 * * {field}", "UTC", datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 8, tzinfo=UTC))
    assert {WEEK[(s.weekday() + 1) % 7] for s in found} == set(days.split())


@pytest.mark.parametrize(
    ("expression", "zone", "sentence"),
    [
        ("* * * *", "UTC", "has 4 fields; cron has five: minute, hour, day of month, month, day of week"),
        ("0 25 * * *", "UTC", "the hour '25' cannot be used"),
        ("61 * * * *", "UTC", "the minute '61' cannot be used"),
        ("x * * * *", "UTC", "the minute 'x' cannot be used"),
        ("0 0 * * fry", "UTC", "the day of week 'fry' cannot be used; write days as mon-fri"),
        ("0 0 * * 8", "UTC", "the day of week '8' cannot be used"),
        ("0 0 * * sat-mon", "UTC", "runs backwards"),
        ("0 0 1 * mon", "UTC", "restricts the day of the month and the day of the week"),
        ("0 0 30 2 *", "UTC", "names a day that never comes"),
        ("0 0 * * *", "Europe/Berln", "there is no time zone 'Europe/Berln'; did you mean 'Europe/Berlin'?"),
        ("0 0 * * *", "CEST", "there is no time zone 'CEST'; write it by its city, as Europe/Berlin, or UTC"),
        ("0 0 * * *", "UTC+2", "there is no time zone 'UTC+2'; write it by its city"),
        ("0 0 * * *", "europe/berlin", "did you mean 'Europe/Berlin'?"),
        ("0 0 * * *", "../etc/passwd", "there is no time zone"),
    ],
)
def test_what_cannot_be_used_is_said(expression, zone, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        Cron(expression, zone)


def test_a_leap_day_is_found_over_the_years():
    found = islice(Cron("0 0 29 2 *", "UTC").after(datetime(2026, 1, 1, tzinfo=UTC)), 3)
    assert [s.year for s in found] == [2028, 2032, 2036]
