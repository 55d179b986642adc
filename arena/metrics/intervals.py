"""Distribution-free intervals for quantiles, and the Wilson interval for rates; all two-sided 95 %.

No figure is shown that its sample cannot carry: a p95 needs 20 values, and its interval needs 59, because with fewer
not even the largest value lies above the true p95 with 95 % certainty (0.95^58 > 0.05).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from arena.metrics.base import Figure

if TYPE_CHECKING:
    from collections.abc import Sequence

Z_95 = 1.959963984540054
CONFIDENCE = 0.95


def wilson(successes: int, n: int) -> Figure:
    """A rate with Wilson's score interval (Wilson 1927, JASA 22:209-212): sensible at 0 and 1, and for small n."""
    if n == 0:
        return Figure(None, 0)
    rate, z2 = successes / n, Z_95**2
    centre = (rate + z2 / (2 * n)) / (1 + z2 / n)
    half = Z_95 / (1 + z2 / n) * math.sqrt(rate * (1 - rate) / n + z2 / (4 * n * n))
    return Figure(rate, n, max(0.0, centre - half), min(1.0, centre + half))


def smallest_n_for_value(q: float) -> int:
    """How many values a quantile needs before it is shown: one expected beyond it (20 for p95, 100 for p99)."""
    return 1 if q == 0.5 else math.ceil(round(1 / min(q, 1 - q), 9))


def quantile(values: Sequence[float], q: float) -> Figure:
    """A quantile with an order-statistic interval (Hahn & Meeker 1991, §5.2).

    The value interpolates linearly between order statistics (Hyndman & Fan 1996, type 7, as numpy does); the interval
    is a pair of order statistics around it that covers the true quantile of any continuous law with at least 95 %. Its
    ends are values that were measured. It is withheld when no such pair exists.
    """
    import numpy as np

    ordered = np.sort(np.asarray(values, dtype=float))
    n = int(ordered.size)
    if n < smallest_n_for_value(q):
        return Figure(None, n)
    value = float(np.quantile(ordered, q))
    ranks = order_statistic_ranks(n, q)
    if ranks is None:
        return Figure(value, n)
    low, high = ranks
    return Figure(value, n, float(ordered[low - 1]), float(ordered[high - 1]))


def order_statistic_ranks(n: int, q: float) -> tuple[int, int] | None:
    """Ranks (1…n) of the two order statistics that bound the q-quantile with at least 95 % confidence, or None.

    The number of values below the true quantile is binomial(n, q), so P(X_(l) <= quantile < X_(u)) = F(u - 1) - F(l -
    1). Starting from the pair with equal tails, a missing tail is made up for by the other one.
    """
    import numpy as np
    from scipy.special import bdtr

    cdf = bdtr(np.arange(n, dtype=float), n, q)  # cdf[k] = P(at most k of n values lie below the quantile)
    tail = (1 - CONFIDENCE) / 2
    low = int(np.searchsorted(cdf, tail, side="right"))  # the largest l with F(l - 1) <= tail
    high = int(np.searchsorted(cdf, 1 - tail, side="left")) + 1  # the smallest u with F(u - 1) >= 1 - tail
    if high > n:
        high = n
        low = int(np.searchsorted(cdf, cdf[n - 1] - CONFIDENCE, side="right"))
    elif low < 1:
        low = 1
        high = int(np.searchsorted(cdf, cdf[0] + CONFIDENCE, side="left")) + 1
    return (low, high) if 1 <= low < high <= n else None
