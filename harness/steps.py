"""What an attempt goes through: submit, poll while pending, fetch the images; and what is known of it at any time."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import anyio

from arena.domain.failure import Failure, FailureKind, clean_message
from arena.domain.outcome import CallPurpose
from arena.domain.timings import Timings
from arena.units import NS_PER_S, ns_from_s
from harness.addresses import objection_to_result
from harness.calls import AttemptFailed, Calls
from harness.delivery import Delivery, Payload
from harness.fetching import MOST_SPARE_IMAGES, fetch
from harness.providers.base import Answer, Done, Job, Pending, Provider, Rejected, WireCall
from harness.questions import Questions
from harness.redaction import redacted, redacted_calls, redacted_done, redacted_label

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

    from harness.engine import Engine
    from harness.transport import Answered, PreparedCall


@dataclass(slots=True)
class Steps:
    """The state of one attempt under way; instants are on the engine's clock, offsets count from when it was sent."""

    engine: Engine
    provider: Provider
    job: Job
    calls: Calls
    started_at: datetime
    result_ns: int | None = None
    result_end_ns: int | None = None
    first_image_byte_ns: int | None = None
    last_image_byte_ns: int | None = None
    polls: int = 0
    last_pending_ns: int | None = None
    first_done_ns: int | None = None
    interval_ns: int | None = None
    questions: Questions = field(default_factory=Questions)
    request_id: str | None = None
    reported_cost_usd: Decimal | None = None
    server_ms: dict[str, float] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    done: Done | None = None
    payloads: tuple[Payload, ...] = ()
    deadline: anyio.CancelScope | None = None

    async def run(self, submit: PreparedCall) -> None:
        """Submit, poll while pending, download. AttemptFailed ends it early."""
        answered = await self.calls.submit(submit)
        answer = await self._parse(answered)
        while isinstance(answer, Pending):
            self._note_cost(answer.cost_usd)
            self.server_ms |= answer.server_ms
            answered, answer = await self._ask(answer, answered.marks.ended_ns)
        if self.polls and self.first_done_ns is None:
            self.first_done_ns = self.calls.since(answered.marks.ended_ns)
        if isinstance(answer, Rejected):
            self._note_cost(answer.cost_usd)
            raise AttemptFailed(answer.failure)
        self._note_result(answer, answered)
        fetched = await fetch(self.calls, answer, answered)
        self.payloads = fetched.payloads
        self.first_image_byte_ns = self.calls.since(fetched.first_byte_ns)
        self.last_image_byte_ns = self.calls.since(fetched.last_byte_ns)

    def delivery(self, failure: Failure | None, *, due_ns: int | None, slot_wait_ns: int) -> Delivery:
        """Everything that is known now that the attempt has ended."""
        ended_ns, key = self.engine.now_ns() - self.calls.sent_ns, self.job.key
        timings = Timings(
            lateness_ns=None if due_ns is None else self.calls.sent_ns - due_ns,
            slot_wait_ns=slot_wait_ns,
            connected_ns=self.calls.connected_ns,
            accepted_ns=self.calls.accepted_ns,
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
            simulated=self.calls.simulated or self.job.endpoint.simulated,
            calls=redacted_calls(self.calls.records, key),
        )

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

    async def _ask(self, pending: Pending, seen_ns: int) -> tuple[Answered, Answer]:
        """How the job stands, after the wait that is due; asked again where the question, and not the job, failed."""
        wait_s = self.job.endpoint.poll_interval_s if pending.after_s is None else pending.after_s
        if pending.next.purpose is CallPurpose.RESULT:
            self.first_done_ns = self.calls.since(seen_ns)
        else:
            self.interval_ns = ns_from_s(wait_s)
            self.last_pending_ns = self.calls.since(seen_ns)
        objection = objection_to_result(self.job.endpoint, pending.next.url)
        if objection is not None:
            message = clean_message(f"the address to poll {objection}")
            raise AttemptFailed(Failure(kind=FailureKind.BAD_RESPONSE, message=message))
        return await self._answer_to(pending.next, seen_ns, wait_s)

    async def _answer_to(self, question: WireCall, asked_ns: int, wait_s: float) -> tuple[Answered, Answer]:
        while True:
            await self.engine.sleep_until(asked_ns + ns_from_s(wait_s))
            self.polls += question.purpose is CallPurpose.POLL
            try:
                answered = await self.calls.send(question)
            except AttemptFailed as broken:
                again_s = self._again_s(question, broken.failure, broke_off=True)
                if again_s is None:
                    raise
                asked_ns = self.engine.now_ns()
            else:
                answer = await self._parse(answered)
                again_s = None
                if isinstance(answer, Rejected):
                    again_s = self._again_s(question, answer.failure, broke_off=False)
                if again_s is None:
                    self.questions.answered()
                    return answered, answer
                asked_ns = answered.marks.ended_ns
            wait_s = again_s

    def _again_s(self, question: WireCall, failure: Failure, *, broke_off: bool) -> float | None:
        """Seconds to wait; None where the failure is the job's, or where the wait would outlast the deadline."""
        least_s = self.job.endpoint.poll_interval_s
        wait_s = self.questions.wait_s(question.purpose, failure, broke_off=broke_off, least_s=least_s)
        left_s = math.inf if self.deadline is None else self.deadline.deadline - anyio.current_time()
        return wait_s if wait_s is not None and wait_s < left_s else None

    def _note_result(self, done: Done, answered: Answered) -> None:
        self.done = replace(
            done,
            images=done.images[: self.job.request.n + MOST_SPARE_IMAGES],
            server_ms={**self.server_ms, **done.server_ms},
            remarks=(*done.remarks, *self.remarks, *self.questions.remarks()),
        )
        self._note_cost(done.cost_usd)
        self.result_ns = self.calls.first_byte(answered.marks)
        self.result_end_ns = self.calls.since(answered.marks.ended_ns)

    def _note_cost(self, cost_usd: Decimal | None) -> None:
        """The last word counts."""
        self.reported_cost_usd = self.reported_cost_usd if cost_usd is None else cost_usd
