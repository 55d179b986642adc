"""What is known of a run while it runs: counts and latencies by endpoint, for whoever wants to show them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from arena.domain.failure import Blame
from arena.domain.plan import Phase
from arena.units import NANO_USD_PER_USD, NS_PER_MS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from arena.domain.outcome import Outcome


@dataclass(slots=True)
class EndpointProgress:
    """One endpoint's state. Latencies are times to image of measured successes, in milliseconds.

    `reached` measured attempts are those that the success rate counts, `brought` those of them that brought an image.
    """

    planned: int = 0
    in_flight: int = 0
    ended: int = 0
    succeeded: int = 0
    reached: int = 0
    brought: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    last_failure: str = ""
    latencies_ms: list[float] = field(default_factory=list)


class Progress:
    """Updated by the runner on the event loop; reading it at any moment is safe there."""

    def __init__(self, planned: Iterable[str]) -> None:
        self.endpoints: dict[str, EndpointProgress] = {}
        for endpoint_id in planned:
            self.endpoints.setdefault(endpoint_id, EndpointProgress()).planned += 1
        self.spent_usd = 0.0

    @property
    def planned(self) -> int:
        """Trials that this execution means to fire."""
        return sum(e.planned for e in self.endpoints.values())

    @property
    def ended(self) -> int:
        """Trials whose outcome is stored."""
        return sum(e.ended for e in self.endpoints.values())

    def fired(self, endpoint_id: str) -> None:
        """A request is leaving."""
        self.endpoints[endpoint_id].in_flight += 1

    def returned(self, endpoint_id: str) -> None:
        """It is no longer open, whatever became of it."""
        self.endpoints[endpoint_id].in_flight -= 1

    def stored(self, endpoint_id: str, phase: Phase, outcome: Outcome, spent_nano_usd: int) -> None:
        """Its outcome is durable."""
        state = self.endpoints[endpoint_id]
        state.ended += 1
        self.spent_usd = spent_nano_usd / NANO_USD_PER_USD
        if phase is Phase.MEASURE and (outcome.failure is None or outcome.failure.kind.blame is Blame.PROVIDER):
            state.reached += 1
            state.brought += outcome.failure is None
        if outcome.failure is not None:
            state.failures[outcome.failure.kind] += 1
            state.last_failure = f"{outcome.failure.kind}: {outcome.failure.message}".removesuffix(": ")
            return
        state.succeeded += 1
        if phase is Phase.MEASURE and outcome.timings.last_image_byte_ns is not None:
            state.latencies_ms.append(outcome.timings.last_image_byte_ns / NS_PER_MS)
