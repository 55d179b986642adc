"""How long the operations and requests of a run took, as histograms over that run."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricsData,
    ResourceMetrics,
    ScopeMetrics,
)
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from arena import __version__
from arena.domain.plan import Phase
from arena.units import NS_PER_S
from harness.telemetry import attributes, names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk.resources import Resource

    from arena.store.traces import TracedAttempt
    from harness.telemetry.attributes import Attributes


@dataclass(slots=True)
class _Durations:
    """Durations by their attributes."""

    bounds_s: tuple[float, ...]
    values_s: dict[frozenset[tuple[str, attributes.Value]], list[float]] = field(default_factory=dict)

    def add(self, of: Attributes, duration_ns: int) -> None:
        self.values_s.setdefault(frozenset(of.items()), []).append(duration_ns / NS_PER_S)

    def points(self, began_ns: int, ended_ns: int) -> list[HistogramDataPoint]:
        return [self._point(dict(of), values, began_ns, ended_ns) for of, values in self.values_s.items()]

    def _point(self, of: Attributes, values: list[float], began_ns: int, ended_ns: int) -> HistogramDataPoint:
        counts = [0] * (len(self.bounds_s) + 1)
        for value in values:
            counts[bisect_left(self.bounds_s, value)] += 1
        return HistogramDataPoint(
            of, began_ns, ended_ns, len(values), sum(values), counts, self.bounds_s, min(values), max(values)
        )


class Histograms:
    """Collects the durations of the measured phase; warm-up is left out, as of every figure."""

    def __init__(self) -> None:
        self._operations = _Durations(names.DURATION_BOUNDS_S)
        self._requests = _Durations(names.REQUEST_BOUNDS_S)

    def add(self, attempts: Sequence[TracedAttempt]) -> None:
        """Count these attempts and their calls."""
        for attempt in attempts:
            if attempt.phase != Phase.MEASURE:
                continue
            self._operations.add(attributes.of_series(attempt), attempt.ended_ns)
            for call in attempt.calls:
                of = attributes.of_request(call, simulated=attempt.simulated)
                self._requests.add(of, call.ended_ns - call.started_ns)

    def data(self, resource: Resource, began_ns: int, ended_ns: int) -> MetricsData:
        """What was collected, as of the run from beginning to end.

        Deltas: a run is a stretch of time of its own, and adds to what was before it.
        """
        metrics = [
            _metric(names.OPERATION_DURATION, "GenAI operation duration.", self._operations, began_ns, ended_ns),
            _metric(names.REQUEST_DURATION, "Duration of HTTP client requests.", self._requests, began_ns, ended_ns),
        ]
        scope = ScopeMetrics(InstrumentationScope("arena", __version__), metrics, "")
        return MetricsData([ResourceMetrics(resource, [scope], "")])


def _metric(name: str, description: str, durations: _Durations, began_ns: int, ended_ns: int) -> Metric:
    points = durations.points(began_ns, ended_ns)
    return Metric(name, description, "s", Histogram(points, AggregationTemporality.DELTA))
