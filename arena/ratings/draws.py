"""Ratings drawn from what is known of them, all contenders at once: what chances are counted from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from arena.ratings.davidson import ELO_PER_LOGIT, Array

if TYPE_CHECKING:
    from arena.ratings.intervals import Precision

DRAWS = 4000
"""A chance that is counted from so many draws is off by less than 1.6 points in 95 % of cases."""
SEED = 20260102


def rating_draws(precise: Precision, elo: Array, draws: int = DRAWS) -> Array:
    """Joint draws of the ratings around `elo` (n,), on its scale, shape (draws, n); the same for the same votes.

    Correlated as `precise.covariance` says, each with its own degrees of freedom: normal draws over a common quantile
    of chi-squared, so that a single contender's draws have the law of its interval, and with equal freedoms the whole
    is the multivariate t. A contender without an interval is not a number in any draw.
    """
    n = len(elo)
    rng = np.random.default_rng(SEED)
    values, vectors = np.linalg.eigh(precise.covariance[:n, :n])
    root = vectors * np.sqrt(np.maximum(values, 0))
    normal = rng.standard_normal((draws, n)) @ root.T
    level = rng.random(draws)
    spread = np.full((draws, n), np.nan)
    for freedom in np.unique(precise.freedoms[precise.freedoms > 0]):
        mine = precise.freedoms == freedom
        spread[:, mine] = np.sqrt(freedom / stats.chi2.ppf(level, freedom))[:, None]
    return np.asarray(elo + ELO_PER_LOGIT * spread * normal)


def positive_draws(value: float, low: float, high: float, normal: Array) -> Array:
    """Draws of a positive figure from its 95 % interval, given standard normal draws, in their shape.

    A normal law on the logarithmic scale with a width of its own on either side: its median is the value, its 2.5 %
    and 97.5 % points are the ends of the interval. All that is known of a figure that has an interval and no model.
    """
    z = stats.norm.ppf(0.975)
    above, below = np.log(high / value) / z, np.log(value / low) / z
    return np.asarray(value * np.exp(normal * np.where(normal > 0, above, below)))
