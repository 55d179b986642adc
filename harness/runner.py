"""Fires the trials of a run under its load profile.

        lanes (one an endpoint)                       receiver                  recorder
    slot -> budget -> rate -> intent -> prepare  ->  decode, hash, store  ->  outcome row  ->  progress
         -> due -> engine.attempt

A lane's slot is free again as soon as the clock has stopped; decoding never holds it, and never runs on the event loop.
Stopping has two degrees: `stop` issues nothing further and lets what is open come home; `abort` lets go of that, too,
and those attempts are recorded as unknown. An error while storing stops the run in the first way and is raised at its
end.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

import anyio

from arena.domain.load import LoadProfile
from arena.domain.plan import Phase
from arena.domain.run import RunStatus
from arena.errors import RunBusyError
from arena.store import runs
from arena.store.attempts import Intent, write_intents
from arena.units import NS_PER_MS, ms_from_ns, nano_usd
from harness.canary import Canary
from harness.closed_loop import ClosedLoop, Window, blocks
from harness.collector import quiet_collector
from harness.engine import Engine
from harness.limits import RateLimit, Slots, shared_by_account
from harness.plan import Prepared, Target, answer_bytes, in_flight, keeps_images, timeout_s
from harness.providers.base import Job
from harness.receiver import Receiver, Returned
from harness.standstill import Standstill
from harness.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from anyio.abc import TaskGroup
    from pydantic import SecretStr

    from arena.domain.outcome import Outcome
    from arena.metrics.stopping import Stopping
    from arena.store.blobs import BlobStore
    from arena.store.recorder import Recorder
    from arena.store.runs import StoredTrial
    from harness.budget import Budget
    from harness.clock import Clock
    from harness.delivery import Delivery
    from harness.progress import Progress
    from harness.transport import Connection

INTENT_LEAD_NS = 100 * NS_PER_MS
"""How long before its due time a request gets its slot and its intent, so that both are there when it is due."""


@dataclass(slots=True)
class _Lane:
    """One endpoint's way out; its connections stay open from warm-up to the end."""

    target: Target
    slots: Slots
    rate: RateLimit
    width: int
    trials: deque[StoredTrial]
    dearest_nano_usd: int = 0
    """The highest cost that the endpoint has reported for one call: what the next reservation must reckon with."""


