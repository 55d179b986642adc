"""Whether a run has told what it was to tell: one sequential rule an endpoint, fed in the order of the plan.

Not in the order in which answers come: quick ones come first, and a look at those alone would find the endpoint faster
than it is. A trial counts once all before it at its endpoint have ended.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from arena.domain.plan import Phase
from arena.metrics.sequential import Precision

if TYPE_CHECKING:
    from collections.abc import Iterable

    from arena.domain.plan import Trial
    from arena.domain.stop import StopRule


class _Lane:
    """One endpoint's trials in their order, and what became of those that have ended."""

    def __init__(self, rule: StopRule, trials: list[Trial]) -> None:
        self._trials = trials
        self._ended: dict[int, float | None] = {}
        self._next = 0
        self.precision = Precision(rule.q, rule.relative_width, len(trials))

    def ended(self, seq: int, time_to_image_ms: float | None) -> None:
        self._ended[seq] = time_to_image_ms
        while self._next < len(self._trials) and self._trials[self._next].seq in self._ended:
            trial = self._trials[self._next]
            value = self._ended.pop(trial.seq)
            if value is not None:
                self.precision.add(value, trial.prompt_id)
            self._next += 1


class Stopping:
    """All endpoints of a run. Without a rule nothing is ever reached."""

    def __init__(self, rule: StopRule | None, trials: Iterable[Trial]) -> None:
        measured: dict[str, list[Trial]] = {}
        for trial in sorted(trials, key=lambda t: t.seq):
            if trial.phase is Phase.MEASURE:
                measured.setdefault(trial.endpoint_id, []).append(trial)
        self._lanes = {} if rule is None else {e: _Lane(rule, mine) for e, mine in measured.items()}

    @property
    def endpoints(self) -> dict[str, Precision]:
        """How far each endpoint has got."""
        return {endpoint: lane.precision for endpoint, lane in self._lanes.items()}

    @property
    def reached(self) -> bool:
        """Whether every endpoint's interval is narrow enough."""
        return bool(self._lanes) and all(lane.precision.reached for lane in self._lanes.values())

    def ended(self, endpoint: str, phase: Phase, seq: int, time_to_image_ms: float | None) -> None:
        """A trial has ended; with None it has brought no image."""
        if phase is Phase.MEASURE and endpoint in self._lanes:
            self._lanes[endpoint].ended(seq, time_to_image_ms)
