"""A service-level objective, such as `p95<2s,success>0.99`, and whether a sample of requests holds it.

A clause holds when its whole 95 % interval does, fails when none of it does, and cannot be told in between: a sample is
never forced into a yes or a no (`arena.metrics.intervals`).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

from arena.errors import ConfigError
from arena.metrics.base import Figure
from arena.metrics.intervals import order_statistic_ranks, quantile, wilson

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

NEVER_MS = float("inf")
"""The latency of an attempt that failed: a quantile that such attempts reach is never met."""
_FAR_MS = 1e15
"""Stands for never where a quantile interpolates between order statistics."""
QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}
_HOW = "write clauses such as `p95<2s` or `success>0.99`, with a comma between them"


class Verdict(StrEnum):
    """Whether an objective is held."""

    HOLDS = "holds"
    FAILS = "fails"
    UNTOLD = "cannot be told"


@dataclass(frozen=True, slots=True)
class Sample:
    """The requests that count under one load.

    `latencies_ms` has one value for each of them: from the instant at which it was meant to leave to the last byte of
    the image, or `NEVER_MS` where the provider failed. Refusals by moderation and failures of ours are not in it.
    """

    latencies_ms: tuple[float, ...] = ()
    succeeded: int = 0

    @property
    def n(self) -> int:
        """How many requests count."""
        return len(self.latencies_ms)

    def __add__(self, other: Sample) -> Sample:
        """Both together."""
        return Sample(self.latencies_ms + other.latencies_ms, self.succeeded + other.succeeded)


@dataclass(frozen=True, slots=True)
class Clause:
    """One condition: a quantile in milliseconds that is to be below `bound`, or a rate that is to be above it."""

    figure: Literal["p50", "p90", "p95", "p99", "success"]
    bound: float

    def __str__(self) -> str:
        """As it is written."""
        if self.figure == "success":
            return f"success>{self.bound:g}"
        return f"{self.figure}<{self.bound:g}ms" if self.bound < 1000 else f"{self.figure}<{self.bound / 1000:g}s"

    def of(self, sample: Sample) -> Figure:
        """The figure that it is about, with its interval."""
        if self.figure == "success":
            return wilson(sample.succeeded, sample.n)
        return latency_quantile(sample.latencies_ms, QUANTILES[self.figure])

    def verdict(self, sample: Sample) -> Verdict:
        """What the sample says about it."""
        figure = self.of(sample)
        if figure.low is None or figure.high is None:
            return Verdict.UNTOLD
        if self.figure == "success":
            return _verdict(holds=figure.low > self.bound, fails=figure.high <= self.bound)
        return _verdict(holds=figure.high < self.bound, fails=figure.low >= self.bound)

    @property
    def smallest_n(self) -> int:
        """How many requests it takes at least until it can be said to hold, if all of them are as wished."""
        if self.figure == "success":
            n = 1
            while (wilson(n, n).low or 0.0) <= self.bound:
                n = max(n + 1, math.ceil(n * 1.01))
            while n > 1 and (wilson(n - 1, n - 1).low or 0.0) > self.bound:
                n -= 1
            return n
        n = 1
        while order_statistic_ranks(n, QUANTILES[self.figure]) is None:
            n += 1
        return n


@dataclass(frozen=True, slots=True)
class Objective:
    """Conditions that are to hold together."""

    clauses: tuple[Clause, ...]

    def __str__(self) -> str:
        """As it is written; `parse_objective` reads it back."""
        return ",".join(str(clause) for clause in self.clauses)

    def verdict(self, sample: Sample) -> Verdict:
        """Held if every clause is, failed if any is for certain."""
        verdicts = {clause.verdict(sample) for clause in self.clauses}
        return _verdict(holds=verdicts == {Verdict.HOLDS}, fails=Verdict.FAILS in verdicts)

    @property
    def smallest_n(self) -> int:
        """How many requests it takes at least until it can be said to hold."""
        return max(clause.smallest_n for clause in self.clauses)


def parse_objective(text: str) -> Objective:
    """An objective from its text; ConfigError says what to write."""
    clauses = [_clause(part.strip()) for part in text.split(",")]
    twice = {c.figure for c in clauses if sum(c.figure == d.figure for d in clauses) > 1}
    if twice:
        raise ConfigError(f"--slo: {', '.join(sorted(twice))} is given twice; give each figure one bound")
    return Objective(tuple(clauses))


def _clause(text: str) -> Clause:
    latency = re.fullmatch(r"(p50|p90|p95|p99)\s*<\s*(\d+(?:\.\d+)?)\s*(ms|s)", text)
    if latency is not None:
        bound_ms = float(latency[2]) * (1000 if latency[3] == "s" else 1)
        if not 0 < bound_ms <= 3_600_000:
            raise ConfigError(f"--slo: {text!r} allows no time, or more than an hour; {_HOW}")
        return Clause(latency[1], bound_ms)  # type: ignore[arg-type]  # the pattern allows no other name
    rate = re.fullmatch(r"success\s*>\s*(\d*\.?\d+)", text)
    if rate is not None:
        if not 0 <= float(rate[1]) <= 0.9999:
            raise ConfigError(f"--slo: {text!r} needs a share from 0 to 0.9999, such as `success>0.99`")
        return Clause("success", float(rate[1]))
    raise ConfigError(f"--slo: {text!r} is no clause; {_HOW}")


def sample_of(rows: pd.DataFrame) -> Sample:
    """The requests of an outcome frame that count: successes, and failures that are the provider's.

    The frame has the columns of `arena.store.queries.OUTCOME_COLUMNS`; warm-up is left out. Without a due time, as in a
    closed loop, a latency counts from when the request was sent.
    """
    measured = rows[rows["phase"] == "measure"]
    won = measured[measured["status"] == "succeeded"].dropna(subset=["time_to_image_ms"])
    lost = int((measured["failure_blame"] == "provider").fillna(value=False).sum())
    late_ms = won["lateness_ms"].fillna(0.0)
    latencies = (won["time_to_image_ms"] + late_ms).astype(float).tolist()
    return Sample((*latencies, *([NEVER_MS] * lost)), len(won))


def latency_quantile(latencies_ms: Sequence[float], q: float) -> Figure:
    """A quantile over latencies of which some are `NEVER_MS`; a value or an end of its interval may be that, too."""
    figure = quantile([min(value, _FAR_MS) for value in latencies_ms], q)
    value, low, high = (_back(end) for end in (figure.value, figure.low, figure.high))
    return Figure(value, figure.n, low, high)


def _back(value_ms: float | None) -> float | None:
    return NEVER_MS if value_ms is not None and value_ms > 1e9 else value_ms


def _verdict(*, holds: bool, fails: bool) -> Verdict:
    return Verdict.FAILS if fails else Verdict.HOLDS if holds else Verdict.UNTOLD
