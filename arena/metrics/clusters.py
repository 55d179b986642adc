"""What trials of the same prompt share, and how much less they say for it.

A prompt that takes long takes long each time, so ten trials of one prompt say less than ten trials of ten. Intervals
that take all trials for independent are too narrow then: they speak of these prompts, and are read as speaking of
prompts like these (`make bench-coverage`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

Z_95 = 1.959963984540054


def codes(labels: Sequence[object] | None) -> NDArray[np.int64] | None:
    """Labels as 0 … G - 1; None where there is nothing to cluster by.

    That is where a label is missing, where none occurs twice, and where there is only one: of other prompts than this
    one nothing can be said.
    """
    import pandas as pd

    if labels is None or len(labels) == 0:
        return None
    coded, distinct = pd.factorize(np.asarray(labels, dtype=object))
    if coded.min() < 0 or len(distinct) in {1, len(labels)}:
        return None
    return np.asarray(coded, dtype=np.int64)


def effective_n(hits: NDArray[np.bool_], clusters: NDArray[np.int64] | None) -> float:
    """How many independent trials would tell the share of `hits` as well as these (n,) in their clusters (n,) do.

    The variance of the share is taken from sums by cluster; its excess over that of independent trials counts more by
    the squared ratio of Student's quantile with G - 1 degrees of freedom to the normal one, because it is known from G
    clusters only (Korn & Graubard 1998, Survey Methodology 24:193-201, who let it count for the whole variance). Never
    more than n: that clusters differ too little is chance.
    """
    from scipy.special import stdtrit

    n, share = hits.size, float(hits.mean()) if hits.size else 0.0
    if clusters is None or share in {0.0, 1.0}:
        return float(n)
    count = int(clusters.max()) + 1
    sums = _sums(hits.astype(float) - share, clusters)
    independent = n / (n - 1) * n * share * (1 - share)
    excess = count / (count - 1) * float(sums @ sums) / independent - 1
    if excess <= 0:
        return float(n)
    inflation = (float(stdtrit(count - 1, 0.975)) / Z_95) ** 2
    return n / (1 + excess * inflation)


def standard_error(residuals: NDArray[np.float64], clusters: NDArray[np.int64] | None) -> tuple[float, int]:
    """Of the sum of residuals (n,), summed by cluster first, and its degrees of freedom."""
    sums = residuals if clusters is None else _sums(residuals, clusters)
    count = sums.size
    if count < 2:
        return float("nan"), 0
    return float(np.sqrt(count / (count - 1) * (sums @ sums))), count - 1


def correlation(a: NDArray[np.float64], b: NDArray[np.float64], clusters: NDArray[np.int64] | None) -> float:
    """How far what two sides measured moves together over the same cells, both (n,); 0 where one does not move.

    Over cells, and over sums by cluster where prompts repeat; the smaller of the two, because a correlation makes an
    interval narrower and one from few clusters is soon large by chance.
    """
    found = [_moment(a, b)]
    if clusters is not None:
        found.append(_moment(_sums(a - a.mean(), clusters), _sums(b - b.mean(), clusters)))
    return min(found)


def _sums(values: NDArray[np.float64], clusters: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.bincount(clusters, values).astype(np.float64)


def _moment(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    a, b = a - a.mean(), b - b.mean()
    spread = float(np.sqrt((a @ a) * (b @ b)))
    return float(np.clip((a @ b) / spread, -1, 1)) if spread > 1e-12 * a.size else 0.0
