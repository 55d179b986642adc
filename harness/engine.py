"""One attempt, for every provider alike: build -> send -> parse -> (poll) -> download, under one deadline.

What comes out is a `Delivery`: marks, raw image payloads or a failure. Nothing is decoded here; `harness.verify` turns
a delivery into an `Outcome` off the event loop, after the clock has stopped and the slot is free again.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import urljoin

import anyio
import anyio.to_thread

from arena.domain.failure import Failure, FailureKind, clean_message
from arena.domain.outcome import CallPurpose, CallRecord
from arena.domain.timings import Timings
from arena.units import NS_PER_S, ns_from_s
from harness.addresses import belongs_to, named, objection_to_result
from harness.excise import excise
from harness.providers.base import (
    Answer,
    Done,
    Exchange,
    ImageAddress,
    InlineImage,
    Job,
    Pending,
    Provider,
    Rejected,
    WireCall,
)
from harness.redaction import redacted, redacted_calls, redacted_done, redacted_label, trace
from harness.transport import Answered, Connection, PreparedCall

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

    from harness.clock import Clock
    from harness.net.marks import Marks

Payload: TypeAlias = InlineImage | bytes | bytearray
LOG = logging.getLogger(__name__)
PARSE_INLINE_BELOW_BYTES = 64 * 1024
MAX_REDIRECTS = 3
ASK_AGAIN_S = 1.0
"""How long to wait after a question was refused for the rate by an answer that does not say how long."""
MOST_SPARE_IMAGES = 15
"""How many images beyond those that were asked for are fetched: some make four at a time, none makes hundreds."""
SIMULATED_HEADER = "x-arena-simulated"


@dataclass(frozen=True, slots=True)
class Delivery:
    """An attempt as it came off the wire: timed, unverified. A payload is an image in base64, or a downloaded file."""

    job: Job
    started_at: datetime
    timings: Timings
    payloads: tuple[Payload, ...] = field(default=(), repr=False)
    done: Done | None = None
    failure: Failure | None = None
    reported_cost_usd: Decimal | None = None
    request_id: str | None = None
    simulated: bool = False
    calls: tuple[CallRecord, ...] = ()


class _Failed(Exception):  # noqa: N818 - a way out of the nested steps below; never leaves this file
    def __init__(self, failure: Failure) -> None:
        self.failure = failure


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
        steps = _Steps(self, provider, job, connection, started_at=self._clock.utc(), sent_ns=self._clock.now_ns())
        with anyio.move_on_after(timeout_s) as deadline:
            steps.deadline = deadline
            try:
                if request is None:
                    raise _Failed(problem)
                await steps.run(request)
            except _Failed as ended:
                failure = ended.failure
            except Exception as error:  # noqa: BLE001 - a bug of ours must cost one trial, not the run
                LOG.error("trial at %s failed inside the harness\n%s", job.endpoint.id, trace(error, job.key))
                failure = Failure(
                    kind=FailureKind.HARNESS, message=redacted(f"{type(error).__name__}: {error}", job.key)
                )
        if deadline.cancelled_caught:
            steps.note_cut_off()
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


@dataclass(slots=True)
class _Steps:
    """The state of one attempt under way; instants are on the engine's clock, offsets count from `sent_ns`."""

    engine: Engine
    provider: Provider
    job: Job
    connection: Connection
    started_at: datetime
    sent_ns: int
    connected_ns: int | None = None
    accepted_ns: int | None = None
    result_ns: int | None = None
    result_end_ns: int | None = None
    first_image_byte_ns: int | None = None
    last_image_byte_ns: int | None = None
    polls: int = 0
    last_pending_ns: int | None = None
    first_done_ns: int | None = None
    interval_ns: int | None = None
    refused_polls: int = 0
    simulated: bool = False
    request_id: str | None = None
    reported_cost_usd: Decimal | None = None
    server_ms: dict[str, float] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    done: Done | None = None
    payloads: tuple[Payload, ...] = ()
    calls: list[CallRecord] = field(default_factory=list)
    deadline: anyio.CancelScope | None = None

    async def run(self, submit: PreparedCall) -> None:
        """Submit, poll while pending, download. _Failed ends it early."""
        answered = await self._exchange(submit)
        self.connected_ns = self._since(answered.marks.connected_ns)
        self.accepted_ns = self._first_byte(answered.marks)
        answer = await self._parse(answered)
        while True:
            if isinstance(answer, Pending):
                self._note_cost(answer.cost_usd)
                self.server_ms |= answer.server_ms
                answered = await self._poll(answer, answered.marks.ended_ns)
            elif (wait_s := self._wait_to_ask_again_s(answer, answered.exchange)) is not None:
                answered = await self._ask_again(answered, wait_s)
            else:
                break
            answer = await self._parse(answered)
        if self.polls and self.first_done_ns is None:
            self.first_done_ns = self._since(answered.marks.ended_ns)
        if isinstance(answer, Rejected):
            self._note_cost(answer.cost_usd)
            raise _Failed(answer.failure)
        self._note_result(answer, answered)
        await self._collect(answer, answered)

    def note_cut_off(self) -> None:
        """Keep the record of the call that the deadline interrupted."""
        record = self.connection.cut_off(self.sent_ns)
        if record is not None:
            self.calls.append(record)
            if record.purpose is CallPurpose.SUBMIT:
                self.connected_ns, self.accepted_ns = record.connected_ns, record.headers_ns

    def delivery(self, failure: Failure | None, *, due_ns: int | None, slot_wait_ns: int) -> Delivery:
        """Everything that is known now that the attempt has ended."""
        ended_ns, key = self.engine.now_ns() - self.sent_ns, self.job.key
        timings = Timings(
            lateness_ns=None if due_ns is None else self.sent_ns - due_ns,
            slot_wait_ns=slot_wait_ns,
            connected_ns=self.connected_ns,
            accepted_ns=self.accepted_ns,
            result_ns=self.result_ns,
            result_end_ns=self.result_end_ns,
            first_image_byte_ns=self.first_image_byte_ns,
            last_image_byte_ns=self.last_image_byte_ns,
            ended_ns=max(ended_ns, self.last_image_byte_ns or 0),
            polls=self.polls,
            poll_interval_ns=self.interval_ns,
            last_pending_ns=self.last_pending_ns,
            first_done_ns=self.first_done_ns,
        )
        return Delivery(
            job=self.job,
            started_at=self.started_at,
            timings=timings,
            payloads=() if failure else self.payloads,
            done=redacted_done(self.done, key),
            failure=failure and failure.model_copy(update={"message": redacted(failure.message, key)}),
            reported_cost_usd=self.reported_cost_usd,
            request_id=redacted_label(self.request_id, key),
            simulated=self.simulated or self.job.endpoint.simulated,
            calls=redacted_calls(self.calls, key),
        )

    async def _send(self, call: WireCall, most_bytes: int | None = None) -> Answered:
        """Any call but the first: to an address that a server named."""
        endpoint = self.job.endpoint
        try:
            prepared = self.connection.prepare(
                call,
                with_auth=belongs_to(endpoint, call.url),
                public_only=not named(endpoint, call.url),
                most_bytes=most_bytes,
            )
        except ValueError:  # an address that a server made up and that is none
            message = f"the address for the {call.purpose} is not valid"
            kind = FailureKind.DOWNLOAD if call.purpose is CallPurpose.DOWNLOAD else FailureKind.BAD_RESPONSE
            raise _Failed(Failure(kind=kind, message=message)) from None
        return await self._exchange(prepared)

    async def _exchange(self, prepared: PreparedCall) -> Answered:
        call = prepared.call
        sent = await self.connection.send(prepared, origin_ns=self.sent_ns)
        self.calls.append(sent.record)
        if not isinstance(sent, Answered):
            if call.purpose is CallPurpose.SUBMIT:
                self.connected_ns = self._since(sent.marks.connected_ns)
                self.accepted_ns = self._since(sent.marks.headers_ns)
            raise _Failed(_of_call(call.purpose, sent.failure))
        self.simulated = self.simulated or SIMULATED_HEADER in sent.exchange.headers
        return sent

    async def _parse(self, answered: Answered) -> Answer:
        begun_ns = self.engine.now_ns()
        answer = await self.engine.parse(self.provider, self.job, answered.exchange)
        if self.deadline is not None:  # reading an answer takes our time, not the provider's
            self.deadline.deadline += (self.engine.now_ns() - begun_ns) / NS_PER_S
        self._note_name(answer, answered.exchange.body)
        return answer

    def _note_name(self, answer: Answer, body: bytes | bytearray) -> None:
        """The last name that the job was given; that an image came under another than was accepted is remarked on.

        Only where the answer itself says so: names in headers may be those of the single HTTP request.
        """
        before, now = self.request_id, answer.request_id or self.request_id
        self.request_id = now
        if isinstance(answer, Done) and before and now and now != before and now.encode() in body:
            self.remarks = (*self.remarks, f"accepted as {before}, answered as {now}")

    async def _poll(self, pending: Pending, seen_ns: int) -> Answered:
        wait_s = self.job.endpoint.poll_interval_s if pending.after_s is None else pending.after_s
        if pending.next.purpose is CallPurpose.RESULT:
            self.first_done_ns = self._since(seen_ns)
        else:
            self.interval_ns = ns_from_s(wait_s)
            self.last_pending_ns = self._since(seen_ns)
        objection = objection_to_result(self.job.endpoint, pending.next.url)
        if objection is not None:
            raise _Failed(_bad_response(f"the address to poll {objection}"))
        await self.engine.sleep_until(seen_ns + ns_from_s(wait_s))
        self.polls += pending.next.purpose is CallPurpose.POLL
        return await self._send(pending.next)

    def _wait_to_ask_again_s(self, answer: Answer, exchange: Exchange) -> float | None:
        """Seconds to wait where a question, and not the job, was refused for the rate; None where it was not, or where
        the wait would outlast the deadline. The job goes on meanwhile, and is paid for.
        """
        if exchange.call.purpose is not CallPurpose.POLL or not isinstance(answer, Rejected):
            return None
        if answer.failure.kind is not FailureKind.RATE_LIMITED:
            return None
        told_s = answer.failure.retry_after_s
        wait_s = max(ASK_AGAIN_S if told_s is None else told_s, self.job.endpoint.poll_interval_s)
        left_s = math.inf if self.deadline is None else self.deadline.deadline - anyio.current_time()
        return wait_s if wait_s < left_s else None

    async def _ask_again(self, answered: Answered, wait_s: float) -> Answered:
        await self.engine.sleep_until(answered.marks.ended_ns + ns_from_s(wait_s))
        self.polls += 1
        self.refused_polls += 1
        return await self._send(answered.exchange.call)

    def _note_result(self, done: Done, answered: Answered) -> None:
        refusals = self.refused_polls
        refused = (f"refused {refusals}× to say how the job stands, for the rate",) if refusals else ()
        self.done = replace(
            done,
            images=done.images[: self.job.request.n + MOST_SPARE_IMAGES],
            server_ms={**self.server_ms, **done.server_ms},
            remarks=(*done.remarks, *self.remarks, *refused),
        )
        self._note_cost(done.cost_usd)
        self.result_ns = self._first_byte(answered.marks)
        self.result_end_ns = self._since(answered.marks.ended_ns)

    def _note_cost(self, cost_usd: Decimal | None) -> None:
        """The last word counts."""
        self.reported_cost_usd = self.reported_cost_usd if cost_usd is None else cost_usd

    async def _collect(self, done: Done, answered: Answered) -> None:
        asked = self.job.request.n
        if len(done.images) > asked + MOST_SPARE_IMAGES:
            message = f"{len(done.images)} images were named where {asked} were asked for; none was fetched"
            raise _Failed(Failure(kind=FailureKind.WRONG_COUNT, message=message))
        payloads: list[Payload] = []
        left_bytes = asked * self.connection.max_body_bytes
        firsts: list[int] = []
        lasts: list[int] = []
        for image in done.images:
            if isinstance(image, InlineImage):
                payloads.append(image)
                firsts.append(_inline_first_byte_ns(image, answered))
                lasts.append(answered.marks.ended_ns)
            else:
                body, marks = await self._download(image, min(left_bytes, self.connection.max_body_bytes))
                left_bytes -= len(body)
                payloads.append(body)
                firsts.append(marks.first_byte_ns or marks.ended_ns)
                lasts.append(marks.ended_ns)
        self.payloads = tuple(payloads)
        self.first_image_byte_ns = min(firsts) - self.sent_ns
        self.last_image_byte_ns = max(lasts) - self.sent_ns

    async def _download(self, image: ImageAddress, most_bytes: int) -> tuple[bytes | bytearray, Marks]:
        url, came_from = image.url, None
        for _ in range(MAX_REDIRECTS + 1):
            objection = objection_to_result(self.job.endpoint, url, came_from)
            if objection is not None:
                raise _Failed(_not_fetched(f"the result address {objection}"))
            answered = await self._send(WireCall(CallPurpose.DOWNLOAD, "GET", url), most_bytes)
            status, headers = answered.exchange.status, answered.exchange.headers
            if status == 200:
                return answered.exchange.body, answered.marks
            if status not in {301, 302, 303, 307, 308} or "location" not in headers:
                raise _Failed(_not_fetched(f"the result address answered HTTP {status}", status))
            url, came_from = _redirected(url, headers["location"]), url
        raise _Failed(_not_fetched(f"the result address redirects more than {MAX_REDIRECTS} times"))

    def _since(self, mark_ns: int | None) -> int | None:
        return None if mark_ns is None else mark_ns - self.sent_ns

    def _first_byte(self, marks: Marks) -> int:
        return (marks.headers_ns or marks.ended_ns) - self.sent_ns


