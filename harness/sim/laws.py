"""Latency laws: how long a simulated provider takes, as data."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from arena.domain.base import Value

if TYPE_CHECKING:
    import random

LONGEST_MS = 60_000.0
"""No sample is above this, however heavy the tail of its law."""

Milliseconds = Annotated[float, Field(ge=0, le=LONGEST_MS)]


class Fixed(Value):
    """Always the same time, in milliseconds."""

    kind: Literal["fixed"]
    ms: Milliseconds

    def sample_s(self, _rng: random.Random) -> float:
        """The time in seconds."""
        return self.ms / 1000


class LogNormal(Value):
    """A median in milliseconds and the standard deviation of the logarithm."""

    kind: Literal["lognormal"]
    median_ms: Milliseconds
    sigma: float = Field(ge=0, le=3)

    def sample_s(self, rng: random.Random) -> float:
        """A time in seconds drawn with `rng`."""
        return min(LONGEST_MS, self.median_ms * math.exp(self.sigma * rng.gauss(0, 1))) / 1000


class Bimodal(Value):
    """Two log-normal humps: a share of the replies (0–1) is slow, a queue or a cold start behind them."""

    kind: Literal["bimodal"]
    fast_ms: Milliseconds
    slow_ms: Milliseconds
    slow_share: float = Field(ge=0, le=1)
    sigma: float = Field(default=0.1, ge=0, le=3)

    def sample_s(self, rng: random.Random) -> float:
        """A time in seconds drawn with `rng`."""
        median_ms = self.slow_ms if rng.random() < self.slow_share else self.fast_ms
        return min(LONGEST_MS, median_ms * math.exp(self.sigma * rng.gauss(0, 1))) / 1000


LatencyLaw = Annotated[Fixed | LogNormal | Bimodal, Field(discriminator="kind")]
"""Any of the laws, told apart by `kind`."""
