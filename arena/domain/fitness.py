"""How fit a machine was to measure, sampled while it did."""

from __future__ import annotations

from pydantic import Field

from arena.domain.base import Value


class Fitness(Value):
    """What the canary of a run saw. Shares are of 1; a round trip is the time to open a TCP connection."""

    samples: int = Field(ge=1)
    loop_lag_p50_ms: float
    loop_lag_p95_ms: float
    loop_lag_max_ms: float
    """How much later than asked the event loop woke up: by so much an answer may have been read too late."""
    clock_step_ms: float
    """The largest jump of the wall clock against the monotonic one between two samples."""
    machine_cpu_p50: float
    machine_cpu_p95: float
    """Share of all processors that was busy with whatever does not give way: low-priority work is left out."""
    own_cpu: float
    """Processor time of this process and its decoders over the length of the run; 1 is one processor."""
    lateness_p95_ms: float | None = None
    """How much later than due requests left, beside waiting for an endpoint's limits; None in a closed loop."""
    hand_over_p95_ms: float | None = None
    """How long a place in a closed loop had to wait before it could send again, as images were not verified as fast."""
    round_trip_p50_ms: dict[str, float] = Field(default_factory=dict)
    """By endpoint, of the connections that were opened."""