def _bad_response(message: str) -> Failure:
    return Failure(kind=FailureKind.BAD_RESPONSE, message=clean_message(message))


def _not_fetched(message: str, status: int | None = None) -> Failure:
    return Failure(kind=FailureKind.DOWNLOAD, message=clean_message(message), http_status=status)


def _of_call(purpose: CallPurpose, failure: Failure) -> Failure:
    """What a broken call means: an image that was made and cannot be fetched is another thing than a silent server."""
    if purpose is CallPurpose.DOWNLOAD:
        return _of_download(failure)
    if purpose is not CallPurpose.SUBMIT and failure.kind is FailureKind.DNS:
        # The provider itself named this host; that its name does not resolve is not our doing.
        return failure.model_copy(update={"kind": FailureKind.NETWORK, "message": f"dns: {failure.message}"})
    return failure


def _of_download(failure: Failure) -> Failure:
    """The image was made and could not be fetched."""
    return _not_fetched(f"{failure.kind}: {failure.message}", failure.http_status)


def _redirected(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError:
        raise _Failed(_not_fetched("the result address redirects to something that is no address")) from None


def _inline_first_byte_ns(image: InlineImage, answered: Answered) -> int:
    """When the first byte of an inline image arrived: headers, or JSON sent early, are no image."""
    begin = image.base64[:32]
    start = begin.encode("ascii", "replace") if isinstance(begin, str) else bytes(begin)
    body = answered.exchange.body
    offset = max(body.find(start), body.find(start.replace(b"/", rb"\/")), 0)  # some servers escape slashes
    arrival_ns = answered.marks.arrival_ns(offset)
    return arrival_ns or answered.marks.ended_ns
