"""Distribution-free intervals for quantiles, and the Wilson interval for rates; all two-sided 95 %.

No figure is shown that its sample cannot carry: a p95 needs 20 values, and its interval needs 59, because with fewer
not even the largest value lies above the true p95 with 95 % certainty (0.95^58 > 0.05). Where prompts repeat, an
interval is that of as many independent values as these are worth (`arena.metrics.clusters`).
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

from arena.metrics.base import Figure
from arena.metrics.clusters import Z_95, codes, effective_n

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from arena.metrics.clusters import Labels

CONFIDENCE = 0.95


def wilson(successes: int, n: int, effective_n: float | None = None) -> Figure:
    """A rate with Wilson's score interval (Wilson 1927, JASA 22:209-212): sensible at 0 and 1, and for small n.

    `effective_n`: how many independent trials these are worth, where that is fewer than n.
    """
    if n == 0:
        return Figure(None, 0)
    size = n if effective_n is None else effective_n
    rate, z2 = successes / n, Z_95**2
    centre = (rate + z2 / (2 * size)) / (1 + z2 / size)
    half = Z_95 / (1 + z2 / size) * math.sqrt(rate * (1 - rate) / size + z2 / (4 * size * size))
    # At 0 and at 1 the interval begins, or ends, there; floats would miss it by their last bit.
    return Figure(rate, n, centre - half if successes else 0.0, centre + half if successes < n else 1.0)


def clustered_rate(hits: NDArray[np.bool_], clusters: Labels) -> Figure:
    """The share of `hits` (n,), with the Wilson interval of as many independent trials as these are worth."""
    return wilson(int(hits.sum()), hits.size, effective_n(hits, codes(clusters)))


def smallest_n_for_value(q: float) -> int:
    """How many values a quantile needs before it is shown: one expected beyond it (20 for p95, 100 for p99)."""
    return 1 if q == 0.5 else math.ceil(round(1 / min(q, 1 - q), 9))


def quantile(
    values: Sequence[float] | NDArray[np.float64],
    q: float,
    clusters: Labels = None,
    confidence: float = CONFIDENCE,
) -> Figure:
    """A quantile with an order-statistic interval (Hahn & Meeker 1991, §5.2).

    The value interpolates linearly between order statistics (Hyndman & Fan 1996, type 7, as numpy does); the interval
    is a pair of order statistics around it that covers the true quantile of any continuous law with at least 95 %. Its
    ends are values that were measured. It is withheld when no such pair exists. With `clusters`, one label a value
    (its prompt), ranks are those of the effective number of values, moved outwards (Woodruff 1952, JASA 47:635-646):
    then the coverage is approximate.
    """
    import numpy as np

    measured = np.asarray(values, dtype=float)
    n = int(measured.size)
    if n < smallest_n_for_value(q):
        return Figure(None, n)
    value = float(np.quantile(measured, q))
    size = effective_n(measured <= value, codes(clusters))
    ranks = _ranks(n, math.floor(size), q, confidence)
    if ranks is None:
        return Figure(value, n)
    low, high = ranks[0] - 1, ranks[1] - 1
    ordered = np.partition(measured, (low, high))  # two ranks of many values do not need the others in order
    return Figure(value, n, float(ordered[low]), float(ordered[high]))


def _ranks(n: int, size: int, q: float, confidence: float) -> tuple[int, int] | None:
    """Ranks among n values that leave as large shares outside as those of `size` independent values would."""
    ranks = order_statistic_ranks(size, q, confidence)
    if ranks is None or size == n:
        return ranks
    return max(1, math.floor(ranks[0] / size * n)), min(n, math.ceil((ranks[1] - 1) / size * n) + 1)


@lru_cache(maxsize=4096)
def order_statistic_ranks(n: int, q: float, confidence: float = CONFIDENCE) -> tuple[int, int] | None:
    """Ranks (1…n) of the two order statistics that bound the q-quantile with at least this confidence, or None.

    The number of values below the true quantile is binomial(n, q), so P(X_(l) <= quantile < X_(u)) = F(u - 1) - F(l -
    1). Starting from the pair with equal tails, a missing tail is made up for by the other one.
    """
    if n < 1:
        return None
    tail = (1 - confidence) / 2
    low = _first_beyond(n, q, tail, or_at=False)  # the largest l with F(l - 1) <= tail
    high = _first_beyond(n, q, 1 - tail, or_at=True) + 1  # the smallest u with F(u - 1) >= 1 - tail
    if high > n:
        high = n
        low = _first_beyond(n, q, _below(n - 1, n, q) - confidence, or_at=False)
    elif low < 1:
        low = 1
        high = _first_beyond(n, q, _below(0, n, q) + confidence, or_at=True) + 1
    return (low, high) if 1 <= low < high <= n else None


def _below(k: int, n: int, q: float) -> float:
    """F(k): the probability that at most k of n values lie below the quantile."""
    from scipy.special import bdtr

    return float(bdtr(float(k), n, q))


def _first_beyond(n: int, q: float, probability: float, *, or_at: bool) -> int:
    """The smallest k in 0 … n - 1 with F(k) above this probability (or at it), n if there is none; by bisection."""
    low, high = 0, n
    while low < high:
        middle = (low + high) // 2
        at = _below(middle, n, q)
        beyond = at >= probability if or_at else at > probability
        low, high = (low, middle) if beyond else (middle + 1, high)
    return low


def fractional_quantile(values: Sequence[float], q: float, size: float | None = None) -> Figure:
    """A quantile from the median up with limits between order statistics, where the coverage is closest to 95 %.

    Order statistics alone cover more than they must, the more so the further out the quantile; put together in a
    difference that adds up. Ranks are fractional (Hutson 1999, J. Appl. Stat. 26:343-353), values interpolated. `size`:
    how many independent values these are worth. Shown and withheld as by `quantile`.
    """
    import numpy as np

    ordered = np.sort(np.asarray(values, dtype=float))
    n = ordered.size
    if n < smallest_n_for_value(q):
        return Figure(None, n)
    value, worth = float(np.quantile(ordered, q)), float(n) if size is None else size
    if order_statistic_ranks(math.floor(worth), q) is None:
        return Figure(value, n)
    tail = (1 - CONFIDENCE) / 2
    above = max(tail, q**worth)  # the largest value may leave more above it; then the lower end makes up for it
    ranks = _fractional_rank(worth, q, 2 * tail - above, up=False), _fractional_rank(worth, q, above, up=True)
    at = [min(max(rank / (worth + 1) * (n + 1), 1.0), float(n)) for rank in ranks]
    low, high = np.interp(at, np.arange(1, n + 1), ordered)
    return Figure(value, n, min(float(low), value), max(float(high), value))


def _fractional_rank(size: float, q: float, tail: float, *, up: bool) -> float:
    """The rank whose order statistic lies beyond the quantile, on that side, in all but `tail` of cases."""
    from scipy.special import betainc

    goal = tail if up else 1 - tail
    low, high = 1.0, size
    for _ in range(40):
        middle = (low + high) / 2
        # P(X_(r) <= quantile) = I_q(r, n - r + 1) falls with r
        low, high = (middle, high) if betainc(middle, size - middle + 1, q) > goal else (low, middle)
    return (low + high) / 2