class Runner:
    """Executes the given trials of one run, once."""

    def __init__(
        self,
        *,
        run_id: str,
        owner: str,
        prepared: Prepared,
        trials: Sequence[StoredTrial],
        keys: Mapping[str, SecretStr],
        recorder: Recorder,
        blobs: BlobStore,
        budget: Budget,
        progress: Progress,
        clock: Clock,
        stopping: Stopping,
    ) -> None:
        self._run_id, self._owner = run_id, owner
        self._prepared, self._trials, self._keys = prepared, trials, keys
        self._budget, self._progress, self._clock = budget, progress, clock
        self._engine, self._transport = Engine(clock), Transport(clock)
        self._recorder = recorder
        self._receiver = Receiver(recorder, blobs, budget, progress, self._failed, self._stored)
        self._accounts = shared_by_account((t.endpoint for t in prepared.targets.values()), clock)
        self.canary, self._standstill = Canary(clock), Standstill(clock)
        self._stopping = stopping
        self._status, self._stopped = RunStatus.FINISHED, stopping.reached
        self._error: Exception | None = None
        self._waiting: set[anyio.CancelScope] = set()
        self._firing: TaskGroup | None = None

    async def execute(self) -> RunStatus:
        """Fire everything; returns how it ended. Raises the first error of ours, after all that could be stored was."""
        lanes = [self._lane(target) for target in self._prepared.targets.values()]
        busy = sum(min(lane.width, len(self._trials)) for lane in lanes)
        self._transport.expect(min(busy, len(self._trials)), answer_bytes(self._prepared.plan))
        with self._receiver.decoding(), quiet_collector():
            return await self._execute(lanes)

    async def _execute(self, lanes: Sequence[_Lane]) -> RunStatus:
        async with anyio.create_task_group() as outer:
            outer.start_soon(self._heartbeat)
            outer.start_soon(self.canary.watch)
            outer.start_soon(self._standstill.watch)
            async with anyio.create_task_group() as receiving:
                receiving.start_soon(self._receiver.work)
                try:
                    await self._fire_all(lanes)
                finally:
                    with anyio.CancelScope(shield=True):
                        await self._receiver.close()
            outer.cancel_scope.cancel()
        if self._error is not None:
            raise self._error
        return self._status

    def stop(self, status: RunStatus) -> None:
        """Issue nothing further; what is open comes home and is stored."""
        if not self._stopped:
            self._stopped, self._status = True, status
            for scope in self._waiting:
                scope.cancel()

    def abort(self, status: RunStatus) -> None:
        """Let go of what is open, too."""
        self.stop(status)
        if self._firing is not None:
            self._firing.cancel_scope.cancel()

    def _failed(self, error: Exception) -> None:
        self._error = self._error or error
        self.stop(RunStatus.FAILED)

    def _stored(self, item: Returned, outcome: Outcome) -> None:
        """Stops the run once it has told what its plan asks for; it is finished then, although trials are left."""
        end_ns = outcome.timings.last_image_byte_ns if outcome.failure is None else None
        self._stopping.ended(item.target.endpoint.id, item.phase, item.seq, ms_from_ns(end_ns))
        if self._stopping.reached:
            self.stop(RunStatus.FINISHED)

    # -- firing --------------------------------------------------------------------------------------------------------

    def _lane(self, target: Target) -> _Lane:
        width = in_flight(self._prepared.plan, target.endpoint)
        shared = self._accounts.get(target.endpoint.account or "")
        if shared is not None:
            return _Lane(target, Slots(self._transport, width, shared.open_at_once), shared.rate, width, deque())
        rate = RateLimit(self._clock, target.endpoint.limits.requests_per_minute)
        return _Lane(target, Slots(self._transport, width), rate, width, deque())

    async def _fire_all(self, lanes: Sequence[_Lane]) -> None:
        try:
            for phase in (Phase.WARMUP, Phase.MEASURE):
                start_ns = self._clock.now_ns() + INTENT_LEAD_NS - self._first_due_ns(phase)
                window = Window(self._prepared.plan.load.lead, blocks(self._of(phase)))
                async with anyio.create_task_group() as firing:
                    self._firing = firing
                    for lane in lanes:
                        lane.trials = self._trials_of(lane, phase)
                        self._start_lane(firing, lane, phase, start_ns, window)
        finally:
            with anyio.CancelScope(shield=True):
                for lane in lanes:
                    await lane.slots.close()

    def _of(self, phase: Phase) -> Iterator[StoredTrial]:
        return (s for s in self._trials if s.trial.phase is phase)

    def _trials_of(self, lane: _Lane, phase: Phase) -> deque[StoredTrial]:
        endpoint_id = lane.target.endpoint.id
        return deque(s for s in self._of(phase) if s.trial.endpoint_id == endpoint_id)

    def _first_due_ns(self, phase: Phase) -> int:
        """A resumed run goes on where it left off: what is left keeps its spacing and starts now."""
        return min((s.trial.due_ns or 0 for s in self._of(phase)), default=0)

    def _start_lane(self, firing: TaskGroup, lane: _Lane, phase: Phase, start_ns: int, window: Window) -> None:
        if phase is Phase.MEASURE and self._prepared.plan.load.timed:
            firing.start_soon(self._open_loop, firing, lane, start_ns)
            return
        load = self._prepared.plan.load if phase is Phase.MEASURE else LoadProfile(in_flight=lane.width)
        loop = ClosedLoop(lane.trials, load, window, self._clock, start_ns)
        for place in range(min(lane.width, len(lane.trials))):
            firing.start_soon(self._closed_loop, lane, loop, place)

    async def _closed_loop(self, lane: _Lane, loop: ClosedLoop, place: int) -> None:
        while not self._stopped:
            stored = loop.take(place)
            if stored is not None:
                await self._one(lane, stored, None)
                continue
            more = False
            with self._until_stopped():
                more = await loop.wait(place)
            if not more:
                return

    async def _open_loop(self, firing: TaskGroup, lane: _Lane, start_ns: int) -> None:
        while lane.trials and not self._stopped:
            stored = lane.trials.popleft()
            due_ns = start_ns + (stored.trial.due_ns or 0)
            with self._until_stopped():
                await self._clock.sleep_until(due_ns - INTENT_LEAD_NS)
            if not self._stopped:
                firing.start_soon(self._one, lane, stored, due_ns)

    async def _one(self, lane: _Lane, stored: StoredTrial, due_ns: int | None) -> None:
        wanted_ns = self._clock.now_ns() if due_ns is None else due_ns
        book = nano_usd(self._prepared.worst_case_usd(stored.trial) or Decimal(0))
        reserved = max(book, lane.dearest_nano_usd)
        connection = await self._admit(lane, reserved)
        if connection is None:
            return
        slot_wait_ns = max(0, self._clock.now_ns() - wanted_ns)
        try:
            attempt_id = await self._intend(lane, stored, reserved)
            if attempt_id is None:
                return
            self._progress.fired(lane.target.endpoint.id)
            try:
                delivery = await self._attempt(lane, stored, connection, due_ns, slot_wait_ns)
            finally:
                self._progress.returned(lane.target.endpoint.id)
        finally:
            lane.slots.give_back(connection)
        if delivery.reported_cost_usd is not None:
            lane.dearest_nano_usd = max(lane.dearest_nano_usd, nano_usd(delivery.reported_cost_usd))
        self.canary.seen(lane.target.endpoint.id, delivery)
        keep, seq = keeps_images(self._prepared.plan, stored.trial), stored.trial.seq
        returned = Returned(lane.target, stored.trial.phase, attempt_id, reserved, delivery, seq, keep)
        begun_ns = self._clock.now_ns()
        await self._receiver.hand_over(returned)
        if due_ns is None:
            self.canary.handed_over(self._clock.now_ns() - begun_ns)

    async def _admit(self, lane: _Lane, reserved_nano_usd: int) -> Connection | None:
        """A connection once slot, budget and rate allow a request to leave; None if the run is stopped before."""
        connection: Connection | None = None
        reserved = False
        with self._until_stopped():
            connection = await lane.slots.take()
            reserved = await self._budget.reserve(reserved_nano_usd)
            if reserved:
                await lane.rate.wait()
                return connection
            self.stop(RunStatus.BUDGET)
        if reserved:
            await self._budget.settle(reserved_nano_usd, 0)
        if connection is not None:
            lane.slots.give_back(connection)
        return None

    async def _intend(self, lane: _Lane, stored: StoredTrial, reserved_nano_usd: int) -> int | None:
        """The attempt's id once its intent is durable; None, and nothing may be fired, if that cannot be had."""
        intent = Intent(stored.id, 1, lane.target.endpoint.simulated)
        try:
            return await self._receiver.written(write_intents, intent)
        except Exception as error:  # noqa: BLE001 - raised at the end of the run
            self._failed(error)
            await self._budget.settle(reserved_nano_usd, 0)
            return None

    async def _attempt(
        self, lane: _Lane, stored: StoredTrial, connection: Connection, due_ns: int | None, slot_wait_ns: int
    ) -> Delivery:
        endpoint = lane.target.endpoint
        job = Job(endpoint, self._prepared.request(stored.trial), self._keys.get(endpoint.id))
        standstills = self._standstill.so_far()
        delivery = await self._engine.attempt(
            lane.target.provider,
            job,
            connection,
            timeout_s=timeout_s(self._prepared.plan, endpoint),
            due_ns=due_ns,
            slot_wait_ns=slot_wait_ns,
        )
        return self._standstill.judged(delivery, standstills)

    @contextmanager
    def _until_stopped(self) -> Iterator[None]:
        """Whatever waits in here is woken, and left, when the run is stopped."""
        with anyio.CancelScope() as scope:
            self._waiting.add(scope)
            try:
                if self._stopped:
                    scope.cancel()
                yield
            finally:
                self._waiting.discard(scope)

    async def _heartbeat(self) -> None:
        """Signs of life; a run that another process has taken over meanwhile is let go of."""
        while True:
            await anyio.sleep(runs.HEARTBEAT_S)
            try:
                beats = asyncio.wrap_future(self._recorder.submit(lambda c: runs.beat(c, self._run_id, self._owner)))
                mine = await beats
            except Exception as error:  # noqa: BLE001 - raised at the end of the run
                self._failed(error)
                return
            if not mine:
                self._failed(RunBusyError(f"run {self._run_id} was taken over by another process meanwhile"))
                return
