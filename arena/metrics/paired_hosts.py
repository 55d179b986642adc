"""Do two hosts make images of one kind? Paired by prompt, several indicators, and one error rate for all of them.

For each indicator the differences of prompt means, host less reference, are looked at by Wilcoxon's signed ranks (1945,
Biometrics Bull. 1:80-83). Two hosts that serve the same are interchangeable prompt by prompt, so that each difference
is as likely to have either sign, and the test holds whatever the law of the values. The estimate is that of Hodges &
Lehmann (1963, Ann. Math. Stat. 34:598-611), its interval the values that the test does not refuse.

Three answers per indicator (Goeman, Solari & Stijnen 2010, Stat. Med. 29:2117-2125): it differs by more than what is
negligible, it is the same within that, or neither can be told.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from arena.metrics.base import Figure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

FAMILY_ERROR = 0.01
"""In at most one of a hundred comparisons is any host accused that serves the same, however many indicators."""
SAME_ERROR = 0.05
"""In at most one of twenty is a difference beyond the negligible one called the same."""


@dataclass(frozen=True, slots=True)
class Contrast:
    """One indicator of one host: the difference with its 95 % interval, over n prompts, and what was tested.

    `p_differs` is for a difference beyond ± `negligible`, either way and not yet corrected; `p_same` for one within.
    """

    difference: Figure
    negligible: float
    p_differs: float
    p_same: float


def contrast(differences: Sequence[float], negligible: float) -> Contrast:
    """Differences of prompts, host less reference; those on the very edge of what is negligible tell nothing."""
    d = np.asarray(differences, dtype=float)
    if d.size == 0:
        return Contrast(Figure(None, 0), negligible, 1.0, 1.0)
    above, below = p_greater(d - negligible), p_greater(-negligible - d)
    same = max(p_greater(negligible - d), p_greater(d + negligible))
    return Contrast(hodges_lehmann(d), negligible, min(1.0, 2 * min(above, below)), same)


def p_greater(values: NDArray[np.float64]) -> float:
    """How likely signed ranks as high as these are, were either sign of each value as likely; zeros are left out.

    Exact, with ties, too: the law is that of the ranks that there are, doubled so that those of ties are whole numbers.
    """
    from scipy.stats import rankdata

    moved = values[values != 0]
    if not moved.size:
        return 1.0
    ranks = np.rint(2 * rankdata(np.abs(moved))).astype(np.int64)
    observed = int(ranks[moved > 0].sum())
    return min(1.0, float(_law_of_sums(ranks)[observed:].sum()))


def hodges_lehmann(differences: NDArray[np.float64], confidence: float = 0.95) -> Figure:
    """The median of all means of two, with the interval of the signed-rank test; withheld where n is too small."""
    n = differences.size
    means = np.sort(((differences[:, None] + differences[None, :]) / 2)[np.triu_indices(n)])
    value = float(np.median(means))
    # The largest signed-rank sum that is still so unlikely; as many means lie beyond either end.
    below = int(np.searchsorted(np.cumsum(_law_of_sums(np.arange(1, n + 1))), (1 - confidence) / 2, side="right"))
    if below < 1:
        return Figure(value, n)
    return Figure(value, n, float(means[below - 1]), float(means[-below]))


def _law_of_sums(ranks: NDArray[np.int64]) -> NDArray[np.float64]:
    """The probabilities of the sums 0, 1, … of those ranks whose sign is positive, where either sign is as likely."""
    law = np.zeros(int(ranks.sum()) + 1)
    law[0] = 1.0
    for rank in ranks:
        moved = np.zeros_like(law)
        moved[rank:] = law[: law.size - rank]
        law = (law + moved) / 2
    return law


def holm(p_values: Sequence[float]) -> list[float]:
    """P values corrected for being several, in their order (Holm 1979, Scand. J. Stat. 6:65-70)."""
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    corrected, largest = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        corrected[index] = largest
    return corrected


def least_prompts(tests: int, error: float = FAMILY_ERROR) -> int:
    """How many prompts it takes at least until any of so many tests can tell a difference, were all signs alike."""
    n = 1
    while 2 * tests / 2**n > error:
        n += 1
    return n
