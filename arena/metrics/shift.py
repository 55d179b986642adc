"""How much longer the first of several calls takes than those that follow it, with an exact interval."""

from __future__ import annotations

from typing import TYPE_CHECKING

from arena.metrics.base import Figure
from arena.metrics.intervals import CONFIDENCE

if TYPE_CHECKING:
    from collections.abc import Sequence


def first_call_shift(blocks: Sequence[tuple[float, Sequence[float]]]) -> Figure:
    """The Hodges–Lehmann shift between the first value of each block and the values that follow it, and n blocks.

    The interval is the exact one of the stratified rank-sum test (Lehmann 1975, Nonparametrics): if the
    first call were like the others, its rank within its block would be uniform, so the number of pairs in which it is
    the larger one has a known law. An end that so few calls cannot give is None: three pauses with four following calls
    are enough for both, one pause never is, unless 39 calls follow it.
    """
    import numpy as np

    used = [(first, following) for first, following in blocks if len(following)]
    differences = np.sort([first - other for first, following in used for other in following])
    if not used:
        return Figure(None, 0)
    rank = _rank([len(following) for _, following in used])
    value = float(np.median(differences))
    if rank is None:
        return Figure(value, len(used))
    return Figure(value, len(used), float(differences[-rank]), float(differences[rank - 1]))


def _rank(sizes: Sequence[int]) -> int | None:
    """The smallest k for which the chance of at least k larger pairs is at most half of what the interval may miss."""
    import numpy as np

    law = np.ones(1)
    for size in sizes:  # the number of the `size` following calls that are faster is uniform on 0 … size
        law = np.convolve(law, np.full(size + 1, 1 / (size + 1)))
    tail = np.cumsum(law[::-1])  # tail[i] is the chance of at least len(law) - 1 - i larger pairs
    allowed = np.nonzero(tail <= (1 - CONFIDENCE) / 2 + 1e-12)[0]
    return None if allowed.size == 0 else len(law) - 1 - int(allowed[-1])
