"""Prices that are the same for the same request until they change: compared exactly, call by call."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from arena.metrics.base import Figure
from arena.metrics.changes import SETTLES_AFTER_DAYS, Change, Ending, State, Watched

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEAST_CALLS = 3
"""So many calls must show a new price before it is one."""
SHARE = 0.9
"""Of the calls of one workload on one day that must show it."""
EXACT_SHARE = 0.7
"""Of calls that repeat an earlier one and must cost the same, or the price is one by the second or by the token."""


@dataclass(frozen=True, slots=True)
class Charges:
    """What images cost, (m,) each: the UTC day, the kind of request (its prompt and workload), the workload alone, and
    nano-dollars an image; in the order of time.
    """

    day: NDArray[np.int64]
    request: NDArray[np.int64]
    workload: NDArray[np.int64]
    nano_usd: NDArray[np.int64]

    def exact(self) -> bool:
        """Whether the same request costs the same next time, but for changes of the price."""
        order = np.lexsort((np.arange(self.day.size), self.request))
        repeated = np.diff(self.request[order]) == 0
        same = np.diff(self.nano_usd[order])[repeated] == 0
        return bool(same.size == 0 or same.mean() >= EXACT_SHARE)


@dataclass(slots=True)
class _Step:
    """A price that differs from the one before, and the days on which it was charged."""

    sign: int
    since: int
    ratio: float
    n: int
    last: int
    baseline: tuple[int, ...]
    days: list[int]


def price_steps(charges: Charges, today: int) -> Watched:
    """Every change of a price, told by the first day that shows it; its `size` is the logarithm of the new over the
    old price, with no interval, since it is known exactly.
    """
    walk = _Walk()
    for day in np.unique(charges.day).tolist():
        walk.take(day, charges)
    return walk.told(today)


class _Walk:
    """Where the prices of an endpoint have got to."""

    def __init__(self) -> None:
        self._normal: dict[int, int] = {}
        self._latest: dict[int, int] = {}
        self._days: list[int] = []
        self._all_days = 0
        self._open: _Step | None = None
        self._found: list[Change] = []

    def take(self, day: int, charges: Charges) -> None:
        """One more day."""
        if self._open is not None and day - self._open.since >= SETTLES_AFTER_DAYS:
            self._end(Ending.NEW_NORMAL, day)
        here = np.flatnonzero(charges.day == day)
        known = self._known(charges, here)
        changed = _changed(charges, here, known)
        if self._open is not None and changed.any() and _ratio(charges, here, known, changed) != self._open.ratio:
            self._end(Ending.NEW_NORMAL, day)  # it changed once more
            known = self._known(charges, here)
            changed = _changed(charges, here, known)
        if changed.any():
            self._note(day, _ratio(charges, here, known, changed), int(changed.sum()))
        elif self._open is not None and (known > 0).sum() >= LEAST_CALLS:
            self._end(Ending.RECOVERED, day)
        self._remember(charges.request[here].tolist(), charges.nano_usd[here].tolist())
        self._all_days += 1
        if self._open is None:
            self._days.append(day)
        else:
            self._open.days.append(day)

    def _known(self, charges: Charges, here: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.array([self._normal.get(r, -1) for r in charges.request[here].tolist()], dtype=np.int64)

    def _note(self, day: int, ratio: float, calls: int) -> None:
        if self._open is None:
            self._open = _Step(1 if ratio > 1 else -1, day, ratio, 0, day, tuple(self._days), [])
        self._open.n, self._open.last = self._open.n + calls, day

    def _remember(self, requests: list[int], prices: list[int]) -> None:
        for request, price in zip(requests, prices, strict=True):
            self._latest[request] = price
            if self._open is None:
                self._normal.setdefault(request, price)

    def _end(self, ending: Ending, until: int) -> None:
        if self._open is None:
            return
        step, self._open = self._open, None
        self._found.append(_change(step, until, ending))
        if ending is Ending.RECOVERED:
            self._normal = self._latest | self._normal
        else:
            self._normal, self._days = self._normal | self._latest, step.days

    def told(self, today: int) -> Watched:
        """All that was found, as of a day that may be later than the last one with a price."""
        if self._open is not None and today - self._open.since >= SETTLES_AFTER_DAYS:
            gone = today - self._open.last > SETTLES_AFTER_DAYS
            ending = Ending.NO_LONGER_MEASURED if gone else Ending.NEW_NORMAL
            self._end(ending, self._open.last + 1)
        if self._open is not None:
            return Watched((*self._found, _change(self._open, None, None)), State.CHANGED, self._all_days)
        return Watched(tuple(self._found), State.QUIET if self._all_days > 1 else State.LEARNING, self._all_days)


def _changed(charges: Charges, here: NDArray[np.int64], known: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which calls of a day cost otherwise than is normal, where nearly all calls of their workload do."""
    nano_usd, workload = charges.nano_usd[here], charges.workload[here]
    other = (known > 0) & (nano_usd != known)
    changed: NDArray[np.bool_] = np.zeros(other.size, dtype=bool)
    for one in np.unique(workload[known > 0]).tolist():
        mine = (known > 0) & (workload == one)
        if (other & mine).sum() >= max(LEAST_CALLS, SHARE * mine.sum()):
            changed |= other & mine
    return changed


def _ratio(charges: Charges, here: NDArray[np.int64], known: NDArray[np.int64], changed: NDArray[np.bool_]) -> float:
    return round(float(np.median(charges.nano_usd[here][changed] / known[changed])), 9)


def _change(step: _Step, until: int | None, ending: Ending | None) -> Change:
    size = Figure(math.log(step.ratio), step.n)
    return Change(
        step.sign, step.since, step.since, step.since, step.since, size, step.baseline, step.last, until, ending
    )
