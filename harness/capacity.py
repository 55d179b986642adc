"""The search for the highest rate that holds an objective: pure, so that it can be run against a queue whose answer is
known.

    start ── holds ──> twice the rate … until one does not hold, or `max_per_s`
      └── does not ──> half the rate … until one holds, or an eighth of the start
    then the geometric middle of the highest that held and the lowest that did not, until they are `precision` apart,
    then the highest that held is repeated until it has held `repeats` times; if it fails, the search goes on below.

A step that cannot be told is lengthened to twice as many requests at the same rate, a few times; a rate that cannot be
told even then is a bound of its own kind: not held, and not failed. Looking again after each lengthening makes the
error of a verdict somewhat larger than the 5 % of one look, which is why the answer has to hold `repeats` times.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from arena.metrics.objective import Sample, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from arena.metrics.objective import Objective

LEAST_OF_START = 8
"""How many times lower than the first rate the search goes before it gives up."""


@dataclass(frozen=True, slots=True)
class Step:
    """Requests to fire at one rate. `repeat` counts from 1; `part` is 0 and then counts the lengthenings."""

    rate_per_s: float
    requests: int
    repeat: int
    part: int

    @property
    def seconds(self) -> float:
        """How long the requests take to fall due, on average."""
        return self.requests / self.rate_per_s


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a search may do: rates in requests per second, `step_s` the least length of a step in seconds."""

    start_per_s: float
    max_per_s: float
    step_s: float = 30.0
    precision: float = 0.1
    repeats: int = 2
    lengthenings: int = 2


@dataclass(slots=True)
class _Rate:
    """What is known of one rate: repeats that held, how it ended if it did not, and the repeat that is under way."""

    held: int = 0
    ended: Verdict | None = None
    part: int = 0
    pooled: Sample = field(default_factory=Sample)


class Search:
    """Says which step comes next, and is told what came of it."""

    def __init__(self, objective: Objective, bounds: Bounds) -> None:
        self.bounds, self.objective = bounds, objective
        self._least_requests = objective.smallest_n
        self._rates: dict[float, _Rate] = {}

    def next(self) -> Step | None:
        """The next step; None when the answer is found."""
        rate = self._next_rate()
        if rate is None:
            return None
        state = self._rates.setdefault(rate, _Rate())
        first = max(self._least_requests, math.ceil(rate * self.bounds.step_s))
        return Step(rate, first if state.part == 0 else first * 2 ** (state.part - 1), state.held + 1, state.part)

    def record(self, step: Step, observed: Sample, *, trusted: bool = True) -> Verdict:
        """Take in what a step brought, and judge its repeat so far.

        Not `trusted` are requests that this machine fired too late: that an objective is missed then proves nothing,
        and more of them would not.
        """
        state = self._rates[step.rate_per_s]
        state.pooled += observed
        verdict = self.objective.verdict(state.pooled)
        if trusted or verdict is Verdict.HOLDS:
            return self.told(step, verdict)
        return self.told(step, Verdict.UNTOLD, final=True)

    def told(self, step: Step, verdict: Verdict, *, final: bool = False) -> Verdict:
        """Take in the verdict on a step's repeat; one that cannot be told is lengthened, unless it is `final`."""
        state = self._rates[step.rate_per_s]
        if verdict is Verdict.UNTOLD and not final and state.part < self.bounds.lengthenings:
            state.part += 1
            return verdict
        state.part, state.pooled = 0, Sample()
        if verdict is Verdict.HOLDS:
            state.held += 1
        else:
            state.ended = verdict
        return verdict

    def _next_rate(self) -> float | None:
        under_way = [rate for rate, state in self._rates.items() if state.part]
        if under_way:
            return under_way[0]
        bounds = self.bounds
        ceiling = min((r for r, s in self._rates.items() if s.ended is not None), default=None)
        held = [r for r, s in self._rates.items() if s.held and (ceiling is None or r < ceiling)]
        if not held:
            start = min(bounds.start_per_s, bounds.max_per_s)
            lower = start if ceiling is None else _rounded(ceiling / 2)
            return lower if lower >= start / LEAST_OF_START else None
        highest = max(held)
        if ceiling is None and highest < bounds.max_per_s:
            return min(_rounded(highest * 2), bounds.max_per_s)
        if ceiling is not None and ceiling / highest > 1 + bounds.precision:
            between = _rounded(math.sqrt(highest * ceiling))
            if highest < between < ceiling:
                return between
        return highest if self._rates[highest].held < bounds.repeats else None


@dataclass(frozen=True, slots=True)
class Course:
    """A way that a search may take: how many steps and requests, and how many seconds until the last is due."""

    steps: int
    requests: int
    seconds: float


def longest_course(objective: Objective, bounds: Bounds) -> Course:
    """The most steps, requests and seconds that a search takes, wherever the capacity lies.

    Every step is lengthened to the last. A search in which a repeat fails after an earlier one has held may still be
    longer, which is what a budget is for.
    """
    found = [_walk(Search(objective, bounds), capacity) for capacity in _capacities(bounds)]
    return Course(
        max(course.steps for course in found),
        max(course.requests for course in found),
        max(course.seconds for course in found),
    )


def _capacities(bounds: Bounds) -> Iterator[float]:
    """Places between all the rates that doubling and halving go through, and one beyond either end."""
    rate = bounds.start_per_s / LEAST_OF_START / 2
    while rate < bounds.max_per_s * 2:
        yield from (rate * 1.01, rate * 1.98)
        rate *= 2


def _walk(search: Search, capacity_per_s: float) -> Course:
    steps, requests, seconds = 0, 0, 0.0
    while (step := search.next()) is not None:
        steps, requests, seconds = steps + 1, requests + step.requests, seconds + step.seconds
        if step.part < search.bounds.lengthenings:
            search.told(step, Verdict.UNTOLD)
        else:
            search.told(step, Verdict.HOLDS if step.rate_per_s <= capacity_per_s else Verdict.FAILS)
    return Course(steps, requests, seconds)


def _rounded(rate_per_s: float) -> float:
    """Three significant digits: what is shown is what was fired."""
    return float(f"{rate_per_s:.3g}")
