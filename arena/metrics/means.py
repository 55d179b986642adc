"""Means of values that come in clusters, with a 95 % interval by Student's t over the clusters."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from arena.metrics.base import Figure
from arena.metrics.clusters import codes, sums_by

if TYPE_CHECKING:
    from collections.abc import Sequence

LEAST_CLUSTERS = 3


def clustered_mean(values: Sequence[float], clusters: Sequence[object]) -> Figure:
    """The mean of all values, with the interval of a ratio of cluster sums (Cochran 1977, Sampling Techniques, §6.3).

    Withheld below three clusters, and where all values are the same: how far others may lie off is not known then.
    """
    from scipy.special import stdtrit

    measured = np.asarray(values, dtype=float)
    n = int(measured.size)
    if n == 0:
        return Figure(None, 0)
    mean = float(measured.mean())
    count = len(set(clusters))
    if count < LEAST_CLUSTERS or np.ptp(measured) == 0:
        return Figure(mean, n)
    sums = sums_by(codes(clusters), (measured - mean) / n)
    half = float(stdtrit(count - 1, 0.975)) * math.sqrt(count / (count - 1) * float(sums @ sums))
    return Figure(mean, n, mean - half, mean + half)
