"""A stored run to an OpenTelemetry collector, over OTLP and HTTP; only called when nothing is measured any more."""

from __future__ import annotations

import logging
import os
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import util
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from arena import __version__
from arena.domain.run import RunStatus
from arena.errors import ConfigError
from arena.store import traces
from arena.store.pruning import attempts_pruned_at
from arena.store.runs import get_run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opentelemetry.sdk.resources import Resource

    from arena.domain.run import Run
    from arena.store.engine import Connection, Database

DEFAULT_ENDPOINT = "http://127.0.0.1:4318"
ENDPOINT_VARIABLE = "OTEL_EXPORTER_OTLP_ENDPOINT"
TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Exported:
    """How much was taken in by the collector; `untimed` attempts have no times that could be told."""

    run_id: str
    attempts: int
    spans: int
    untimed: int
    endpoint: str

    @property
    def sentence(self) -> str:
        """The same in words."""
        left = f"; left out, as nobody knows when they ended: {self.untimed}" if self.untimed else ""
        return f"run {self.run_id}: {self.attempts} attempts as {self.spans} spans to {self.endpoint}{left}"


def export_run(database: Database, run_id: str, endpoint: str | None = None, *, with_prompts: bool = False) -> Exported:
    """Export a run (an id, a part of one, or `last`) as traces and metrics.

    `endpoint` is the base address of a collector, without `/v1/traces`. ConfigError if it is none, if it does not take
    everything, if the run is still being measured, or if the packages are not installed.
    """
    _check_installed()
    base = _base(endpoint or os.environ.get(ENDPOINT_VARIABLE) or DEFAULT_ENDPOINT)
    with database.read() as connection, _quiet():
        run = get_run(connection, run_id)
        if run.status is RunStatus.RUNNING and not run.silent(datetime.now(UTC)):
            raise ConfigError(f"run {run.id} is still being measured; export it when it has ended")
        if attempts_pruned_at(connection, run.id) is not None:
            raise ConfigError(f"the attempts of run {run.id} were pruned, so that only its figures are left to be told")
        attempts, spans = _export(connection, run, base, with_prompts=with_prompts)
        untimed = traces.untimed(connection, run.id)
    return Exported(run.id, attempts, spans, untimed, base)


def _export(connection: Connection, run: Run, base: str, *, with_prompts: bool) -> tuple[int, int]:
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.metrics.export import MetricExportResult
    from opentelemetry.sdk.trace.export import SpanExportResult

    from harness.telemetry.histograms import Histograms
    from harness.telemetry.spans import Tracing, unix_ns

    resource = _resource(run)
    tracing, histograms = Tracing(resource, with_prompts=with_prompts), Histograms()
    exporter = OTLPSpanExporter(endpoint=f"{base}/v1/traces", timeout=TIMEOUT_S)
    attempts = spans = 0
    for batch in traces.traced(connection, run.id):
        made = tracing.spans(batch)
        if exporter.export(made) is not SpanExportResult.SUCCESS:
            raise ConfigError(_refused(run, base, "traces"))
        histograms.add(batch)
        attempts, spans = attempts + len(batch), spans + len(made)
    exporter.shutdown()  # type: ignore[no-untyped-call]
    if attempts:
        ended = run.ended_at or datetime.now(UTC)
        metrics = OTLPMetricExporter(endpoint=f"{base}/v1/metrics", timeout=TIMEOUT_S)
        data = histograms.data(resource, unix_ns(run.created_at), unix_ns(ended))
        if metrics.export(data) is not MetricExportResult.SUCCESS:
            raise ConfigError(_refused(run, base, "metrics"))
        metrics.shutdown()
    return attempts, spans


def _refused(run: Run, base: str, what: str) -> str:
    return (
        f"{base} does not take the {what} of run {run.id}; is a collector for OTLP over HTTP listening there? "
        f"Then: arena otel export {run.id} --endpoint {base}"
    )


def _resource(run: Run) -> Resource:
    from opentelemetry.sdk.resources import Resource

    return Resource.create(
        {
            "service.name": "arena",
            "service.version": __version__,
            "host.name": run.environment.hostname,
            "arena.run.id": run.id,
            "arena.plan": run.plan.name,
            "arena.simulated": run.simulated,
        }
    )


def _check_installed() -> None:
    """ConfigError if the extra is missing."""
    if util.find_spec("opentelemetry") is None or util.find_spec("opentelemetry.sdk") is None:
        raise ConfigError("OpenTelemetry is not installed; `pip install 'provider-arena[otel]'` brings it")


def _base(endpoint: str) -> str:
    """The address without its last slash; ConfigError if it is none."""
    try:
        parts = urlsplit(endpoint)
        usable = parts.scheme in {"http", "https"} and parts.hostname is not None and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ConfigError(f"--endpoint {endpoint!r} is no address; write http://HOST:PORT, such as {DEFAULT_ENDPOINT}")
    return endpoint.rstrip("/").removesuffix("/v1/traces").removesuffix("/v1/metrics")


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporter's own log lines: one sentence says what went wrong."""
    logger = logging.getLogger("opentelemetry")
    before = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(before)
