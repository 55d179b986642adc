"""What a monitoring system is told, in Prometheus' terms: gauges over a window, counters over all time.

Names follow https://prometheus.io/docs/practices/naming/ (base units, unit last, `_total` for counters); the help of a
figure is the definition that its literal has. A figure that is unknown or withheld has no sample, never a zero.
Labels come from endpoints, failure kinds and the windows asked for, so that their number is bounded by the catalog.
"""

from __future__ import annotations

import platform
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from arena import __version__
from arena.domain.failure import FailureKind
from arena.metrics.figures import METRICS
from arena.metrics.uptime import UPTIME
from arena.reports.summary import by_endpoint, summarize
from arena.reports.windows import outcome_frame, parse_window
from arena.store import totals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from prometheus_client import Metric as Family

    from arena.metrics.base import Figure
    from arena.reports.summary import EndpointSummary
    from arena.store.engine import Connection
    from arena.store.totals import Ending, RunCounts

    OpenIncidents = Callable[[Connection], Mapping[tuple[str, bool], int]]

ENDPOINT_LABELS = ("endpoint", "provider", "model", "region", "simulated")


@dataclass(frozen=True, slots=True)
class Exposed:
    """A figure as a gauge: `arena_{stem}_{unit}`, with its interval as `arena_{stem}_low_{unit}` and `…_high_…`."""

    figure: str
    stem: str
    unit: str
    factor: float = 1.0


EXPOSED = (
    Exposed("time_to_image_p50_ms", "time_to_image_p50", "seconds", 0.001),
    Exposed("time_to_image_p95_ms", "time_to_image_p95", "seconds", 0.001),
    Exposed("ttfb_p50_ms", "time_to_first_byte_p50", "seconds", 0.001),
    Exposed("success_rate", "success", "ratio"),
    Exposed("uptime", "uptime", "ratio"),
    Exposed("cost_per_image_usd", "cost_per_image", "usd"),
)
METRIC = {metric.name: metric for metric in (*METRICS, UPTIME)}
COMPUTED = tuple(METRIC[name] for name in ("attempts", *(exposed.figure for exposed in EXPOSED)))


