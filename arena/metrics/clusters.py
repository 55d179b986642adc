"""What trials of the same prompt share, and how much less they say for it.

A prompt that takes long takes long each time, so ten trials of one prompt say less than ten trials of ten. Intervals
that take all trials for independent are too narrow then: they speak of these prompts, and are read as speaking of
prompts like these (`make bench-coverage`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Values: TypeAlias = NDArray[np.float64] | NDArray[np.bool_]
    Clusters: TypeAlias = NDArray[np.int64] | None
    Labels: TypeAlias = Sequence[object] | NDArray[np.integer[Any]] | None

Z_95 = 1.959963984540054


def codes(labels: Labels) -> Clusters:
    """Labels as 0 … G - 1; None where there is nothing to cluster by.

    That is where a label is missing, where none occurs twice, and where there is only one: of other prompts than this
    one nothing can be said. Integers are codes already, negative where missing, and may leave some out.
    """
    if labels is None or len(labels) == 0:
        return None
    coded = _coded(labels)
    if coded.min() < 0:
        return None
    used = np.bincount(coded) > 0
    distinct = int(used.sum())
    if distinct in {1, len(labels)}:
        return None
    return coded if distinct == used.size else (np.cumsum(used) - 1)[coded]


def _coded(labels: Sequence[object] | NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    import pandas as pd

    if isinstance(labels, np.ndarray) and np.issubdtype(labels.dtype, np.integer):
        return labels.astype(np.int64)
    return np.asarray(pd.factorize(np.asarray(labels, dtype=object))[0], dtype=np.int64)


def effective_n(values: Values, clusters: Clusters) -> float:
    """How many independent trials would tell the mean of `values` (n,) as well as these in their clusters (n,) do.

    The variance is taken from sums by cluster; its excess over that of independent trials counts more by the squared
    ratio of Student's quantile with G - 1 degrees of freedom to the normal one, because it is known from G clusters
    only (Korn & Graubard 1998, Survey Methodology 24:193-201, who let it count for the whole variance). Never more
    than n: that clusters differ too little is chance.
    """
    from scipy.special import stdtrit

    n = values.size
    if clusters is None:
        return float(n)
    residuals = values - values.mean()
    count, square = int(clusters.max()) + 1, float(np.square(residuals).sum())
    if square == 0:
        return float(n)
    sums = sums_by(clusters, residuals)
    excess = count / (count - 1) * float(sums @ sums) / (n / (n - 1) * square) - 1
    if excess <= 0:
        return float(n)
    return n / (1 + excess * (float(stdtrit(count - 1, 0.975)) / Z_95) ** 2)


def sums_by(clusters: Clusters, residuals: NDArray[np.float64]) -> NDArray[np.float64]:
    """The sum of each cluster; without clusters each cell is its own."""
    return residuals if clusters is None else np.bincount(clusters, residuals).astype(np.float64)
