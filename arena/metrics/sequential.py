"""Stopping once an interval is narrow enough, without being fooled by having looked.

Whoever looks at a 95 % interval again and again, and stops when it happens to be narrow, is wrong more often than once
in twenty. So looks are few and known beforehand, and the intervals at all of them hold together with 95 %: repeated
confidence intervals (Jennison & Turnbull 1989, JRSS B 51:305-361), here for a quantile. How many of the first n values
lie below the true quantile is a binomial walk whatever continuous law they follow, so the chance that every look's pair
of order statistics covers it is computed exactly, and the level of each look chosen by it (the same at all looks, as
Pocock 1977, Biometrika 64:191-199). A sequence that may be looked at after every value (Howard & Ramdas 2022, Bernoulli
28:1704-1728) would need more values for the same width. Where prompts repeat the intervals are clustered, and then the
coverage is measured, not proven (`make bench-coverage`).
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from arena.metrics.base import Figure
from arena.metrics.intervals import CONFIDENCE, order_statistic_ranks, quantile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

FIRST_LOOK = 30
GROWTH = 1.25
"""Each look has a quarter more values than the one before: at most so many too many are taken."""
HALVINGS = 20


def looks(most: int) -> tuple[int, ...]:
    """After how many values to look, if there will be at most so many; the last look is at all of them."""
    found: list[int] = []
    n = FIRST_LOOK
    while n < most:
        found.append(n)
        n = int(np.ceil(n * GROWTH))
    return (*found, most) if most >= FIRST_LOOK else ()


@cache
def look_confidence(q: float, at: tuple[int, ...]) -> float:
    """The confidence of each look's interval at which all of them hold together with at least 95 %."""
    low, high = CONFIDENCE, 1.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if together(q, at, middle) >= CONFIDENCE else (middle, high)
    return high


def together(q: float, at: Sequence[int], confidence: float) -> float:
    """The chance that the intervals of all looks cover the q-quantile of a continuous law, each of this confidence.

    `inside[k]` is the chance that `offset + k` of the values so far lie below it and that no look has missed it yet.
    """
    inside, offset, before = np.ones(1), 0, 0
    for n in at:
        steps, first = _steps(n - before, q)
        inside, offset, before = np.convolve(inside, steps), offset + first, n
        ranks = order_statistic_ranks(n, q, confidence)
        if ranks is None:
            continue  # withheld: nothing is claimed at this look
        low, high = ranks  # it covers if at least `low` and fewer than `high` values lie below
        kept = slice(max(0, low - offset), max(0, high - offset))
        inside, offset = inside[kept], max(offset, low)
    return float(inside.sum())


def _steps(n: int, q: float) -> tuple[NDArray[np.float64], int]:
    """Binomial probabilities of n more values, without tails too thin to be told, and the first count."""
    from scipy.special import bdtr

    spread = 9 * np.sqrt(n * q * (1 - q)) + 9
    first, last = max(0, int(n * q - spread)), min(n, int(n * q + spread) + 1)
    below = bdtr(np.arange(first, last + 1, dtype=float), n, q)
    return np.diff(below, prepend=0.0 if first == 0 else bdtr(float(first - 1), n, q)), first


class Precision:
    """One endpoint's values in the order in which they are added, and whether their quantile is known well enough.

    `relative_width`: of the interval, from end to end, over the value. At most `most` values will come. Once reached it
    stays so: `figure` is the interval of the look that reached it, else of the latest look.
    """

    def __init__(self, q: float, relative_width: float, most: int) -> None:
        self._q, self._relative_width = q, relative_width
        self._at = looks(most)
        self._confidence = look_confidence(q, self._at) if self._at else CONFIDENCE
        self._values: list[float] = []
        self._clusters: list[object] = []
        self.figure: Figure = Figure(None, 0)
        self.reached = False

    @property
    def relative_width(self) -> float | None:
        """Of `figure`; None where there is no interval yet."""
        return width(self.figure)

    def add(self, value: float, cluster: object) -> None:
        """One more value and its prompt; looks where it is time to."""
        self._values.append(value)
        self._clusters.append(cluster)
        if self.reached or len(self._values) not in self._at:
            return
        self.figure = quantile(self._values, self._q, self._clusters, self._confidence)
        found = self.relative_width
        self.reached = found is not None and found <= self._relative_width


def width(figure: Figure) -> float | None:
    """An interval from end to end over its value; None where there is none."""
    if figure.low is None or figure.high is None or not figure.value:
        return None
    return (figure.high - figure.low) / figure.value
