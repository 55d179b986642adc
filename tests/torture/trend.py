"""Does something grow? A slope with its interval, held against what is allowed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scipy import stats

if TYPE_CHECKING:
    from collections.abc import Sequence

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Trend:
    """Growth per run: the median of all slopes between two runs (Theil and Sen), with its 95 % interval."""

    first: float
    last: float
    highest: float
    slope: float
    low: float
    high: float
    allowed: float

    @property
    def flat(self) -> bool:
        """Whether growth beyond what is allowed is ruled out. What cannot be told is not flat."""
        return self.high <= self.allowed


def trend(values: Sequence[float], allowed: float) -> Trend:
    """`allowed` is growth per run."""
    found = stats.theilslopes(values, alpha=CONFIDENCE)
    return Trend(values[0], values[-1], max(values), found.slope, found.low_slope, found.high_slope, allowed)
