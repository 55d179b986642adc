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
from harness.providers.base import Answer, Done, Exchange, Job, Pending, Provider, Rejected
from harness.redaction import redacted, redacted_calls, redacted_done, redacted_label

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

    from harness.engine import Engine
    from harness.transport import Answered, PreparedCall

ASK_AGAIN_S = 1.0
"""How long to wait after a question was refused for the rate by an answer that does not say how long."""


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
    refused_polls: int = 0
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

    async def _poll(self, pending: Pending, seen_ns: int) -> Answered:
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
        await self.engine.sleep_until(seen_ns + ns_from_s(wait_s))
        self.polls += pending.next.purpose is CallPurpose.POLL
        return await self.calls.send(pending.next)

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
        return await self.calls.send(answered.exchange.call)

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
        self.result_ns = self.calls.first_byte(answered.marks)
        self.result_end_ns = self.calls.since(answered.marks.ended_ns)

    def _note_cost(self, cost_usd: Decimal | None) -> None:
        """The last word counts."""
        self.reported_cost_usd = self.reported_cost_usd if cost_usd is None else cost_usd
