"""Jobs of providers that accept a request and are asked for its result: what such protocols have in common.

A wire fault spoils the answer to the submitting call; every other fault comes true in the job. What a state is called,
and how it is told, is the protocol's business.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import anyio
from starlette.responses import HTMLResponse, Response

from harness.sim.faults import PAGE, Hang, Reset
from harness.sim.files import publish
from harness.sim.work import produce

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

    from harness.sim.contender import Fault
    from harness.sim.state import Provider, Ticket
    from harness.sim.work import Order

State = Literal["queued", "running", "succeeded", "failed", "canceled"]

_FINISHED_KEPT = 512
SPOILS_SUBMIT: frozenset[Fault] = frozenset(
    {"server_error", "unavailable", "rate_limited", "payment", "html", "hang", "reset"}
)
"""Faults that the submitting call is answered with; no job comes of it."""
ENDS_JOB: frozenset[Fault] = frozenset({"moderated", "moderated_output", "job_failed", "start_timeout"})
"""Faults with which an accepted job ends."""


@dataclass
class Job:
    """One accepted request. `*_at` are seconds since the epoch by the server's clock, `asked` counts status questions.

    `fault` is what a failed job failed of; a job that succeeded has `images` and, once published, their `addresses`.
    """

    id: str
    order: Order
    ticket: Ticket
    fields: dict[str, object]
    created_at: float
    started_at: float | None = None
    ended_at: float | None = None
    state: State = "queued"
    fault: Fault | None = None
    images: list[bytes] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)
    asked: int = 0
    ended: anyio.Event = field(default_factory=anyio.Event)

    @property
    def compute_s(self) -> float | None:
        """Seconds from start to end, once it has ended."""
        return None if self.ended_at is None or self.started_at is None else self.ended_at - self.started_at


class Jobs:
    """The jobs of one contender."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def start(self, request: Request, order: Order, ticket: Ticket, fields: dict[str, object]) -> Job:
        """Accept a job and work on it in the background; its place is given back when it ends."""
        job = Job(uuid.uuid4().hex, order, ticket, fields, created_at=time.time())
        self._jobs[job.id] = job
        task = asyncio.create_task(self._work(request, job))
        self._tasks[job.id] = task
        task.add_done_callback(lambda _: self._tasks.pop(job.id, None))
        while len(self._jobs) > _FINISHED_KEPT:
            self._jobs.popitem(last=False)
        return job

    def find(self, job_id: str) -> Job | None:
        """The job of that name, or None if there is none or it is long over."""
        return self._jobs.get(job_id)

    def cancel(self, job: Job) -> bool:
        """Stop a job that has not ended; whether there was anything to stop."""
        task = self._tasks.get(job.id)
        return task is not None and task.cancel()

    async def wait(self, job: Job, seconds: float) -> bool:
        """Hold until the job has ended, or the seconds are over; whether it has ended."""
        with anyio.move_on_after(seconds):
            await job.ended.wait()
        return job.ended.is_set()

    async def _work(self, request: Request, job: Job) -> None:
        provider, ticket = self._provider, job.ticket
        try:
            await anyio.sleep_until(ticket.admitted_s + ticket.queue_s)
            job.state, job.started_at = "running", time.time()
            if ticket.fault in ENDS_JOB:
                await anyio.sleep_until(ticket.due_s)
                provider.failed(ticket.fault)
                job.fault = ticket.fault
                job.state = "failed"
                return
            job.images = await produce(provider, job.order, ticket)
            job.addresses = [publish(provider, request, i, job.order.format, ticket.fault) for i in job.images]
            if ticket.fault is None:
                provider.succeeded(ticket, len(job.images))
            else:
                provider.failed(ticket.fault)
            job.state = "succeeded"
        except asyncio.CancelledError:
            provider.tally.abandoned += 1
            job.state = "canceled"
        finally:
            job.ended_at = time.time()
            job.ended.set()
            provider.leave()


async def spoiled(provider: Provider, ticket: Ticket, refuse: Callable[[Fault], Response]) -> Response | None:
    """The answer to a submitting call that a wire fault spoils, counted, with its place given back; else None."""
    fault = ticket.fault
    if fault is None or fault not in SPOILS_SUBMIT:
        return None
    provider.failed(fault)
    provider.leave()
    if fault == "html":
        return HTMLResponse(PAGE)
    if fault == "hang":
        return Hang()
    return Reset() if fault == "reset" else refuse(fault)
