"""The bounded queue of jobs, and the threads that hand them to devices: one a device, all from the same queue.

One queue for all devices is fairer than one for each: no job waits behind a long one, or behind a device that is being
restarted, while another device is free.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from arena.errors import ArenaError
from arena.units import NS_PER_MS, NS_PER_S
from harness.local.faults import DeviceFaultError, NoDeviceError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from harness.local.pipeline import ImagePipeline, LocalJob, LocalResult

logger = logging.getLogger(__name__)

DeviceState = Literal["ready", "restarting", "failed"]

_MOST_FAULTS_IN_A_ROW = 3


class QueueFullError(ArenaError):
    """As many jobs wait as may; after `retry_after_s` seconds there is probably room."""

    def __init__(self, ahead: int, retry_after_s: int) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(f"{ahead} jobs are running or waiting and no more may wait; retry in {retry_after_s} s")


@dataclass(frozen=True, slots=True)
class Batching:
    """Jobs of one shape that come within `window_ms` of each other run together, at most `max_images` of them."""

    window_ms: float = 0.0
    max_images: int = 1


@dataclass(frozen=True, slots=True)
class Finished:
    """What became of a job, on which device, how long it waited for it, and with how many jobs it shared a batch."""

    result: LocalResult
    device: str
    queue_ms: float
    batch_jobs: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class Ticket:
    """A job in the queue; `future` gets its outcome, or is cancelled if the job was withdrawn."""

    job: LocalJob
    future: Future[Finished] = field(default_factory=Future)
    queued_ns: int = field(default_factory=time.perf_counter_ns)


class Worker:
    """Runs jobs on `pipelines` in the order in which they came, each pipeline one batch at a time.

    At most `max_queue` wait while every device works. With several devices one that faults is restarted, and out after
    three faults without a job between them; a single one is out at once. When the last is out, what waits is answered
    with `NoDeviceError`, nothing is taken any more, and `on_end` is called with the reason, from a worker's thread.
    """

    def __init__(
        self,
        pipelines: Sequence[ImagePipeline],
        max_queue: int,
        batching: Batching | None = None,
        on_end: Callable[[str], None] = lambda _reason: None,
    ) -> None:
        self._pipelines = pipelines
        self._max_queue = max_queue
        self._batching = batching or Batching()
        self._on_end = on_end
        self._waiting: deque[Ticket] = deque()
        self._running_jobs = 0
        self._free = len(pipelines)
        self._states: list[DeviceState] = ["ready"] * len(pipelines)
        self._end_reason: str | None = None
        self._stopping = False
        self._last_job_s = 1.0
        self._changed = threading.Condition()
        self._threads = [
            threading.Thread(target=self._work, args=(i,), name=f"device-{i}", daemon=True)
            for i in range(len(pipelines))
        ]

    def start(self) -> None:
        """Start the threads; a worker is started once."""
        for thread in self._threads:
            thread.start()

    def stop(self, timeout_s: float = 10.0, patience_s: float = 0.0) -> None:
        """Cancel what waits, make what still runs after `patience_s` seconds give up, and wait for it.

        That takes `timeout_s` seconds more at most. To stop once more does no harm.
        """
        with self._changed:
            self._stopping = True
            abandoned = list(self._waiting)
            self._waiting.clear()
            self._changed.notify_all()
        for ticket in abandoned:
            ticket.future.cancel()
        self._wait(patience_s)
        for pipeline in self._pipelines:
            pipeline.interrupt()
        self._wait(timeout_s)

    def _wait(self, timeout_s: float) -> None:
        deadline_s = time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(max(0.0, deadline_s - time.monotonic()))

    def states(self) -> list[tuple[str, DeviceState]]:
        """The name of every device and whether it takes jobs."""
        with self._changed:
            return [(pipeline.device, state) for pipeline, state in zip(self._pipelines, self._states, strict=True)]

    def load(self) -> tuple[int, int]:
        """How many jobs run and how many wait."""
        with self._changed:
            return self._running_jobs, len(self._waiting)

    def submit(self, job: LocalJob) -> Ticket:
        """Put `job` at the end of the queue; raises `QueueFullError` or `NoDeviceError`."""
        ticket = Ticket(job)
        with self._changed:
            if self._end_reason is not None:
                raise NoDeviceError(self._end_reason)
            if len(self._waiting) >= self._max_queue + self._free or self._stopping:
                ahead = len(self._waiting) + self._running_jobs
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

    def _work(self, index: int) -> None:
        pipeline, faults = self._pipelines[index], 0
        while batch := self._next():
            begin_ns = time.perf_counter_ns()
            fault = _run(pipeline, batch, begin_ns)
            faults = 0 if fault is None else faults + 1
            with self._changed:
                self._running_jobs -= len(batch)
                self._last_job_s = (time.perf_counter_ns() - begin_ns) / NS_PER_S
            if fault is not None and not self._recovered(index, fault, faults):
                return
            with self._changed:
                self._free += 1

    def _next(self) -> list[Ticket]:
        """The jobs to run next, together; none at the end."""
        with self._changed:
            while True:
                self._changed.wait_for(lambda: self._waiting or self._stopping)
                if self._stopping:
                    return []
                head = self._waiting.popleft()
                if head.future.set_running_or_notify_cancel():
                    self._free -= 1
                    batch = self._gather(head)
                    self._running_jobs += len(batch)
                    return batch

    def _gather(self, head: Ticket) -> list[Ticket]:
        """`head` and the jobs that run with it; waits for them for the rest of the window since `head` came."""
        batch, shape = [head], head.job.shape
        deadline_ns = head.queued_ns + int(self._batching.window_ms * NS_PER_MS)
        while shape is not None:
            room = self._batching.max_images - sum(ticket.job.n for ticket in batch)
            for ticket in [t for t in self._waiting if t.job.shape == shape]:
                if ticket.job.n <= room:
                    self._waiting.remove(ticket)
                    if ticket.future.set_running_or_notify_cancel():
                        batch.append(ticket)
                        room -= ticket.job.n
            left_ns = deadline_ns - time.perf_counter_ns()
            if room <= 0 or left_ns <= 0 or self._stopping:
                break
            self._changed.wait(left_ns / NS_PER_S)
        return batch

    def _recovered(self, index: int, fault: DeviceFaultError, faults: int) -> bool:
        """Bring a device back after a fault; False when it is out for good."""
        pipeline, reason = self._pipelines[index], str(fault)
        if len(self._pipelines) > 1 and faults < _MOST_FAULTS_IN_A_ROW and not self._stopping:
            logger.warning("%s; restarting %s", reason, pipeline.device)
            self._set(index, "restarting")
            try:
                pipeline.restart()
            except ArenaError as error:
                reason = f"{reason}; it could not be restarted: {error}"
            else:
                self._set(index, "ready")
                logger.info("%s is back", pipeline.device)
                return True
        self._give_up(index, reason)
        return False

    def _set(self, index: int, state: DeviceState) -> None:
        with self._changed:
            self._states[index] = state

    def _give_up(self, index: int, reason: str) -> None:
        self._set(index, "failed")
        with self._changed:
            if self._stopping or any(state != "failed" for state in self._states):
                logger.error("%s is out: %s", self._pipelines[index].device, reason)
                return
            self._end_reason = f"no device is left, and the server ends: {reason}"
            abandoned = list(self._waiting)
            self._waiting.clear()
        for ticket in abandoned:
            if ticket.future.set_running_or_notify_cancel():
                ticket.future.set_exception(NoDeviceError(self._end_reason))
        self._on_end(self._end_reason)


def _run(pipeline: ImagePipeline, batch: list[Ticket], begin_ns: int) -> DeviceFaultError | None:
    """Run a batch and tell whoever waits for its jobs; returns the fault that it ended with, if it did."""
    try:
        results = pipeline.run([ticket.job for ticket in batch])
    except BaseException as error:  # noqa: BLE001 - goes to whoever waits for the jobs
        for ticket in batch:
            ticket.future.set_exception(error)
        return error if isinstance(error, DeviceFaultError) else None
    for ticket, result in zip(batch, results, strict=True):
        queue_ms = (begin_ns - ticket.queued_ns) / NS_PER_MS
        ticket.future.set_result(Finished(result, pipeline.device, queue_ms, len(batch)))
    return None
