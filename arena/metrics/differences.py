"""The difference between two sides, a - b, with a 95 % interval, paired or not; for quantiles, rates and costs alike.

Each side has its own interval, and the two are put together by square-and-add: the difference reaches as far below as
the lower end of a and the upper end of b together do, taking into account how far both move together (Newcombe 1998,
Stat. Med. 17:873-890 and 2635-2650, method 10 of both; for any two figures Zou & Donner 2008, Stat. Med. 27:1693-1702).
Nothing is drawn at random, an interval may lean to one side, and one that is withheld withholds the difference's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from arena.metrics.base import Figure
from arena.metrics.clusters import Z_95, codes, effective_n, sums_by
from arena.metrics.intervals import clustered_rate, fractional_quantile, wilson

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from arena.metrics.clusters import Clusters, Labels

Z_POWER = 0.8416212335729143
"""Of 80 % power: a true difference of that size is told in four cases of five."""


def square_and_add(a: Figure, b: Figure, together: float = 0.0) -> Figure:
    """a - b from two figures and their correlation; `n` is that of the smaller side."""
    n = min(a.n, b.n)
    if a.value is None or b.value is None:
        return Figure(None, n)
    value = a.value - b.value
    if a.low is None or a.high is None or b.low is None or b.high is None:
        return Figure(value, n)
    below = _add(a.value - a.low, b.high - b.value, together)
    above = _add(a.high - a.value, b.value - b.low, together)
    return Figure(value, n, value - below, value + above)


def _add(one: float, other: float, together: float) -> float:
    return math.sqrt(max(0.0, one * one + other * other - 2 * together * one * other))


def quantile_difference(
    a: Sequence[float],
    b: Sequence[float],
    q: float,
    clusters_a: Labels = None,
    clusters_b: Labels = None,
    *,
    paired: bool,
) -> Figure:
    """The q-quantile of a less that of b. Paired: a[i] and b[i] are of one cell, and `clusters_a` is of both.

    How far the two quantiles move together is how far their values lie above them together, because the quantile of a
    sample is, to first order, the mean of that (Bahadur 1966, Ann. Math. Stat. 37:577-580).
    """
    sides = fractional_quantile(a, q), fractional_quantile(b, q)
    values = [np.asarray(x, dtype=float) for x in (a, b)]
    above = [x > (np.nan if s.value is None else s.value) for x, s in zip(values, sides, strict=True)]
    if not paired:
        sizes = effective_n(above[0], codes(clusters_a)), effective_n(above[1], codes(clusters_b))
        return square_and_add(fractional_quantile(a, q, sizes[0]), fractional_quantile(b, q, sizes[1]))
    size, together = _paired(above[0], above[1], sides, codes(clusters_a))
    return square_and_add(fractional_quantile(a, q, size), fractional_quantile(b, q, size), together)


def rate_difference(
    a: Sequence[bool],
    b: Sequence[bool],
    clusters_a: Labels = None,
    clusters_b: Labels = None,
    *,
    paired: bool,
) -> Figure:
    """The success rate of a less that of b; over cells without a repeated prompt exactly Newcombe's two methods 10."""
    hits = np.asarray(a, dtype=bool), np.asarray(b, dtype=bool)
    if not paired or hits[0].size == 0:
        return square_and_add(clustered_rate(hits[0], clusters_a), clustered_rate(hits[1], clusters_b))
    sides = clustered_rate(hits[0], None), clustered_rate(hits[1], None)
    size, _ = _paired(hits[0], hits[1], sides, codes(clusters_a))
    one, other = (wilson(int(h.sum()), h.size, size) for h in hits)
    return square_and_add(one, other, _phi(*hits))


