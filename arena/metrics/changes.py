"""Since when a series of days is no longer what it was: found soon, and wrongly only as often as was allowed.

Page's cumulative sum (Page 1954, Biometrika 41:100-115) adds up, day after day, how much better a change of the size
worth knowing explains what was seen than no change does, as log likelihood ratios, and starts again from 0 whenever the
sum turns negative. With a threshold h no change is claimed wrongly more often than once in e^h days on average (Lorden
1971, Ann. Math. Stat. 42:1897-1908), and of all ways to keep to that none is quicker for long. Looking in the midst of
a day is another look at the same likelihood ratio, which does not spoil the bound. What a day without change looks like
is estimated from the days before; what that costs is made up for where it is estimated, and measured by
`make bench-watch`.

A day's finding depends on that day and those before it alone, so that going through a history again finds the same.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from arena.metrics.base import Figure

    Days = NDArray[np.int64]

BASELINE_DAYS = 42
"""How far back the days go that a day is compared with."""
LAG_DAYS = 3
"""The latest days are no part of it: a change must not become its own yardstick before it is found."""
LEAST_BASELINE_DAYS = 10
SETTLES_AFTER_DAYS = 14
"""A level that has lasted so long is the normal one from then on."""
END_THRESHOLD = math.log(200)
"""The same test the other way round: a change is taken for over wrongly once in 200 days at most."""
SUPPORT = 2.0
"""Log likelihood by which a day may fall short of the likeliest one and still be when it changed (Edwards 1972)."""
ONE_DAY_SHARE = 0.6
"""How much of the threshold a single day can bring where days may be odd: it takes two to claim a change."""


class Ending(StrEnum):
    """How a change came to its end."""

    RECOVERED = "recovered"
    NEW_NORMAL = "new normal"
    NO_LONGER_MEASURED = "no longer measured"


class State(StrEnum):
    """What is known of a series as of its latest day."""

    LEARNING = "learning"
    QUIET = "quiet"
    CHANGED = "changed"


class Normal(Protocol):
    """What days without a change look like, and how others differ from them. Days are named by their place."""

    def worth(self, sign: int) -> float | None:
        """The smallest change upwards (1) or downwards (-1) that is looked for, signed; None where there is none."""
        ...

    def evidence(self, place: int, change: float) -> float:
        """Log likelihood ratio of a day, for a change of this size over none."""
        ...

    def change(self, places: Sequence[int]) -> Figure:
        """The change that these days show, signed, with its 95 % interval; n counts trials."""
        ...


class Series(Protocol):
    """One figure of one endpoint by days."""

    days: Days
    """(d,) UTC days since 1970 that say anything, ascending."""
    odd_days: bool
    """Whether a single day may be odd without anything having changed."""

    def normal(self, place: int, baseline: Sequence[int]) -> Normal | None:
        """What days are like without a change, as known on the day at this place; None: too little is known."""
        ...


@dataclass(frozen=True, slots=True)
class Change:
    """A stretch of days that differs from those before. Days are UTC days since 1970.

    `since` is the likeliest first day, `earliest` and `latest` how much earlier or later it may have been;
    `noticed` the day by which the evidence sufficed; `baseline` the days compared with; `size` in the unit of its
    series. `until`: the first day after it.
    """

    sign: int
    since: int
    earliest: int
    latest: int
    noticed: int
    size: Figure
    baseline: tuple[int, ...]
    last: int
    until: int | None = None
    ending: Ending | None = None


@dataclass(frozen=True, slots=True)
class Watched:
    """What was found in a series, oldest first; `baseline_days`: how many days the latest one is compared with.

    `worth`: the smallest change upwards that is looked for at the latest day, in the unit of the series.
    """

    changes: tuple[Change, ...]
    state: State
    baseline_days: int
    worth: float | None = None


def threshold(series: int, false_alarms_per_year: float) -> float:
    """How much evidence a change needs where so many series are watched, each direction that is told counted.

    The number of series counts as the next power of two, so that one more endpoint seldom moves it.
    """
    rounded = 2 ** math.ceil(math.log2(max(1, series)))
    return max(math.log(100), math.log(rounded * 365.25 / false_alarms_per_year))


def watch(series: Series, at: float, today: int) -> Watched:
    """Go through a series with a threshold; `today` is the current UTC day."""
    found = _Walk(series, at)
    for place in range(len(series.days)):
        found.take(place)
    return found.told(today)


@dataclass(slots=True)
class _Sum:
    """Page's sum in one direction, with the days since it was last 0."""

    sign: int
    places: list[int] = field(default_factory=list)
    total: float = 0.0

    def add(self, place: int, evidence: float) -> None:
        self.total += evidence
        if self.total <= 0:
            self.reset()
        else:
            self.places.append(place)

    def reset(self) -> None:
        self.total, self.places = 0.0, []

    def begun(self, normal: Normal) -> tuple[int, int, int]:
        """Places at which the change may have begun: the earliest, the likeliest and the latest.

        A change is taken to have the size that the days since then show: the sum above is one for the smallest change
        worth knowing, and begins too early for a larger one.
        """
        likelihood = np.array([_likelihood(normal, self.places[first:]) for first in range(len(self.places))])
        likely = np.flatnonzero(likelihood >= likelihood.max() - SUPPORT)
        return self.places[int(likely[0])], self.places[int(likelihood.argmax())], self.places[int(likely[-1])]


