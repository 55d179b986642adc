"""The level of a measured value by days, with what prompts do to it taken out.

Trials of one day share what the provider was like on that day, so a day is the unit: its level is the median (or
another quantile, or the mean) of how far each trial is from what its prompt usually takes. How much levels differ from
day to day while nothing changes is estimated from the days before; nothing is assumed of single trials.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from arena.metrics.base import Figure
from arena.metrics.changes import BASELINE_DAYS, LEAST_BASELINE_DAYS
from arena.metrics.clusters import Z_95

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

ANCHOR_DAYS = 7
"""How often it is looked up what each prompt usually takes."""
LEAST_PROMPT_DAYS = 3
"""On how many days a prompt must have been asked before it says anything."""
REACH_DAYS = 64
WINSOR = 0.1
WINSORED_SD = 0.8238
"""Standard deviation of a standard normal value that is kept within its 10th and 90th percentile."""
MOST_AUTOCORRELATION = 0.7
LEAST_CENTRED = 40
"""From how many trials their own scatter is known."""
TAIL = 0.001
"""Where Student's quantile is held against the normal one: about where one day's evidence matters most."""


class Levels:
    """Values (m,) of one endpoint by UTC day (m,) and prompt (m,), the latter as codes from 0 on.

    `q`: which quantile is the day's level, None for the mean. `least`: how many trials a day needs. `worth`: the
    change that is looked for, in the unit of the values. `floor`: days are taken to differ by at least so much.
    """

    odd_days = True

    def __init__(
        self,
        day: NDArray[np.int64],
        prompt: NDArray[np.int64],
        value: Numbers,
        *,
        q: float | None,
        least: int,
        worth: float,
        floor: float,
    ) -> None:
        order = np.argsort(day, kind="stable")
        self._prompt, self._value = prompt[order], value[order]
        self._q, self._least, self.worth, self.floor = q, least, worth, floor
        self._every_day, begins, counts = np.unique(day[order], return_index=True, return_counts=True)
        self._ends = np.append(begins, day.size)
        self._place_of_row = np.repeat(np.arange(self._every_day.size), counts)
        self.days = self._every_day
        self._usual = _cell_medians(self._place_of_row, self._prompt, self._value, self._every_day.size)
        self._known: dict[int, _Compared] = {}

    def normal(self, place: int, baseline: Sequence[int]) -> NormalLevel | None:
        """What levels are like without a change; None where too few of the days can be compared with this one."""
        compared = self._levels(int(self.days[place]) // ANCHOR_DAYS * ANCHOR_DAYS)
        used = [p for p in baseline if compared.n[p] >= self._least]
        if len(used) < LEAST_BASELINE_DAYS:
            return None
        return NormalLevel.estimated(compared, np.asarray(used), self)

    def _levels(self, anchor: int) -> _Compared:
        """Levels by what prompts took in the weeks before a day."""
        if anchor not in self._known:
            first, last = np.searchsorted(self.days, (anchor - BASELINE_DAYS, anchor))
            usual = _row_medians(self._usual[:, first:last], LEAST_PROMPT_DAYS)
            begin, end = np.searchsorted(self.days, (anchor - REACH_DAYS, anchor + REACH_DAYS))
            rows = slice(int(self._ends[begin]), int(self._ends[end]))
            residual = self._value[rows] - usual[self._prompt[rows]]
            here = ~np.isnan(residual)
            residual, place = residual[here], self._place_of_row[rows][here]
            levels, n = _by_place(residual, place, self.days.size, self._q)
            before = (place >= first) & (place < last)
            self._known[anchor] = _Compared(levels, n, _one_trial((residual - levels[place])[before], self._q))
        return self._known[anchor]

    @property
    def least(self) -> int:
        """How many trials a day needs."""
        return self._least


@dataclass(frozen=True, slots=True)
class _Compared:
    """Levels (d,) and the trials behind them (d,), 0 where none can be compared; and how much one trial scatters.

    `one_trial`: the standard error of a level of n trials, were nothing but trials to differ, is this over sqrt(n).
    """

    levels: Numbers
    n: NDArray[np.int64]
    one_trial: float


@dataclass(frozen=True, slots=True)
class NormalLevel:
    """Levels without a change: normal around a centre, a day of fewer trials than usual the wider."""

    levels: Numbers
    n: NDArray[np.int64]
    centre: float
    spread: float
    usual_n: float
    days: int
    series: Levels

    @classmethod
    def estimated(cls, compared: _Compared, used: NDArray[np.int64], series: Levels) -> NormalLevel:
        """From the levels of some days, none of which is taken at more than its 90th percentile.

        The spread is widened for days that resemble their neighbours, by the long-run variance of a first-order
        autoregression, and for having been estimated itself, by Student's quantile over the normal one. Days cannot
        differ by less than their trials make them.
        """
        levels, n = compared.levels, compared.n
        usual_n = float(np.median(n[used]))
        centre = float(_winsored(levels[used]).mean())
        deviation = _winsored((levels[used] - centre) / np.sqrt(_wider(n[used], usual_n)))
        spread = float(np.sqrt(np.square(deviation).mean() * used.size / (used.size - 1))) / WINSORED_SD
        known = spread * math.sqrt((1 + 1 / used.size) * _persistence(deviation)) * student_ratio(used.size - 1)
        least = max(series.floor, compared.one_trial / math.sqrt(usual_n))
        return cls(levels, n, centre, max(least, known), usual_n, int(used.size), series)

    def worth(self, sign: int) -> float:
        """The change looked for; where days differ by more than it, so much as they differ."""
        return sign * max(self.series.worth, self.spread)

    def evidence(self, place: int, change: float) -> float:
        """Log likelihood ratio of a day; 0 for a day of too few trials."""
        if self.n[place] < self.series.least:
            return 0.0
        variance = self.spread**2 * max(1.0, self.usual_n / self.n[place])
        return float(change * (self.levels[place] - self.centre - change / 2) / variance)

    def change(self, places: Sequence[int]) -> Figure:
        """How far these days are from the centre, weighted by how much each can tell."""
        used = np.asarray([p for p in places if self.n[p] >= self.series.least], dtype=np.int64)
        if not used.size:
            return Figure(None, 0)
        weight = 1 / _wider(self.n[used], self.usual_n)
        value = float((weight * self.levels[used]).sum() / weight.sum()) - self.centre
        half = Z_95 * self.spread * math.sqrt(1 / weight.sum() + 1 / self.days)
        return Figure(value, int(self.n[used].sum()), value - half, value + half)


def _one_trial(centred: Numbers, q: float | None) -> float:
    """The scatter of one trial around its day's level, for a quantile by the sparsity of trials there (Siddiqui 1960,
    J. Res. Nat. Bur. Stand. 64B:145-150).
    """
    if centred.size < LEAST_CENTRED:
        return 0.0
    if q is None:
        return float(centred.std())
    width = min(q, 1 - q) / 2
    below, above = np.quantile(centred, (q - width, q + width))
    return float((above - below) / (2 * width)) * math.sqrt(q * (1 - q))


def _wider(n: NDArray[np.int64], usual_n: float) -> Numbers:
    """By how much the variance of days of n trials (d,) exceeds that of usual ones: as if all of it came by trials.

    That is too much where it comes by days, and right where it comes by batches.
    """
    return np.maximum(1.0, usual_n / np.maximum(n, 1))


def _winsored(values: Numbers) -> Numbers:
    """Values (n,) within their 10th and 90th percentile, as numpy interpolates these, in a tenth of its time."""
    ordered, rank = np.sort(values), WINSOR * (values.size - 1)
    lower, part = int(rank), rank - int(rank)
    low = ordered[lower] + part * (ordered[lower + 1] - ordered[lower])
    high = ordered[-1 - lower] - part * (ordered[-1 - lower] - ordered[-2 - lower])
    kept: Numbers = np.minimum(np.maximum(values, low), high)
    return kept


def _persistence(deviation: Numbers) -> float:
    """The long-run variance over that of single days, from the first autocorrelation; 1 where there is none.

    From few days the autocorrelation comes out too small by (1 + 3 rho) / n (Kendall 1954, Biometrika 41:403-404).
    """
    square, n = float(deviation @ deviation), deviation.size
    rho = float(deviation[1:] @ deviation[:-1]) / square if square > 0 else 0.0
    rho = (rho + 1 / n) / (1 - 3 / n)
    rho = min(max(rho, 0.0), MOST_AUTOCORRELATION)
    return (1 + rho) / (1 - rho)


@cache
def student_ratio(degrees: int) -> float:
    """Student's quantile over the normal one: what a spread that was estimated is worth less than a known one."""
    from scipy.special import ndtri, stdtrit

    return float(stdtrit(max(2, degrees), 1 - TAIL) / ndtri(1 - TAIL))


