"""When requests are due, and when a place in a closed loop is open: from a load profile alone, without a clock.

Due times are drawn before the first request leaves, from one seed, and are never moved: whoever is late is late, and
says so (Gil Tene's coordinated omission).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator, Sequence

    from arena.domain.load import LoadProfile

Span = tuple[float, float]
"""Seconds since the start of the measured phase: from, until (which may be infinite)."""


class Ramp:
    """A level that changes evenly within each part of time: (length in seconds, level at its start, at its end)."""

    def __init__(self, parts: Sequence[tuple[float, float, float]]) -> None:
        self._parts = parts

    def when(self, amount: float) -> float | None:
        """The instant in seconds by which the level, summed up over time, has come to `amount`; None: never."""
        begun_s = 0.0
        for length_s, low, high in self._parts:
            whole = (low + high) / 2 * length_s
            if amount <= whole:
                return begun_s + _solve(amount, low, (high - low) / length_s)
            amount, begun_s = amount - whole, begun_s + length_s
        return None

    def above(self, level: float) -> list[Span]:
        """The spans of time in which the level is above `level`."""
        spans: list[Span] = []
        begun_s = 0.0
        for length_s, low, high in self._parts:
            from_s, until_s = _part_above(level, length_s, low, high)
            if from_s < until_s:
                first, last = begun_s + from_s, begun_s + until_s
                if spans and math.isclose(spans[-1][1], first):
                    first = spans.pop()[0]
                spans.append((first, last))
            begun_s += length_s
        return spans


def _solve(amount: float, low: float, slope: float) -> float:
    """t with low · t + slope · t² / 2 = amount."""
    if slope == 0:
        return amount / low if amount else 0.0
    return (math.sqrt(max(0.0, low * low + 2 * slope * amount)) - low) / slope


def _part_above(level: float, length_s: float, low: float, high: float) -> Span:
    if low > level and high > level:
        return 0.0, length_s
    if low <= level and high <= level:
        return 0.0, 0.0
    crossing_s = (level - low) / (high - low) * length_s
    return (crossing_s, length_s) if high > low else (0.0, crossing_s)


def due_times_s(load: LoadProfile, rng: random.Random, offset: float) -> Iterator[float]:
    """The due times of one endpoint, rising; endless where the load has no end.

    A constant load has one each time the rate has summed up to another 1, the first at `offset` (0 to 1) of that; a
    Poisson one after exponentially distributed amounts, which makes it a Poisson process of just this rate (Lewis &
    Shedler 1979, time-scale transformation).
    """
    rate = Ramp(_levels(load, [s.rate_per_s or 0.0 for s in load.stages], load.rate_per_s or 1.0))
    amount = rng.expovariate(1.0) if load.kind == "poisson" else offset
    while (at_s := rate.when(amount)) is not None and at_s < (load.duration_s or math.inf):
        yield at_s
        amount += rng.expovariate(1.0) if load.kind == "poisson" else 1.0


def open_spans(load: LoadProfile, place: int) -> list[Span]:
    """When the place with this index (from 0) in a closed loop may send."""
    return Ramp(_levels(load, [float(s.in_flight or 0) for s in load.stages], float(load.in_flight))).above(place)


def _levels(load: LoadProfile, stages: Sequence[float], plain: float) -> list[tuple[float, float, float]]:
    if not load.stages:
        return [(load.for_s or 1e12, plain, plain)]
    before = [0.0, *stages]
    return [(stage.for_s, before[i] if stage.ramp else stages[i], stages[i]) for i, stage in enumerate(load.stages)]