def _paired(
    a: NDArray[np.bool_], b: NDArray[np.bool_], sides: tuple[Figure, Figure], clusters: Clusters
) -> tuple[float, float]:
    """How many independent pairs these are worth for the difference, and how far both sides move together over cells.

    What prompts do to both sides alike leaves the difference alone; what they do to one side only makes pairs of one
    prompt say less. Each side counts by the width of its interval.
    """
    if a.size == 0:
        return 0.0, 0.0
    one, other = _unit(a), _unit(b)
    reach = [0.0 if s.low is None or s.high is None else s.high - s.low for s in sides]
    return effective_n(reach[0] * one - reach[1] * other, clusters), float(one @ other)


def _unit(values: NDArray[np.bool_]) -> NDArray[np.float64]:
    residuals = values.astype(np.float64) - float(values.mean())
    length = float(np.sqrt(residuals @ residuals))
    return np.asarray(residuals / length if length > 0 else residuals)


def _phi(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    """The correlation of two columns of yes and no, a positive one with Newcombe's correction for continuity."""
    n, both = a.size, int((a & b).sum())
    only_a, only_b = int(a.sum()) - both, int(b.sum()) - both
    neither = n - both - only_a - only_b
    product = both * neither - only_a * only_b
    margins = math.sqrt(float(both + only_a) * (only_b + neither) * (both + only_b) * (only_a + neither))
    if margins == 0:
        return 0.0
    return (max(product - n / 2, 0.0) if product > 0 else product) / margins


def cost_difference(a: Charges, b: Charges, clusters_a: Labels, clusters_b: Labels, *, paired: bool) -> Figure:
    """The cost per image of a less that of b, failures included where they were charged.

    Each side is a ratio of two sums, made linear (Cochran 1977, Sampling Techniques, §6.3), with Student's t over
    prompts or, where they do not repeat, cells. Where every image of a side had the same price the interval is exact.
    """
    from scipy.special import stdtrit

    n = int(min(a.images.sum(), b.images.sum()))
    if n == 0:
        return Figure(None, 0)
    value = a.per_image - b.per_image
    if paired:
        sums = [sums_by(codes(clusters_a), a.influence - b.influence)]
    else:
        sums = [sums_by(codes(clusters_a), a.influence), sums_by(codes(clusters_b), b.influence)]
    freedom = min(s.size for s in sums) - 1
    if freedom < 1:
        return Figure(value, n)
    half = float(stdtrit(freedom, 0.975)) * math.sqrt(sum(s.size / (s.size - 1) * float(s @ s) for s in sums))
    return Figure(value, n, value - half, value + half)


@dataclass(frozen=True, slots=True)
class Charges:
    """What each cell of one side cost in dollars, and how many images it delivered as asked; both (n,)."""

    usd: NDArray[np.float64]
    images: NDArray[np.float64]

    @property
    def per_image(self) -> float:
        """All that was charged over all images, of which there must be one."""
        return float(self.usd.sum() / self.images.sum())

    @property
    def influence(self) -> NDArray[np.float64]:
        """How much each cell moves the cost per image."""
        residuals = self.usd - self.per_image * self.images
        residuals[np.abs(residuals) < 1e-9] = 0  # sums of prices differ in their last bits
        return np.asarray(residuals / self.images.sum())


def further_trials(found: Figure, smallest: float) -> int | None:
    """How many more trials of each side, like those there are, would tell a true difference of `smallest` in four
    cases of five; 0 if these do, None where there is no interval to reckon from.

    The interval's half width h shrinks with the root of n, and telling a difference d at 95 % with 80 % power takes
    h = d · z / (z + z_power), so n' = n · (h / d · (z + z_power) / z)² (Lachin 1981, Control. Clin. Trials 2:93-113,
    with the standard error that was observed). Like those there are: in the same mix of prompts and repetitions.
    """
    if found.low is None or found.high is None or smallest <= 0:
        return None
    half = (found.high - found.low) / 2
    return max(0, math.ceil(found.n * (half / smallest * (Z_95 + Z_POWER) / Z_95) ** 2) - found.n)
