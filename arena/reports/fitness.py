"""Whether a run was fit to measure, in words: what its canary saw, against what its figures can bear."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from arena.domain.run import Run
    from arena.reports.summary import EndpointSummary

BEARABLE_MS = 10.0
BEARABLE_SHARE = 0.01
"""An error of ours is borne up to 10 ms, or 1 % of the fastest endpoint's median, whichever is more."""
BUSY = 0.95
STEP_MS = 100.0


def bearable_ms(summaries: Sequence[EndpointSummary]) -> float:
    """How far a latency may be off through this side."""
    medians = [s.figures["time_to_image_p50_ms"].value for s in summaries]
    return max(BEARABLE_MS, BEARABLE_SHARE * min((m for m in medians if m is not None), default=0.0))


def complaints(run: Run, summaries: Sequence[EndpointSummary]) -> list[str]:
    """Why the run's figures are no evidence, each a sentence; empty where nothing speaks against them."""
    seen = run.fitness
    if seen is None:
        return []
    most_ms, found = bearable_ms(summaries), []
    if seen.loop_lag_p95_ms > most_ms:
        found.append(
            f"the event loop woke up to {seen.loop_lag_p95_ms:.0f} ms late (p95), so latencies may read that much too "
            "long: lower the load, or keep fewer images"
        )
    if seen.lateness_p95_ms is not None and seen.lateness_p95_ms > most_ms:
        found.append(
            f"requests left up to {seen.lateness_p95_ms:.0f} ms after they were due (p95): this machine cannot "
            "keep to the rate"
        )
    if seen.machine_cpu_p50 > BUSY:
        found.append(
            f"the machine's processors were {seen.machine_cpu_p50:.0%} busy at the median: measure on an idle one"
        )
    if seen.clock_step_ms > STEP_MS:
        found.append(
            f"the wall clock jumped by {seen.clock_step_ms / 1000:.1f} s: dates are off, and so may be the providers' "
            "own timings; durations are not"
        )
    return found


def headline(run: Run, summaries: Sequence[EndpointSummary]) -> str | None:
    """The sentence on top of an unfit run's summary; None for a fit one."""
    found = complaints(run, summaries)
    return f"not fit to measure: {'; '.join(found)}" if found else None


def as_json(run: Run, summaries: Sequence[EndpointSummary]) -> dict[str, Any] | None:
    """What was seen, and what speaks against the figures; None for a run without a canary."""
    if run.fitness is None:
        return None
    return {**run.fitness.model_dump(), "complaints": complaints(run, summaries)}
