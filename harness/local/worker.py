"""The one thread that owns the pipeline, and the bounded queue in front of it."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from arena.errors import ArenaError
from arena.units import NS_PER_MS, NS_PER_S

if TYPE_CHECKING:
    from harness.local.pipeline import ImagePipeline, LocalJob, LocalResult


class QueueFullError(ArenaError):
    """As many jobs wait as may; after `retry_after_s` seconds there is probably room."""

    def __init__(self, waiting: int, retry_after_s: int) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(f"{waiting} jobs are running or waiting and no more may wait; retry in {retry_after_s} s")


@dataclass(frozen=True, slots=True)
class Finished:
    """What became of a job, and the milliseconds that it waited before the worker took it."""

    result: LocalResult
    queue_ms: float


@dataclass(frozen=True, slots=True, eq=False)
class Ticket:
    """A job in the queue; `future` gets its outcome, or is cancelled if the job was withdrawn."""

    job: LocalJob
    future: Future[Finished] = field(default_factory=Future)
    queued_ns: int = field(default_factory=time.perf_counter_ns)


class Worker:
    """Runs jobs on `pipeline` one at a time, in the order in which they came; at most `max_queue` wait."""

    def __init__(self, pipeline: ImagePipeline, max_queue: int) -> None:
        self._pipeline = pipeline
        self._max_queue = max_queue
        self._waiting: deque[Ticket] = deque()
        self._running = False
        self._stopping = False
        self._last_job_s = 1.0
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="generation", daemon=True)

    def start(self) -> None:
        """Start the thread; a worker is started once."""
        self._thread.start()

    def stop(self, timeout_s: float = 10.0) -> None:
        """Cancel what waits, make the running job give up, and wait up to `timeout_s` seconds for it."""
        with self._changed:
            self._stopping = True
            abandoned = list(self._waiting)
            self._waiting.clear()
            self._changed.notify_all()
        for ticket in abandoned:
            ticket.future.cancel()
        self._pipeline.interrupt()
        self._thread.join(timeout_s)

    def submit(self, job: LocalJob) -> Ticket:
        """Put `job` at the end of the queue; raises `QueueFullError`."""
        ticket = Ticket(job)
        with self._changed:
            ahead = len(self._waiting) + self._running
            if ahead > self._max_queue or self._stopping:
                raise QueueFullError(ahead, max(1, math.ceil(self._last_job_s)))
            self._waiting.append(ticket)
            self._changed.notify_all()
        return ticket

    def withdraw(self, ticket: Ticket) -> bool:
        """Take a job out of the queue; False when it has started, and then it runs to its end."""
        with self._changed:
            if ticket not in self._waiting:
                return False
            self._waiting.remove(ticket)
        return ticket.future.cancel()

    def _work(self) -> None:
        while (ticket := self._next()) is not None:
            begin_ns = time.perf_counter_ns()
            self._run(ticket, begin_ns)
            with self._changed:
                self._running = False
                self._last_job_s = (time.perf_counter_ns() - begin_ns) / NS_PER_S

    def _next(self) -> Ticket | None:
        with self._changed:
            while True:
                self._changed.wait_for(lambda: self._waiting or self._stopping)
                if self._stopping:
                    return None
                ticket = self._waiting.popleft()
                if ticket.future.set_running_or_notify_cancel():
                    self._running = True
                    return ticket

    def _run(self, ticket: Ticket, begin_ns: int) -> None:
        try:
            result = self._pipeline.generate(ticket.job)
        except BaseException as error:  # noqa: BLE001 - goes to whoever waits for the job
            ticket.future.set_exception(error)
        else:
            ticket.future.set_result(Finished(result, (begin_ns - ticket.queued_ns) / NS_PER_MS))
