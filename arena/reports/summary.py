"""The summary of a run: one function behind the terminal, `--json`, files and the app."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from arena.metrics.figures import METRICS
from arena.metrics.phases import PHASES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pandas as pd

    from arena.metrics.base import Figure, Metric


@dataclass(frozen=True, slots=True)
class EndpointSummary:
    """One endpoint's figures. Simulated and real rows of one endpoint are two summaries, never one."""

    endpoint: str
    provider: str
    model: str
    region: str | None
    simulated: bool
    figures: dict[str, Figure]
    failures: dict[str, int]
    unknown: int
    phases: dict[str, Figure] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Who comes first in something, with the figure, and whose interval overlaps so that it may be first as well.

    `wanting`: that holds for some of them only because one of the two figures has no interval.
    """

    claim: str
    endpoint: str
    metric: str
    figure: Figure
    overlapping: tuple[str, ...]
    wanting: bool = False

    @property
    def why(self) -> str:
        """Why those that are `overlapping` are not told apart."""
        if self.metric.endswith("_usd"):
            return "the prices are the same"
        return "the intervals overlap" + (", or there are too few values for one" if self.wanting else "")


def summarize(
    outcomes: pd.DataFrame, metrics: Sequence[Metric] = METRICS, phases: Sequence[Metric] = PHASES
) -> list[EndpointSummary]:
    """Figures by endpoint over the measured phase, real ones first, then by median time to image.

    `outcomes` has the columns of `arena.store.queries.OUTCOME_COLUMNS`, from the database or read back from an export,
    or those of a window (`arena.reports.windows`).    Metrics and phases can be left out where nobody looks at them.
    """
    summaries = [
        _summarize_endpoint(str(rows["endpoint"].iloc[0]), bool(rows["simulated"].iloc[0]), rows, metrics, phases)
        for rows in by_endpoint(outcomes)
    ]
    return sorted(summaries, key=_order)


def by_endpoint(outcomes: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """The measured rows of each endpoint, simulated and real ones apart.

    One endpoint's rows are copied at a time: of a million, `groupby` would copy all of them first.
    """
    import pandas as pd

    coded, _ = pd.factorize(outcomes["endpoint"])
    keys = np.where(outcomes["phase"] == "measure", coded * 2 + outcomes["simulated"].to_numpy(dtype=bool), -1)
    order = np.argsort(keys.astype(np.int16) if len(keys) and keys.max() < 2**15 else keys, kind="stable")
    begins = np.flatnonzero(np.diff(keys[order], prepend=-1))
    for begin, end in pairwise([*begins.tolist(), len(keys)]):
        yield outcomes.take(order[begin:end])


def _order(summary: EndpointSummary) -> tuple[bool, float, str]:
    p50 = summary.figures["time_to_image_p50_ms"].value
    return summary.simulated, float("inf") if p50 is None else p50, summary.endpoint


def _summarize_endpoint(
    endpoint: str, simulated: bool, rows: pd.DataFrame, metrics: Sequence[Metric], phases: Sequence[Metric]
) -> EndpointSummary:
    failures = rows["failure_kind"].value_counts()
    region = rows["region"].dropna()
    return EndpointSummary(
        endpoint=endpoint,
        provider=str(rows["provider"].iloc[-1]),
        model=str(rows["model"].iloc[-1]),
        region=str(region.iloc[-1]) if len(region) else None,
        simulated=simulated,
        figures={metric.name: metric.compute(rows) for metric in metrics},
        phases={metric.name: metric.compute(rows) for metric in phases},
        failures={
            str(kind): int(count)
            for kind, count in sorted(failures.items(), key=lambda kv: (-kv[1], str(kv[0])))
            if count
        },
        unknown=int((rows["status"] == "unknown").sum()),
    )


def verdicts(summaries: Sequence[EndpointSummary]) -> list[Verdict]:
    """Fastest, steadiest and cheapest, among real endpoints if there are any, else among simulated ones."""
    real = [s for s in summaries if not s.simulated]
    field = real or list(summaries)
    found = [
        _best("fastest", field, "time_to_image_p50_ms", lower=True),
        _best("steadiest", field, "success_rate", lower=False),
        _best("cheapest", field, "cost_per_image_usd", lower=True),
    ]
    return [verdict for verdict in found if verdict is not None]


def _best(claim: str, field: Sequence[EndpointSummary], metric: str, *, lower: bool) -> Verdict | None:
    known = [(s.figures[metric], s) for s in field if s.figures[metric].value is not None]
    if len(known) < 2:
        return None

    def rank(entry: tuple[Figure, EndpointSummary]) -> tuple[float, float]:
        figure, summary = entry
        value = round(figure.value or 0.0, 9)  # sums of prices differ in their last bits
        spread = summary.figures["time_to_image_p95_ms"].value or float("inf")
        return (value if lower else -value), spread

    figure, winner = min(known, key=rank)
    others = [(other, s.endpoint) for other, s in known if s is not winner and _overlap(metric, figure, other)]
    wanting = any(end is None for other, _ in others for end in (figure.low, figure.high, other.low, other.high))
    return Verdict(claim, winner.endpoint, metric, figure, tuple(sorted(name for _, name in others)), wanting)


def _overlap(metric: str, a: Figure, b: Figure) -> bool:
    """Whether two figures may be the same: prices are known exactly; where an interval is missing, any may be."""
    if metric.endswith("_usd"):
        return round(a.value or 0.0, 9) == round(b.value or 0.0, 9)
    if a.low is None or a.high is None or b.low is None or b.high is None:
        return True
    return a.low <= b.high and b.low <= a.high


def flat_rows(summaries: Sequence[EndpointSummary]) -> list[dict[str, Any]]:
    """One flat row an endpoint: every figure with `_n`, `_low` and `_high` beside it. What files hold."""
    rows = []
    for summary in summaries:
        row: dict[str, Any] = {
            "endpoint": summary.endpoint,
            "provider": summary.provider,
            "model": summary.model,
            "region": summary.region,
            "simulated": summary.simulated,
            "unknown": summary.unknown,
        }
        for name, figure in (summary.figures | summary.phases).items():
            row |= {
                name: figure.value,
                f"{name}_n": figure.n,
                f"{name}_low": figure.low,
                f"{name}_high": figure.high,
            }
        row["failures"] = "; ".join(f"{kind}={count}" for kind, count in summary.failures.items())
        rows.append(row)
    return rows


def as_json(summaries: Sequence[EndpointSummary]) -> list[dict[str, Any]]:
    """The same for `--json`: figures nested, failures as a table."""
    return [
        {
            "endpoint": s.endpoint,
            "provider": s.provider,
            "model": s.model,
            "region": s.region,
            "simulated": s.simulated,
            "unknown": s.unknown,
            "figures": _nested(s.figures),
            "phases": _nested(s.phases),
            "failures": s.failures,
        }
        for s in summaries
    ]


def _nested(figures: Mapping[str, Figure]) -> dict[str, dict[str, float | int | None]]:
    return {name: {"value": f.value, "n": f.n, "low": f.low, "high": f.high} for name, f in figures.items()}
