"""Differences between contenders: their own intervals, which claims hold all at once, and the tiers that follow.

Whether two contenders differ is asked of their difference: two intervals that overlap prove nothing. All pairs are
compared at once, with the quantile of the largest of their t statistics, so that with 95 % confidence not one of the
claims of a board is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from arena.ratings.davidson import ELO_PER_LOGIT, Array, Fit
from arena.ratings.intervals import CONFIDENCE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from arena.ratings.intervals import Precision

DRAWS = 2000
SEED = 20260101


@dataclass(frozen=True, slots=True)
class Contrast:
    """a − b on the Elo scale, with its 95 % interval; `low`, `high` infinite where none can be had."""

    difference_elo: float
    low_elo: float
    high_elo: float

    @property
    def decided(self) -> bool:
        """Whether the interval leaves out "equal"."""
        return self.low_elo > 0 or self.high_elo < 0


def contrast(fitted: Fit, precise: Precision, a: int, b: int) -> Contrast:
    """The difference of two contenders, as if it were the only one that is looked at."""
    se = float(standard_errors(precise, len(fitted.theta))[a, b])
    difference = float(fitted.theta[a] - fitted.theta[b]) * ELO_PER_LOGIT
    half = float(precise.quantiles_between()[a, b]) * se * ELO_PER_LOGIT if se > 0 else float("inf")
    return Contrast(difference, difference - half, difference + half)


def standard_errors(precise: Precision, n: int) -> Array:
    """Of every difference, in logits, shape (n, n)."""
    covariance = precise.covariance[:n, :n]
    variance = np.diag(covariance)
    return np.asarray(np.sqrt(np.maximum(variance[:, None] + variance[None, :] - 2 * covariance, 0)))


def simultaneous_quantile(precise: Precision, chosen: NDArray[np.bool_], confidence: float = 0.95) -> float:
    """The quantile of max |t| over all differences of the chosen contenders; infinite where no interval can be had.

    Drawn from the multivariate t with the estimated correlations (Hothorn, Bretz & Westfall 2008, Biometrical Journal
    50:346-363), with a fixed seed. With fewer clusters than contenders the estimated correlations are singular and too
    optimistic; then it is Šidák's quantile, which needs none.
    """
    members = np.flatnonzero(chosen)
    n = len(members)
    if precise.freedom < 1 or n < 2:
        return float("inf")
    pairs = n * (n - 1) // 2
    sidak = float(stats.t.ppf((1 + confidence ** (1 / pairs)) / 2, precise.freedom))
    if precise.freedom < 2 * n:
        return sidak
    rng = np.random.default_rng(SEED)
    values, vectors = np.linalg.eigh(precise.covariance[np.ix_(members, members)])
    root = vectors * np.sqrt(np.maximum(values, 0))
    normal = rng.standard_normal((DRAWS, n)) @ root.T
    scale = np.sqrt(rng.chisquare(precise.freedom, DRAWS) / precise.freedom)
    upper = np.triu_indices(n, 1)
    errors = standard_errors(precise, len(chosen))[np.ix_(members, members)][upper]
    known = errors > 0
    largest = np.zeros(DRAWS)
    for first in range(0, DRAWS, 100):  # in pieces: all pairs of all draws at once would be a gigabyte
        part = normal[first : first + 100]
        gaps = np.abs(part[:, upper[0]] - part[:, upper[1]])[:, known] / errors[known]
        largest[first : first + 100] = gaps.max(axis=1, initial=0)
    return min(float(np.quantile(largest / scale, confidence)), sidak)


def least_gaps(precise: Precision, among: NDArray[np.bool_]) -> Array:
    """How far apart two contenders `among` those compared must lie to be told apart, in logits, shape (n, n).

    All claims hold at once with 95 % confidence, so this is also half the width of the simultaneous intervals of all
    differences. Infinite where nothing can be told.
    """
    n = len(among)
    quantile = simultaneous_quantile(precise, among)
    if not np.isfinite(quantile):
        return np.full((n, n), np.inf)
    errors = standard_errors(precise, n)
    # Who was seen on fewer prompts than the board as a whole needs a larger gap, in proportion to the quantiles of t.
    pairs = max(1, int(among.sum()) * (int(among.sum()) - 1) // 2)
    tail = (1 + CONFIDENCE ** (1 / pairs)) / 2
    least = quantile * precise.quantiles_between(tail) / stats.t.ppf(tail, precise.freedom)
    known = (errors > 0) & among[:, None] & among[None, :]
    return np.where(known, least * np.where(known, errors, 1.0), np.inf)


def better(fitted: Fit, precise: Precision, among: NDArray[np.bool_] | None = None) -> NDArray[np.bool_]:
    """Which contender is better than which, all claims holding at once with 95 % confidence; shape (n, n).

    Only contenders `among` those given are compared (None: all).
    """
    chosen = np.ones(len(fitted.theta), dtype=bool) if among is None else among
    gap = fitted.theta[:, None] - fitted.theta[None, :]
    return np.asarray(gap > least_gaps(precise, chosen))


def tiers(fitted: Fit, is_better: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Tier of each contender, 1 for those whom nobody beats, shape (n,).

    One more than the lowest tier of all who beat it: two contenders of whom one beats the other never share a tier, and
    who is in the first one may be the best.
    """
    tier = np.ones(len(fitted.theta), dtype=np.int64)
    for index in np.argsort(-fitted.theta, kind="stable"):  # who beats somebody is rated higher, and comes first
        above = tier[is_better[:, index]]
        tier[index] = 1 + int(above.max(initial=0))
    return tier


def rank_ranges(is_better: NDArray[np.bool_], among: NDArray[np.bool_] | None = None) -> NDArray[np.int64]:
    """The best and the worst rank that each of those compared may have, shape (n, 2)."""
    n = len(is_better) if among is None else int(among.sum())
    return np.column_stack((1 + is_better.sum(axis=0), n - is_better.sum(axis=1)))
