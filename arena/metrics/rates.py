"""How many of a day's attempts failed, by days: binomial, and wider where days differ by more than chance."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from arena.metrics.base import Figure
from arena.metrics.changes import LEAST_BASELINE_DAYS
from arena.metrics.intervals import wilson
from arena.metrics.levels import student_ratio

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

ODDS_RATIO = 2.0
"""The change looked for: twice the odds of a failure, or half of them."""


class Rates:
    """Failures (d,) among attempts (d,) by UTC day (d,). `worth`: a change is at least so large, as a share."""

    odd_days = False

    def __init__(
        self, days: NDArray[np.int64], failed: NDArray[np.int64], n: NDArray[np.int64], *, worth: float, least: int
    ) -> None:
        enough = n >= least
        self.days, self.failed, self.n, self.worth = days[enough], failed[enough], n[enough], worth

    def normal(self, place: int, baseline: Sequence[int]) -> NormalRate | None:
        """What days are like without a change."""
        del place
        if len(baseline) < LEAST_BASELINE_DAYS:
            return None
        used = np.asarray(baseline)
        failed, n = self.failed[used], self.n[used]
        share = float(failed.sum()) / float(n.sum())
        excess = 1.0
        if 0 < share < 1:
            square = np.square(failed - n * share).sum() / (share * (1 - share) * n.mean())
            excess = max(1.0, float(square) / (used.size - 1))
        guarded = (float(failed.sum()) + 1) / (float(n.sum()) + 2)
        widened = excess * student_ratio(used.size - 1) ** 2
        return NormalRate(self, guarded, widened, float(n.mean()), int(failed.sum()), int(n.sum()))


@dataclass(frozen=True, slots=True)
class NormalRate:
    """Days without a change: a share of failures, and by how much counts of the usual size vary more than binomial."""

    series: Rates
    share: float
    excess: float
    usual_n: float
    failed: int
    n: int

    def worth(self, sign: int) -> float | None:
        """The change of the share that is looked for; None where so few fail that no improvement could be worth it."""
        odds = self.share / (1 - self.share) * ODDS_RATIO**sign
        change = odds / (1 + odds) - self.share
        change = sign * max(abs(change), self.series.worth)
        return change if 0 < self.share + change < 1 else None

    def evidence(self, place: int, change: float) -> float:
        """Log likelihood ratio of a day's failures, beta-binomial where days differ by more than chance."""
        failed, n = int(self.series.failed[place]), int(self.series.n[place])
        other = min(max(self.share + change, 1e-6), 1 - 1e-6)
        return _log_likelihood(failed, n, other, self.alike) - _log_likelihood(failed, n, self.share, self.alike)

    @property
    def alike(self) -> float:
        """The correlation of two attempts of a day that makes counts of the usual size vary as they do."""
        return (self.excess - 1) / max(1.0, self.usual_n - 1)

    def change(self, places: Sequence[int]) -> Figure:
        """The share of failures on these days minus that before (Newcombe 1998, Stat. Med. 17:873-890, method 10)."""
        failed, n = int(self.series.failed[list(places)].sum()), int(self.series.n[list(places)].sum())
        now = wilson(failed, n, n / self.excess)
        before = wilson(self.failed, self.n, self.n / self.excess)
        if now.value is None or before.value is None:
            return Figure(None, n)
        value = now.value - before.value
        low = math.hypot(now.value - (now.low or 0.0), (before.high or 0.0) - before.value)
        high = math.hypot((now.high or 0.0) - now.value, before.value - (before.low or 0.0))
        return Figure(value, n, value - low, value + high)


def _log_likelihood(failed: int, n: int, share: float, alike: float) -> float:
    """Of a beta-binomial count, but for what does not depend on the share (Skellam 1948, JRSS B 10:257-261)."""
    if alike <= 0:
        return failed * math.log(share) + (n - failed) * math.log1p(-share)
    size = 1 / alike - 1
    a, b = share * size, (1 - share) * size
    return math.lgamma(failed + a) - math.lgamma(a) + math.lgamma(n - failed + b) - math.lgamma(b)