@dataclass(frozen=True, slots=True)
class WindowFigures:
    """Every endpoint's figures over one window, and when each was last asked in it."""

    name: str
    summaries: tuple[EndpointSummary, ...]
    last_sent: Mapping[tuple[str, bool], datetime]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that one scrape tells. `incidents`: how many are open by endpoint; None where nobody watches for any."""

    taken_at: datetime
    windows: tuple[WindowFigures, ...]
    counted: Mapping[str, RunCounts]
    incidents: Mapping[tuple[str, bool], int] | None = None


def snapshot(
    connection: Connection,
    windows: Sequence[str],
    now: datetime,
    known: Mapping[str, RunCounts] | None = None,
    open_incidents: OpenIncidents | None = None,
) -> Snapshot:
    """Read what there is to tell. `windows` are lengths such as `24h`; `known` the counts of the last snapshot."""
    return Snapshot(
        now,
        tuple(_window(connection, name, now) for name in windows),
        totals.counted(connection, known or {}),
        None if open_incidents is None else open_incidents(connection),
    )


def _window(connection: Connection, name: str, now: datetime) -> WindowFigures:
    rows = outcome_frame(connection, parse_window(name, now))
    sent = {
        (str(mine["endpoint"].iloc[0]), bool(mine["simulated"].iloc[0])): mine["started_at"].max()
        for mine in by_endpoint(rows)
        if mine["started_at"].notna().any()
    }
    return WindowFigures(name, tuple(summarize(rows, COMPUTED, ())), sent)


def families(told: Snapshot) -> Iterator[Family]:
    """The metric families of a scrape."""
    yield from _build()
    yield from _figures(told)
    yield from _endpoint_states(told)
    yield from _counters(told)


def _build() -> Iterator[Family]:
    from prometheus_client.core import GaugeMetricFamily

    build = GaugeMetricFamily("arena_build_info", "Which Arena tells this; always 1.", labels=("version", "python"))
    build.add_metric((__version__, platform.python_version()), 1)
    yield build


def _figures(told: Snapshot) -> Iterator[Family]:
    from prometheus_client.core import GaugeMetricFamily

    labels = (*ENDPOINT_LABELS, "window")
    values = GaugeMetricFamily(
        "arena_figure_values", "How many values a figure rests on (its n).", labels=(*labels, "figure")
    )
    attempts = GaugeMetricFamily("arena_window_attempts", METRIC["attempts"].definition, labels=labels)
    gauges = []
    for exposed in EXPOSED:
        definition = METRIC[exposed.figure].definition
        texts = (definition, *(f"{end} end of the 95 % interval of: {definition}" for end in ("Lower", "Upper")))
        names = (f"arena_{exposed.stem}{end}_{exposed.unit}" for end in ("", "_low", "_high"))
        gauges.append([GaugeMetricFamily(n, t, labels=labels) for n, t in zip(names, texts, strict=True)])
    for window in told.windows:
        for summary in window.summaries:
            where = (*_labels(summary), window.name)
            attempts.add_metric(where, summary.figures["attempts"].n)
            for exposed, three in zip(EXPOSED, gauges, strict=True):
                figure = summary.figures[exposed.figure]
                values.add_metric((*where, exposed.stem), figure.n)
                _add(three, where, figure, exposed.factor)
    yield from (attempts, *(family for three in gauges for family in three), values)


def _add(three: Sequence[Any], where: tuple[str, ...], figure: Figure, factor: float) -> None:
    """Value and both ends, as far as they are known."""
    for family, number in zip(three, (figure.value, figure.low, figure.high), strict=True):
        if number is not None:
            family.add_metric(where, number * factor)


def _endpoint_states(told: Snapshot) -> Iterator[Family]:
    from prometheus_client.core import GaugeMetricFamily

    last = GaugeMetricFamily(
        "arena_last_attempt_timestamp_seconds",
        "When the last measured attempt of the window was sent, in seconds since 1970.",
        labels=(*ENDPOINT_LABELS, "window"),
    )
    incidents = GaugeMetricFamily(
        "arena_open_incidents", "How many incidents are open.", labels=("endpoint", "simulated")
    )
    for window in told.windows:
        for summary in window.summaries:
            at = window.last_sent.get((summary.endpoint, summary.simulated))
            if at is not None:
                last.add_metric((*_labels(summary), window.name), at.timestamp())
    for (endpoint, simulated), count in sorted((told.incidents or {}).items()):
        incidents.add_metric((endpoint, _flag(simulated=simulated)), count)
    yield last
    if told.incidents is not None:
        yield incidents
    taken = GaugeMetricFamily(
        "arena_figures_timestamp_seconds", "When these figures were computed, in seconds since 1970."
    )
    taken.add_metric((), told.taken_at.timestamp())
    yield taken


def _counters(told: Snapshot) -> Iterator[Family]:
    from prometheus_client.core import CounterMetricFamily

    attempts = CounterMetricFamily(
        "arena_attempts",
        "Attempts of the measured phase that have ended, over all time, by how they ended.",
        labels=(*ENDPOINT_LABELS, "status"),
    )
    failures = CounterMetricFamily(
        "arena_failures",
        "Attempts of the measured phase that brought no usable image, over all time, by kind and by whom is to blame.",
        labels=(*ENDPOINT_LABELS, "kind", "blame"),
    )
    where, ended, failed = all_time(told.counted)
    for (key, status), count in sorted(ended.items()):
        attempts.add_metric((*where[key], status), count)
    for (key, kind), count in sorted(failed.items()):
        failures.add_metric((*where[key], kind, FailureKind(kind).blame.value), count)
    yield attempts
    yield failures


Key = tuple[str, bool]


def all_time(
    counted: Mapping[str, RunCounts],
) -> tuple[dict[Key, tuple[str, ...]], Counter[tuple[Key, str]], Counter[tuple[Key, str]]]:
    """Each endpoint's labels as they were last, its attempts by status, and its failures by kind.

    Who said once in a run that it only pretends did so all along, also before it had said so.
    """
    where: dict[Key, tuple[str, ...]] = {}
    ended: Counter[tuple[Key, str]] = Counter()
    failed: Counter[tuple[Key, str]] = Counter()
    for run in counted.values():
        pretends = {ending.endpoint for ending in run.counts if ending.simulated}
        for ending, count in run.counts.items():
            key = (ending.endpoint, ending.endpoint in pretends)
            where[key] = _ending_labels(ending, simulated=key[1])
            ended[key, ending.status] += count
            if ending.failure_kind is not None:
                failed[key, ending.failure_kind] += count
    return where, ended, failed


def _labels(summary: EndpointSummary) -> tuple[str, ...]:
    known = summary.endpoint, summary.provider, summary.model, summary.region or ""
    return (*known, _flag(simulated=summary.simulated))


def _ending_labels(ending: Ending, *, simulated: bool) -> tuple[str, ...]:
    return (ending.endpoint, ending.provider, ending.model, ending.region or "", _flag(simulated=simulated))


def _flag(*, simulated: bool) -> str:
    return "true" if simulated else "false"
