"""One attempt, for every provider alike: build -> send -> parse -> (poll) -> download, under one deadline.

What comes out is a `Delivery`: marks, raw image payloads or a failure. Nothing is decoded here; `harness.verify` turns
a delivery into an `Outcome` off the event loop, after the clock has stopped and the slot is free again.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread

from arena.domain.failure import Failure, FailureKind
from harness.addresses import belongs_to
from harness.calls import AttemptFailed, Calls
from harness.excise import excise
from harness.redaction import redacted, trace
from harness.steps import Steps

if TYPE_CHECKING:
    from harness.clock import Clock
    from harness.delivery import Delivery
    from harness.providers.base import Answer, Exchange, Job, Provider
    from harness.transport import Connection, PreparedCall

LOG = logging.getLogger(__name__)
PARSE_INLINE_BELOW_BYTES = 64 * 1024


class Engine:
    """Runs attempts. Big answers are parsed on its own worker thread, never on the event loop and never on the default
    thread pool, behind which name look-ups would have to wait."""

    def __init__(self, clock: Clock, *, parser_threads: int = 1) -> None:
        self._clock = clock
        self._parsers = anyio.CapacityLimiter(parser_threads)

    async def attempt(
        self,
        provider: Provider,
        job: Job,
        connection: Connection,
        *,
        timeout_s: float,
        due_ns: int | None = None,
        slot_wait_ns: int = 0,
    ) -> Delivery:
        """Fire one request and follow it to its end.

        `due_ns` is when the plan meant it to leave, on the engine's clock. Raises only for bugs and for cancellation.
        """
        failure: Failure | None = None
        request, problem = await self._prepare(provider, job, connection)
        if due_ns is not None:
            await self._clock.sleep_until(due_ns)
        started_at = self._clock.utc()
        calls = Calls(job, connection, self._clock.now_ns())
        steps = Steps(self, provider, job, calls, started_at)
        with anyio.move_on_after(timeout_s) as deadline:
            steps.deadline = deadline
            try:
                if request is None:
                    raise AttemptFailed(problem)
                await steps.run(request)
            except AttemptFailed as ended:
                failure = ended.failure
            except Exception as error:  # noqa: BLE001 - a bug of ours must cost one trial, not the run
                LOG.error("trial at %s failed inside the harness\n%s", job.endpoint.id, trace(error, job.key))
                failure = Failure(
                    kind=FailureKind.HARNESS, message=redacted(f"{type(error).__name__}: {error}", job.key)
                )
        if deadline.cancelled_caught:
            calls.note_cut_off()
            failure = Failure(kind=FailureKind.TIMEOUT, message=f"no image within {timeout_s:g} s")
        return steps.delivery(failure, due_ns=due_ns, slot_wait_ns=slot_wait_ns)

    async def _prepare(
        self, provider: Provider, job: Job, connection: Connection
    ) -> tuple[PreparedCall | None, Failure]:
        """The submitting call, encoded: before the clock starts, and off the loop where there are images to encode."""
        failure = Failure(kind=FailureKind.HARNESS)

        def build() -> PreparedCall:
            call = provider.build(job)
            return connection.prepare(call, with_auth=belongs_to(job.endpoint, call.url))

        try:
            if not job.request.images:
                return build(), failure
            return await anyio.to_thread.run_sync(build, limiter=self._parsers), failure
        except Exception as error:  # noqa: BLE001 - a bug of ours must cost one trial, not the run
            LOG.error("a request to %s could not be built\n%s", job.endpoint.id, trace(error, job.key))
            message = redacted(f"{type(error).__name__}: {error}", job.key)
            return None, Failure(kind=FailureKind.HARNESS, message=message)

    def now_ns(self) -> int:
        """The engine's monotonic clock."""
        return self._clock.now_ns()

    async def sleep_until(self, moment_ns: int) -> None:
        """Sleep on the engine's clock."""
        await self._clock.sleep_until(moment_ns)

    async def parse(self, provider: Provider, job: Job, exchange: Exchange) -> Answer:
        """`provider.parse`; of a large body without its long strings if that will do, else off the loop."""
        if len(exchange.body) < PARSE_INLINE_BELOW_BYTES:
            return provider.parse(job, exchange)
        excised = excise(exchange.body)
        if excised is not None:
            answer = excised.restore(provider.parse(job, replace(exchange, body=excised.skeleton)), exchange.body)
            if answer is not None:
                return answer
        parsed: Answer
        with anyio.CancelScope(shield=True):
            parsed = await anyio.to_thread.run_sync(provider.parse, job, exchange, limiter=self._parsers)
        return parsed
