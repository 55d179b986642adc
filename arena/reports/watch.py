"""Incidents: what of an endpoint is no longer as it was, computed anew from the stored history each time.

Nothing of it is stored. The same history gives the same incidents, because a day is judged by itself and by those
before it alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import numpy as np

from arena.domain.watch import Direction, Incident, Rules, Watchable
from arena.metrics import watched_figures
from arena.metrics.base import Figure
from arena.metrics.changes import BASELINE_DAYS, SETTLES_AFTER_DAYS, Change, Watched, threshold, watch
from arena.metrics.figures import METRICS, cost_per_image, success_rate
from arena.metrics.price_steps import price_steps
from arena.reports.summary import by_endpoint
from arena.reports.watched_scores import Scores, watched_scores
from arena.store import watched

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import pandas as pd

    from arena.metrics.changes import Series
    from arena.store.engine import Connection

HISTORY_DAYS = 200
FORGOTTEN_DAYS = BASELINE_DAYS + SETTLES_AFTER_DAYS
"""After so many days a history no longer depends on where it was begun; what is noticed earlier is not shown."""
METRIC_OF = {Watchable.P50: "time_to_image_p50_ms", Watchable.P95: "time_to_image_p95_ms",
             Watchable.SUCCESS: "success_rate", Watchable.PRICE: "cost_per_image_usd"}  # fmt: skip
UNIT_OF = {Watchable.P50: "ms", Watchable.P95: "ms", Watchable.SUCCESS: "ratio", Watchable.PRICE: "usd"}
_COMPUTE: dict[Watchable, Callable[[pd.DataFrame], Figure]] = {
    Watchable.SUCCESS: success_rate,
    Watchable.PRICE: cost_per_image,
} | {f: m.compute for f in (Watchable.P50, Watchable.P95) for m in METRICS if m.name == METRIC_OF[f]}
_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class SeriesState:
    """One figure of one endpoint: `learning`, `quiet` or `changed`.

    `baseline_days`: how many days its latest one is compared with. `noticeable`: the smallest change for the worse that
    is looked for, relative or, for success and quality, as a difference in `unit`; None while learning and for exact
    prices. `by`: whose scores, of quality.
    """

    endpoint: str
    simulated: bool
    figure: Watchable
    state: str
    baseline_days: int
    noticeable: float | None
    unit: str
    by: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """All incidents, open ones first, then the latest first; and what each series is known to be like."""

    incidents: list[Incident]
    series: list[SeriesState]
    as_of: datetime


@dataclass(slots=True)
class _One:
    """A figure of an endpoint that is to be gone through.

    `worse_sign`: the sign of a change for the worse; 0 where neither way is. `rows`: its attempts, or its scores.
    """

    endpoint: str
    simulated: bool
    figure: Watchable
    go: Callable[[float, int], Watched]
    relative: bool
    worse_sign: int
    rows: pd.DataFrame | None = None
    scores: Scores | None = None

    @property
    def by(self) -> str:
        """Whose scores they are."""
        return "" if self.scores is None else self.scores.name

    @property
    def unit(self) -> str:
        """Of the figure; changes are relative to it or in it."""
        return UNIT_OF[self.figure] if self.scores is None else self.scores.unit

    def direction(self, sign: int) -> Direction:
        """What a change of this sign is."""
        if self.worse_sign == 0:
            return Direction.DIFFERENT
        return Direction.WORSE if sign == self.worse_sign else Direction.BETTER


def incidents(connection: Connection, now: datetime, rules: Rules | None = None) -> list[Incident]:
    """Every incident of the last months, open ones first; see `report`."""
    return report(connection, now, rules).incidents


def report(connection: Connection, now: datetime, rules: Rules | None = None, scores: Sequence[Scores] = ()) -> Report:
    """Go through the stored history as of an instant; `scores` are watched as quality beside those that are stored."""
    rules = rules or Rules()
    today = (now.astimezone(UTC).date() - _EPOCH).days
    begin = datetime.combine(_EPOCH + timedelta(days=today - HISTORY_DAYS), datetime.min.time(), UTC)
    frame = watched.outcomes(connection, begin, now)
    every = [one for rows in by_endpoint(frame) if _named(rows, rules) for one in _of_rows(rows, rules)]
    if Watchable.QUALITY in rules.figures:
        stored = watched_scores(connection, begin, now, rules.worth.quality)
        every += [one for s in (*stored, *scores) for one in _of_scores(s, rules)]
    ways = sum(2 if rules.tell_better or one.worse_sign == 0 else 1 for one in every)
    at = threshold(ways, rules.false_alarms_per_year)
    days = watched_figures.utc_days(frame)
    begun_earlier = bool(((days >= 0) & (days <= today - HISTORY_DAYS + 1)).any())  # -1: nobody knows
    shown_from = today - HISTORY_DAYS + (FORGOTTEN_DAYS if begun_earlier else 0)
    found: list[Incident] = []
    states: list[SeriesState] = []
    for one in every:
        told = one.go(at, today)
        states.append(_state(one, told))
        found += [_incident(one, change) for change in told.changes if change.noticed >= shown_from]
    found.sort(key=lambda i: (not i.open, -i.noticed.toordinal(), i.series))
    return Report(found, states, now)


def _named(rows: pd.DataFrame, rules: Rules) -> bool:
    return any(fnmatchcase(str(rows["endpoint"].iloc[0]), pattern) for pattern in rules.endpoints)


def _of_rows(rows: pd.DataFrame, rules: Rules) -> Iterator[_One]:
    """The series of an endpoint's measured attempts."""
    endpoint, simulated = str(rows["endpoint"].iloc[0]), bool(rows["simulated"].iloc[0])
    for figure in dict.fromkeys(rules.figures):
        match figure:
            case Watchable.P50 | Watchable.P95:
                worth = rules.worth.p50 if figure is Watchable.P50 else rules.worth.p95
                levels = watched_figures.latency(rows, figure, worth)
                go = None if levels is None else _watching(levels)
            case Watchable.SUCCESS:
                rates = watched_figures.success(rows, rules.worth.success)
                go = None if rates is None else _watching(rates)
            case Watchable.PRICE:
                go = _price(rows, rules.worth.price)
            case _:
                continue
        if go is not None:
            yield _One(endpoint, simulated, figure, go, figure is not Watchable.SUCCESS, 1, rows)


