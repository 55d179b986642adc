"""Attempts as spans: one trace an attempt, one child span a call, at the times at which they happened.

Ids follow from run, trial and attempt, so that a run that is exported twice gives the same traces and no second ones.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import SpanKind, StatusCode

from arena import __version__
from harness.telemetry import attributes, names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.context import Context
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan

    from arena.domain.outcome import CallRecord
    from arena.store.traces import TracedAttempt

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MARKS = ("resolved_ns", "tcp_ns", "connected_ns", "request_sent_ns", "headers_ns", "first_byte_ns")


class Tracing:
    """Makes spans of attempts; nothing is sent anywhere."""

    def __init__(self, resource: Resource, *, with_prompts: bool) -> None:
        self._with_prompts, self._ids, self._made = with_prompts, _Ids(), InMemorySpanExporter()
        provider = TracerProvider(resource=resource, sampler=ALWAYS_ON, id_generator=self._ids, shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self._made))
        self._tracer = provider.get_tracer("arena", __version__)

    def spans(self, attempts: Sequence[TracedAttempt]) -> list[ReadableSpan]:
        """The spans of some attempts, children before their parents."""
        self._made.clear()
        for attempt in attempts:
            self._attempt(attempt)
        return list(self._made.get_finished_spans())

    def _attempt(self, attempt: TracedAttempt) -> None:
        sent_ns = unix_ns(attempt.started_at)
        self._ids.of(attempt)
        span = self._tracer.start_span(
            f"{names.GENERATE_CONTENT} {attempt.model}",
            kind=SpanKind.CLIENT,
            attributes=attributes.of_attempt(attempt, with_prompts=self._with_prompts),
            start_time=sent_ns,
        )
        around = trace.set_span_in_context(span)
        for call in attempt.calls:
            self._call(call, sent_ns, around, simulated=attempt.simulated)
        if attempt.failure_kind is not None:
            span.set_status(StatusCode.ERROR)
        span.end(sent_ns + attempt.ended_ns)

    def _call(self, call: CallRecord, sent_ns: int, around: Context, *, simulated: bool) -> None:
        span = self._tracer.start_span(
            call.method,
            context=around,
            kind=SpanKind.CLIENT,
            attributes=attributes.of_call(call, simulated=simulated),
            start_time=sent_ns + call.started_ns,
        )
        for mark in _MARKS:
            at_ns = getattr(call, mark)
            if at_ns is not None:
                span.add_event(mark.removesuffix("_ns"), timestamp=sent_ns + at_ns)
        if attributes.error_of(call) is not None:
            span.set_status(StatusCode.ERROR)
        span.end(sent_ns + call.ended_ns)


def unix_ns(moment: datetime) -> int:
    """Nanoseconds since 1970, exactly."""
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000


class _Ids(IdGenerator):
    """Ids that follow from what a span is about: the trace's from its attempt, a span's from its place in the trace."""

    def __init__(self) -> None:
        self._trace, self._place = 0, 0

    def of(self, attempt: TracedAttempt) -> None:
        """Begin the trace of an attempt."""
        name = f"{attempt.run_id}/{attempt.trial}/{attempt.number}"
        self._trace, self._place = _number(name, 16), 0

    def generate_trace_id(self) -> int:
        """The id of the attempt's trace."""
        return self._trace

    def generate_span_id(self) -> int:
        """The id of its next span."""
        self._place += 1
        return _number(f"{self._trace:032x}/{self._place}", 8)


def _number(name: str, size: int) -> int:
    """So many bytes of a hash as a number; zero would be no id."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:size]) or 1
