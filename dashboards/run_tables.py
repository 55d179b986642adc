"""Frames about runs that pages show as tables and offer as files: one type a column, missing is missing."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pandas as pd

from arena.metrics.phases import PHASES
from arena.reports.wording import value_text, written
from arena.units import NS_PER_MS, format_ms, format_percent, percent
from dashboards import format as fmt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from arena.metrics.base import Figure
    from arena.reports.behaviour import Behaviour
    from arena.reports.capacity import Capacity
    from arena.reports.compare import Comparison
    from arena.reports.history import RunLine
    from arena.reports.progress import EndpointProgress
    from arena.reports.summary import EndpointSummary

MARKS = ("started", "resolved", "tcp", "connected", "request_sent", "headers", "first_byte", "ended")


def history(lines: Sequence[RunLine]) -> pd.DataFrame:
    """One row a run."""
    rows = [
        {
            "run": line.run.id,
            "began_utc": line.run.created_at,
            "plan": line.run.plan.name,
            "simulated": line.run.simulated,
            "status": line.ended,
            "fit_to_measure": _fit(line),
            "trials": line.trials,
            "attempts": line.attempts,
            "images": line.succeeded,
            "images_per_attempt": line.success_rate,
            "cost_usd": line.cost_usd,
            "made_for": line.run.plan.purpose.value,
            "endpoints": ", ".join(line.run.plan.endpoints),
            "why_not_fit": line.unfit,
        }
        for line in lines
    ]
    return pd.DataFrame(rows).astype({"images_per_attempt": "Float64", "cost_usd": "Float64"})


def _fit(line: RunLine) -> str:
    """What the canary of a run says."""
    if line.run.fitness is None:
        return "not watched" if line.run.ended_at is not None else fmt.DASH
    return "yes" if line.unfit is None else "not fit to measure"


PROGRESS = {
    "endpoint": "Endpoint",
    "simulated": "Simulated",
    "trials": "Trials",
    "in_flight": "In flight",
    "images": "Images",
    "failed": "Failed",
    "unknown": "Unknown",
    "failures": "Failures by kind",
    "rate_per_s": "Rate, last 60 s",
    "cost_usd": "Cost, $",
}


def progress(endpoints: Sequence[EndpointProgress]) -> pd.DataFrame:
    """One row an endpoint of a run."""
    rows = [
        {
            "endpoint": e.endpoint,
            "simulated": e.simulated,
            "trials": e.planned,
            "in_flight": e.in_flight,
            "images": e.succeeded,
            "failed": e.failed,
            "unknown": e.unknown,
            "failures": ", ".join(f"{count} {fmt.kind(kind)}" for kind, count in e.failures.most_common()) or fmt.DASH,
            "rate_per_s": e.rate_per_s,
            "cost_usd": e.cost_usd,
        }
        for e in endpoints
    ]
    return pd.DataFrame(rows).astype({"rate_per_s": "Float64", "cost_usd": "Float64"})


def phases(summaries: Sequence[EndpointSummary]) -> pd.DataFrame:
    """Medians of the phases of successes, as text with interval and n; no column for a phase that nobody has."""
    told = [m for m in PHASES if any((s.figures.get(m.name) or s.phases[m.name]).n for s in summaries)]
    rows = [
        {"Endpoint": fmt.label(s)}
        | {fmt.capitalized(m.title): fmt.figure_text(m, s.figures.get(m.name) or s.phases[m.name]) for m in told}
        for s in summaries
    ]
    return pd.DataFrame(rows)


def capacity(found: Capacity) -> pd.DataFrame:
    """One row a rate."""
    rows = [
        {
            "rate_per_s": p.rate_per_s,
            "verdict": p.verdict.value,
            "repeats": p.repeats,
            "n": p.n,
            **{f"from_due_{name}_ms": figure.value for name, figure in p.from_due.items()},
            "success_rate": p.success.value,
            "success_rate_low": p.success.low,
            "success_rate_high": p.success.high,
            "delivered_per_s": p.delivered_per_s,
            "waited_share": p.waited_share,
            "runs": ", ".join(p.run_ids),
        }
        for p in found.points
    ]
    return pd.DataFrame(rows)


def capacity_shown(found: Capacity) -> pd.DataFrame:
    """The same as text, with intervals."""
    return pd.DataFrame(
        [
            {
                "Rate": f"{p.rate_per_s:g}/s",
                "Verdict": p.verdict.value,
                **{f"{name} from due": _latency(figure) for name, figure in p.from_due.items()},
                "Success": _share(p.success),
                "Delivered": fmt.DASH if p.delivered_per_s is None else f"{p.delivered_per_s:.3g}/s",
                "Waited": format_percent(p.waited_share, 0),
                "n": p.n,
            }
            for p in found.points
        ]
    )


def _latency(figure: Figure) -> str:
    """`299 ms [190, 390 ms]`; `never` where failures reach the quantile."""
    ends = [None if x is None else format_ms(x) if math.isfinite(x) else "never" for x in (figure.low, figure.high)]
    if figure.value is None:
        return fmt.DASH
    value = format_ms(figure.value) if math.isfinite(figure.value) else "never"
    return value if ends[0] is None or ends[1] is None else f"{value} [{ends[0]}, {ends[1]}]"


def _share(figure: Figure) -> str:
    if figure.value is None or figure.low is None or figure.high is None:
        return fmt.DASH
    return f"{format_percent(figure.value)} [{percent(figure.low)}, {percent(figure.high)}]"


def behaviour(found: Behaviour) -> pd.DataFrame:
    """One row a question."""
    return pd.DataFrame(
        [
            {"Question": fmt.capitalized(f.question), "Answer": f.answer.value, "n": f.n, "What was seen": f.seen}
            for f in found.findings
        ]
    )


def contrasts(found: Comparison) -> pd.DataFrame:
    """One row a figure of two sides."""
    return pd.DataFrame(
        [
            {
                "Figure": fmt.capitalized(c.title),
                "A": value_text(c.unit, c.a),
                "B": value_text(c.unit, c.b),
                "A − B [95 %]": written(c.unit, c.difference),
                "n": c.difference.n,
                "Verdict": c.verdict,
            }
            for c in found.contrasts
        ]
    )


def comparison_rows(comparisons: Sequence[Comparison]) -> pd.DataFrame:
    """Every figure of some comparisons as numbers: what a file holds."""
    rows = [
        {
            "a_run": found.a.run_id,
            "a_endpoint": found.a.endpoint,
            "b_run": found.b.run_id,
            "b_endpoint": found.b.endpoint,
            "simulated": found.a.simulated,
            "paired": found.paired,
            "metric": c.metric,
            "unit": c.unit,
            "a": c.a,
            "b": c.b,
            "difference": c.difference.value,
            "low": c.difference.low,
            "high": c.difference.high,
            "n": c.difference.n,
            "verdict": c.verdict,
        }
        for found in comparisons
        for c in found.contrasts
    ]
    return pd.DataFrame(rows)


def calls(rows: pd.DataFrame) -> pd.DataFrame:
    """The HTTP calls of an attempt with every mark, in milliseconds since the request was sent."""
    marks = {f"{m}_ms": pd.to_numeric(rows[f"{m}_ns"]).astype("Float64") / NS_PER_MS for m in MARKS}
    named = ["purpose", "method", "url", "http_status", "http_version", "remote_address", "body_bytes"]
    return rows[named].assign(**marks)