def _cell_medians(place: NDArray[np.int64], prompt: NDArray[np.int64], value: Numbers, days: int) -> Numbers:
    """The median of each prompt (g,) on each day (d,), shape (g, d); NaN where it was not asked."""
    prompts = int(prompt.max()) + 1 if prompt.size else 0
    medians, _ = _by_place(value, prompt * days + place, prompts * days, 0.5)
    return medians.reshape(prompts, days)


def _row_medians(cells: Numbers, least: int) -> Numbers:
    """The median of each row (g,) over its days; NaN where fewer than `least` are known."""
    found = np.full(cells.shape[0], np.nan)
    enough = (~np.isnan(cells)).sum(axis=1) >= least
    if enough.any():
        found[enough] = np.nanmedian(cells[enough], axis=1)
    return found


def _by_place(
    value: Numbers, place: NDArray[np.int64], places: int, q: float | None
) -> tuple[Numbers, NDArray[np.int64]]:
    """The q-quantile (None: the mean) of the values at each place, shape (places,), and how many there are."""
    n = np.bincount(place, minlength=places)
    found, some = np.full(places, np.nan), np.flatnonzero(n)
    if q is None:
        found[some] = np.bincount(place, value, places)[some] / n[some]
        return found, n
    ordered = value[np.lexsort((value, place))]
    begins = np.concatenate(([0], np.cumsum(n)[:-1]))[some]
    rank = (n[some] - 1) * q
    lower = np.floor(rank).astype(np.int64)
    upper = np.minimum(lower + 1, n[some] - 1)
    low, high = ordered[begins + lower], ordered[begins + upper]
    found[some] = low + (rank - lower) * (high - low)
    return found, n