def _likelihood(normal: Normal, places: Sequence[int]) -> float:
    """Log likelihood ratio of some days, for a change of the size that they show."""
    size = normal.change(places).value
    return 0.0 if size is None else sum(normal.evidence(place, size) for place in places)


@dataclass(slots=True)
class _Open:
    """A change that goes on, against what was normal when it was noticed."""

    sign: int
    begun: tuple[int, int, int]
    noticed: int
    normal: Normal
    baseline: list[int]
    places: list[int]
    back: _Sum
    expected: float


class _Walk:
    """Where a series has got to."""

    def __init__(self, series: Series, at: float) -> None:
        self._series, self._at = series, at
        self._cap = ONE_DAY_SHARE * at if series.odd_days else math.inf
        self._sums = (_Sum(1), _Sum(-1))
        self._open: _Open | None = None
        self._since = -(2**31)
        self._apart: set[int] = set()
        self._found: list[Change] = []
        self._baseline: list[int] = []
        self._worth: float | None = None

    def take(self, place: int) -> None:
        """One more day."""
        days = self._series.days
        if self._open is not None and days[place] - days[self._open.places[-1]] > SETTLES_AFTER_DAYS:
            self._end(Ending.NO_LONGER_MEASURED, int(days[self._open.places[-1]]) + 1)
        if self._open is None:
            self._look(place)
        else:
            self._follow(self._open, place)

    def _look(self, place: int) -> None:
        self._baseline = self._days_before(place)
        normal = None
        if len(self._baseline) >= LEAST_BASELINE_DAYS:
            normal = self._series.normal(place, self._baseline)
        self._worth = None if normal is None else normal.worth(1)
        if normal is None:
            for one in self._sums:
                one.reset()
            return
        for one in self._sums:
            size = normal.worth(one.sign)
            if size is not None:
                one.add(place, min(self._cap, normal.evidence(place, size)))
            if one.total >= self._at:
                self._begin(one, place, normal)
                return

    def _days_before(self, place: int) -> list[int]:
        days = self._series.days
        first, last = np.searchsorted(days, (days[place] - BASELINE_DAYS, days[place] - LAG_DAYS))
        return [p for p in range(int(first), int(last)) if p not in self._apart and days[p] >= self._since]

    def _begin(self, one: _Sum, place: int, normal: Normal) -> None:
        begun = one.begun(normal)
        places = list(range(begun[1], place + 1))
        size, worth = normal.change(places).value or 0.0, normal.worth(one.sign) or 0.0
        expected = size if abs(size) > abs(worth) else worth
        self._open = _Open(one.sign, begun, place, normal, self._baseline, places, _Sum(-one.sign), expected)
        for each in self._sums:
            each.reset()

    def _follow(self, now: _Open, place: int) -> None:
        """Either it is over, or it goes on, or it has lasted so long that it is how things are."""
        days = self._series.days
        now.places.append(place)
        now.back.add(place, min(self._cap, -now.normal.evidence(place, now.expected)))
        if now.back.total >= END_THRESHOLD:
            over = now.back.places[0]
            now.places = [p for p in now.places if p < over] or [now.noticed]
            self._end(Ending.RECOVERED, int(days[over]))
        elif days[place] - days[now.begun[1]] >= SETTLES_AFTER_DAYS:
            self._end(Ending.NEW_NORMAL, int(days[place]) + 1)

    def _end(self, ending: Ending, until: int) -> None:
        if self._open is None:
            return
        now, self._open = self._open, None
        self._found.append(self._change(now, until, ending))
        if ending is Ending.RECOVERED:
            self._apart.update(now.places)
        else:
            self._since = int(self._series.days[now.begun[1]])

    def _change(self, now: _Open, until: int | None, ending: Ending | None) -> Change:
        days = self._series.days
        earliest, since, latest = (int(days[p]) for p in now.begun)
        baseline = tuple(int(days[p]) for p in now.baseline)
        size, noticed, last = now.normal.change(now.places), int(days[now.noticed]), int(days[now.places[-1]])
        return Change(now.sign, since, earliest, latest, noticed, size, baseline, last, until, ending)

    def told(self, today: int) -> Watched:
        """All that was found, as of a day that may be later than the last one of the series."""
        if self._open is not None:
            last = int(self._series.days[self._open.places[-1]])
            if today - last <= SETTLES_AFTER_DAYS:
                found = (*self._found, self._change(self._open, None, None))
                return Watched(found, State.CHANGED, len(self._open.baseline), self._open.normal.worth(1))
            self._end(Ending.NO_LONGER_MEASURED, last + 1)
        state = State.LEARNING if self._worth is None else State.QUIET
        return Watched(tuple(self._found), state, len(self._baseline), self._worth)
