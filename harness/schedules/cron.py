"""From a cron expression in a time zone to instants.

APScheduler's CronTrigger finds the wall-clock times; from a wall-clock time to an instant is done here, because across
a change of daylight saving the trigger fires a time in the repeated hour twice, and two times around the gap at once:

    a time that comes twice     its first occurrence
    a time that does not come   the first instant after the gap; several such times, or one that is due there anyway,
                                are one slot

So slots follow each other strictly, and every wall-clock time of the expression has exactly one.
"""

from __future__ import annotations

import difflib
import zoneinfo
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from apscheduler.triggers.cron import CronTrigger

if TYPE_CHECKING:
    from collections.abc import Iterator

FIELDS = ("minute", "hour", "day of month", "month", "day of week")
WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


class Cron:
    """The slots of one expression in one zone. ValueError with a sentence if either cannot be used."""

    def __init__(self, expression: str, timezone: str) -> None:
        self.zone = zone(timezone)
        self._trigger = _trigger(expression)
        if self._next_wall(datetime(2000, 1, 1)) is None:  # noqa: DTZ001 - a wall-clock time
            raise ValueError(f"{expression!r} names a day that never comes; change the day or the month")

    def after(self, moment: datetime) -> Iterator[datetime]:
        """Every slot later than an instant, in order, in UTC."""
        wall: datetime | None = moment.astimezone(self.zone).replace(tzinfo=None)
        last = moment.astimezone(UTC)
        while wall is not None and (wall := self._next_wall(wall)) is not None:
            slot = instant(wall, self.zone)
            if slot > last:
                last = slot
                yield slot

    def between(self, after: datetime, until: datetime) -> Iterator[datetime]:
        """Every slot later than `after` and not later than `until`."""
        for slot in self.after(after):
            if slot > until:
                return
            yield slot

    def _next_wall(self, wall: datetime) -> datetime | None:
        """The next wall-clock time of the expression; the trigger is given a zone whose clocks never change."""
        before = wall.replace(tzinfo=UTC)
        found: datetime | None = self._trigger.get_next_fire_time(before, before + timedelta(microseconds=1))
        return None if found is None else found.replace(tzinfo=None)


def instant(wall: datetime, where: zoneinfo.ZoneInfo) -> datetime:
    """The instant (UTC) of a wall-clock time: the first if it comes twice; the gap's end if it does not come."""
    local = wall.replace(tzinfo=where, fold=0)
    late = local.astimezone(UTC)
    if late.astimezone(where).replace(tzinfo=None) == wall:
        return late
    # In a gap, fold 0 reckons with the offset before it and lands behind it; fold 1 the other way round.
    early = local.replace(fold=1).astimezone(UTC)
    offset = early.astimezone(where).utcoffset()
    while late - early > timedelta(seconds=1):
        middle = early + timedelta(seconds=(late - early) // timedelta(seconds=1) // 2)
        if middle.astimezone(where).utcoffset() == offset:
            early = middle
        else:
            late = middle
    return late


def zone(name: str) -> zoneinfo.ZoneInfo:
    """A time zone by its name; ValueError with the nearest name if there is none."""
    known = zoneinfo.available_timezones()
    if name not in known:
        same = [k for k in known if k.lower() == name.lower()]
        # CEST looks like EST, and UTC+2 like UTC: what is near to an abbreviation may be an ocean away.
        close = same or (difflib.get_close_matches(name, known, n=1) if "/" in name else [])
        hint = f"; did you mean {close[0]!r}?" if close else "; write it by its city, as Europe/Berlin, or UTC"
        raise ValueError(f"there is no time zone {name!r}{hint}")
    return zoneinfo.ZoneInfo(name)


def _trigger(expression: str) -> CronTrigger:
    values = expression.split()
    if len(values) != len(FIELDS):
        raise ValueError(f"{expression!r} has {len(values)} fields; cron has five: {', '.join(FIELDS)}")
    minute, hour, day, month, weekday = values
    if day != "*" and weekday != "*":
        raise ValueError(
            f"{expression!r} restricts the day of the month and the day of the week; cron and people differ on what "
            "that means, so write two schedules, or `*` for one of them"
        )
    fields = {"minute": minute, "hour": hour, "day": day, "month": month, "day_of_week": _weekdays(weekday)}
    for name, (key, value) in zip(FIELDS, fields.items(), strict=True):
        try:
            CronTrigger(**{key: value}, timezone="UTC")
        except ValueError as error:
            why = str(error).rpartition(": ")[2]
            raise ValueError(f"{expression!r}: the {name} {value!r} cannot be used ({why})") from None
    return CronTrigger(**fields, second="0", timezone="UTC")


def _weekdays(field: str) -> str:
    """Days of the week by name: crontab counts from 0 = Sunday (7 as well), the trigger from 0 = Monday."""
    if field == "*":
        return field
    days: list[str] = []
    for part in field.lower().split(","):
        span, _, step = part.partition("/")
        first, dash, last = ("0", "-", "6") if span == "*" else span.partition("-")
        numbers = _weekday(first, field), _weekday(last, field) if dash else _weekday(first, field)
        begin, end = numbers
        if dash and end == 0 and begin > 0:
            end = 7
        if end < begin:
            raise ValueError(f"the day of week {field!r} runs backwards; write the days one by one, as sat,sun,mon")
        if step and (not step.isdecimal() or int(step) == 0 or not dash):
            raise ValueError(f"the day of week {field!r} cannot be used; write days as mon-fri, or as sat,sun")
        days += [WEEKDAYS[number % 7] for number in range(begin, end + 1, int(step or 1))]
    return ",".join(dict.fromkeys(days))


def _weekday(text: str, field: str) -> int:
    if text in WEEKDAYS:
        return WEEKDAYS.index(text)
    if text.isdecimal() and int(text) <= 7:
        return int(text)
    raise ValueError(f"the day of week {field!r} cannot be used; write days as mon-fri, or as sat,sun")
