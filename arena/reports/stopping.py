"""Why a run with a stop rule stopped, and how far each endpoint had got: computed from its rows, as all else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from arena.domain.plan import Phase
from arena.metrics.stopping import Stopping
from arena.store.runs import stored_trials
from arena.units import format_ms

if TYPE_CHECKING:
    import pandas as pd

    from arena.domain.run import Run
    from arena.store.engine import Connection


def stopping(connection: Connection, run: Run, rows: pd.DataFrame | None = None) -> Stopping:
    """How far a stored run has got by its stop rule; `rows`: its outcomes, where they have been read."""
    if run.plan.stop is None:
        return Stopping(None, ())
    from arena.store.queries import outcomes  # and with it pandas, which a run without a rule does without

    found = Stopping(run.plan.stop, (s.trial for s in stored_trials(connection, run.id)))
    ended = outcomes(connection, run.id) if rows is None else rows
    times = ended["time_to_image_ms"].where(ended["status"] == "succeeded").astype(object)
    times = times.where(times.notna(), None)
    for endpoint, phase, seq, time_ms in zip(ended["endpoint"], ended["phase"], ended["trial"], times, strict=True):
        found.ended(str(endpoint), Phase(phase), int(seq), time_ms)
    return found


def sentences(run: Run, found: Stopping) -> list[str]:
    """Whether every interval got as narrow as the plan asks for, and each endpoint's at its last look."""
    rule = run.plan.stop
    if rule is None:
        return []
    asked = f"the interval of {rule.metric} at most {rule.relative_width:.1%} wide at every endpoint"
    said = f"stopped: {asked}" if found.reached else f"not reached: {asked}"
    lines = [f"{said}; at the last look, by an interval that holds at all looks together:"]
    for endpoint, precision in sorted(found.endpoints.items()):
        figure, width = precision.figure, precision.relative_width
        if figure.value is None:
            lines.append(f"  {endpoint}: too few successes to look at")
        elif width is None or figure.low is None or figure.high is None:
            lines.append(f"  {endpoint}: {format_ms(figure.value)} after {figure.n} successes, without an interval yet")
        else:
            lines.append(
                f"  {endpoint}: {width:.1%} after {figure.n} successes, "
                f"{format_ms(figure.value)} [{format_ms(figure.low)}, {format_ms(figure.high)}]"
            )
    return lines


def as_json(run: Run, found: Stopping) -> dict[str, Any] | None:
    """The same for `--json`; None for a run without a rule."""
    if run.plan.stop is None:
        return None
    return {
        **run.plan.stop.model_dump(),
        "reached": found.reached,
        "endpoints": {
            endpoint: {
                "reached": p.reached,
                "relative_width": p.relative_width,
                "value": p.figure.value,
                "n": p.figure.n,
                "low": p.figure.low,
                "high": p.figure.high,
            }
            for endpoint, p in found.endpoints.items()
        },
    }