def _watching(series: Series) -> Callable[[float, int], Watched]:
    return lambda at, today: watch(series, at, today)


def _price(rows: pd.DataFrame, worth: float) -> Callable[[float, int], Watched] | None:
    charges = watched_figures.charges(rows)
    if charges is None:
        return None
    if charges.exact():
        return lambda _at, today: price_steps(charges, today)
    return _watching(watched_figures.price_levels(charges, worth))


def _of_scores(scores: Scores, rules: Rules) -> Iterator[_One]:
    """The series of an endpoint's images as they were scored."""
    for (endpoint, simulated), rows in scores.frame.groupby(["endpoint", "simulated"], sort=True, observed=True):
        levels = watched_figures.quality(rows, scores.worth)
        if levels is not None and any(fnmatchcase(str(endpoint), pattern) for pattern in rules.endpoints):
            worse = {"higher": -1, "lower": 1, None: 0}[scores.better]
            kept = rows if scores.absolute else None
            yield _One(str(endpoint), bool(simulated), Watchable.QUALITY, _watching(levels), False, worse, kept, scores)


def _state(one: _One, told: Watched) -> SeriesState:
    worth = told.worth if told.worth is None or not one.relative else float(np.expm1(told.worth))
    days, unit = told.baseline_days, one.unit
    return SeriesState(one.endpoint, one.simulated, one.figure, told.state.value, days, worth, unit, one.by)


def _incident(one: _One, change: Change) -> Incident:
    before, now = _levels(one, change)
    low, value, high = (_size(one, part) for part in (change.size.low, change.size.value, change.size.high))
    if one.figure is Watchable.SUCCESS:  # counted in failures, told in successes
        low, high = high, low
    return Incident(
        endpoint=one.endpoint, simulated=one.simulated, figure=one.figure, by=one.by,
        direction=one.direction(change.sign),
        since=_date(change.since), earliest=_date(change.earliest), latest=_date(change.latest),
        noticed=_date(change.noticed), last=_date(change.last), unit=one.unit, before=before, now=now,
        change=value, change_low=low, change_high=high, n=change.size.n,
        baseline_from=_date(change.baseline[0]), baseline_to=_date(change.baseline[-1]),
        until=None if change.until is None else _date(change.until),
        ending=None if change.ending is None else change.ending.value,
    )  # fmt: skip


def _size(one: _One, size: float | None) -> float | None:
    if size is None:
        return None
    if one.relative:
        return float(np.expm1(size))
    return -size if one.figure is Watchable.SUCCESS else size


def _levels(one: _One, change: Change) -> tuple[float | None, float | None]:
    """The figure as the tables show it, over the days compared with and over those since the change."""
    if one.rows is None:
        return None, None
    by_score = one.scores is not None
    compute = _mean_score if by_score else _COMPUTE[one.figure]
    day = one.rows["day"].to_numpy() if by_score else watched_figures.utc_days(one.rows)
    since = (day >= change.since) & (day <= change.last)
    before, now = (compute(one.rows[here]).value for here in (np.isin(day, change.baseline), since))
    return before, now


def _mean_score(rows: pd.DataFrame) -> Figure:
    return Figure(float(rows["score"].mean()), len(rows))


def _date(day: int) -> date:
    return _EPOCH + timedelta(days=day)
