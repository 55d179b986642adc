"""Fires the trials of a run under its load profile, verifies what comes back, and has every outcome stored.

        lanes (one an endpoint)            verifiers                  recorder
    slot -> budget -> rate -> intent  ->  decode, hash, store  ->  outcome row  ->  progress
         -> due -> engine.attempt

A lane's slot is free again as soon as the clock has stopped; decoding never holds it, and never runs on the event loop.
Stopping has two degrees: `stop` issues nothing further and lets what is open come home; `abort` lets go of that, too,
and those attempts are recorded as unknown.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, TypeVar

import anyio
import anyio.to_thread

from arena.domain.plan import Phase
from arena.domain.run import RunStatus
from arena.store import runs
from arena.units import NS_PER_MS, nano_usd
from harness.engine import Delivery, Engine
from harness.limits import RateLimit, Slots
from harness.plan import Prepared, Target, in_flight, timeout_s
from harness.providers.base import Job
from harness.transport import Transport
from harness.verify import verify

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from anyio.abc import ObjectReceiveStream, ObjectSendStream, TaskGroup
    from pydantic import SecretStr

    from arena.domain.outcome import Outcome
    from arena.store.blobs import BlobStore
    from arena.store.engine import Connection as SqlConnection
    from arena.store.recorder import Recorder
    from arena.store.runs import StoredTrial
    from harness.budget import Budget
    from harness.clock import Clock
    from harness.progress import Progress
    from harness.transport import Connection

T = TypeVar("T")
INTENT_LEAD_NS = 100 * NS_PER_MS
"""How long before its due time a request gets its slot and its intent, so that both are there when it is due."""
VERIFIERS = 2
UNVERIFIED_LIMIT = 32


@dataclass(slots=True)
class _Lane:
    """One endpoint's way out."""

    target: Target
    trials: deque[StoredTrial]
    slots: Slots
    rate: RateLimit
    width: int


@dataclass(frozen=True, slots=True)
class _Returned:
    """An attempt that came back and is to be verified."""

    lane: _Lane
    stored: StoredTrial
    attempt_id: int
    reserved_nano_usd: int
    delivery: Delivery


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
    ) -> None:
        self._run_id, self._owner = run_id, owner
        self._prepared, self._trials, self._keys = prepared, trials, keys
        self._recorder, self._blobs, self._budget = recorder, blobs, budget
        self._progress, self._clock = progress, clock
        self._engine = Engine(clock)
        self._transport = Transport(clock)
        self._verifier_threads = anyio.CapacityLimiter(VERIFIERS)
        self._status = RunStatus.FINISHED
        self._stopped = False
        self._waiting: set[anyio.CancelScope] = set()
        self._firing: TaskGroup | None = None

    async def execute(self) -> RunStatus:
        """Fire everything; returns how it ended. Raises StoreError when outcomes can no longer be stored."""
        returned, to_verify = anyio.create_memory_object_stream[_Returned](UNVERIFIED_LIMIT)
        async with anyio.create_task_group() as outer:
            outer.start_soon(self._heartbeat)
            async with anyio.create_task_group() as verifying, to_verify:
                for _ in range(VERIFIERS):
                    verifying.start_soon(self._verify_all, to_verify.clone())
                async with returned:
                    await self._fire_all(returned)
            outer.cancel_scope.cancel()
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

    # -- firing -------------------------------------------------------------------------------------------------------

    async def _fire_all(self, returned: ObjectSendStream[_Returned]) -> None:
        for phase in (Phase.WARMUP, Phase.MEASURE):
            lanes = self._lanes(phase)
            start_ns = self._clock.now_ns() + INTENT_LEAD_NS - self._first_due_ns(phase)
            try:
                async with anyio.create_task_group() as firing:
                    self._firing = firing
                    for lane in lanes:
                        self._start_lane(firing, lane, phase, start_ns, returned)
            finally:
                with anyio.CancelScope(shield=True):
                    for lane in lanes:
                        await lane.slots.close()

    def _lanes(self, phase: Phase) -> list[_Lane]:
        lanes = []
        for target in self._prepared.targets.values():
            endpoint = target.endpoint
            mine = deque(s for s in self._trials if s.trial.endpoint_id == endpoint.id and s.trial.phase is phase)
            if mine:
                width = in_flight(self._prepared.plan, endpoint)
                rate = RateLimit(self._clock, endpoint.limits.requests_per_minute)
                lanes.append(_Lane(target, mine, Slots(self._transport, width), rate, width))
        return lanes

    def _first_due_ns(self, phase: Phase) -> int:
        """A resumed run goes on where it left off: what is left keeps its spacing and starts now."""
        return min((s.trial.due_ns or 0 for s in self._trials if s.trial.phase is phase), default=0)

    def _start_lane(
        self,
        firing: TaskGroup,
        lane: _Lane,
        phase: Phase,
        start_ns: int,
        returned: ObjectSendStream[_Returned],
    ) -> None:
        if phase is Phase.MEASURE and self._prepared.plan.load.timed:
            firing.start_soon(self._open_loop, firing, lane, start_ns, returned)
            return
        for _ in range(min(lane.width, len(lane.trials))):
            firing.start_soon(self._closed_loop, lane, returned)

    async def _closed_loop(self, lane: _Lane, returned: ObjectSendStream[_Returned]) -> None:
        while lane.trials and not self._stopped:
            await self._one(lane, lane.trials.popleft(), None, returned)

    async def _open_loop(
        self, firing: TaskGroup, lane: _Lane, start_ns: int, returned: ObjectSendStream[_Returned]
    ) -> None:
        while lane.trials and not self._stopped:
            stored = lane.trials.popleft()
            due_ns = start_ns + (stored.trial.due_ns or 0)
            with self._until_stopped():
                await self._clock.sleep_until(due_ns - INTENT_LEAD_NS)
            if not self._stopped:
                firing.start_soon(self._one, lane, stored, due_ns, returned)

    async def _one(
        self, lane: _Lane, stored: StoredTrial, due_ns: int | None, returned: ObjectSendStream[_Returned]
    ) -> None:
        wanted_ns = self._clock.now_ns() if due_ns is None else due_ns
        reserved = nano_usd(self._prepared.worst_case_usd(stored.trial) or Decimal(0))
        connection = await self._admit(lane, reserved)
        if connection is None:
            return
        endpoint_id = lane.target.endpoint.id
        try:
            with anyio.CancelScope(shield=True):
                attempt_id = await self._intend(lane, stored)
            self._progress.fired(endpoint_id)
            try:
                delivery = await self._attempt(lane, stored, connection, due_ns, wanted_ns)
            finally:
                self._progress.returned(endpoint_id)
        finally:
            lane.slots.give_back(connection)
        await returned.send(_Returned(lane, stored, attempt_id, reserved, delivery))

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

    async def _intend(self, lane: _Lane, stored: StoredTrial) -> int:
        simulated = lane.target.endpoint.simulated
        return await self._written(lambda c: runs.write_intent(c, stored.id, 1, simulated=simulated))

    async def _attempt(
        self, lane: _Lane, stored: StoredTrial, connection: Connection, due_ns: int | None, wanted_ns: int
    ) -> Delivery:
        endpoint = lane.target.endpoint
        slot_wait_ns = max(0, self._clock.now_ns() - wanted_ns)
        if due_ns is not None:
            await self._clock.sleep_until(due_ns)
        return await self._engine.attempt(
            lane.target.provider,
            Job(endpoint, self._prepared.request(stored.trial), self._keys.get(endpoint.id)),
            connection,
            timeout_s=timeout_s(self._prepared.plan, endpoint),
            due_ns=due_ns,
            slot_wait_ns=slot_wait_ns,
        )

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

    # -- verifying and storing ----------------------------------------------------------------------------------------

    async def _verify_all(self, returned: ObjectReceiveStream[_Returned]) -> None:
        async with returned:
            async for item in returned:
                await self._verify(item)

    async def _verify(self, item: _Returned) -> None:
        target = item.lane.target
        outcome = await anyio.to_thread.run_sync(
            verify, item.delivery, target.provider, self._blobs, target.card, limiter=self._verifier_threads
        )
        await self._written(lambda c: runs.write_outcome(c, item.attempt_id, outcome))
        await self._budget.settle(item.reserved_nano_usd, _spent_nano_usd(outcome, item.reserved_nano_usd))
        self._progress.stored(target.endpoint.id, item.stored.trial.phase, outcome, self._budget.spent_nano_usd)

    async def _heartbeat(self) -> None:
        while True:
            await anyio.sleep(runs.HEARTBEAT_S)
            await self._written(lambda c: runs.beat(c, self._run_id, self._owner))

    async def _written(self, write: Callable[[SqlConnection], T]) -> T:
        """The result of a write, once it is committed."""
        return await asyncio.wrap_future(self._recorder.submit(write))


def _spent_nano_usd(outcome: Outcome, reserved_nano_usd: int) -> int:
    """What an attempt counts against the budget: its cost, or the worst case where a failure may have been billed."""
    if outcome.cost is not None:
        return nano_usd(outcome.cost.usd)
    if outcome.failure is not None and not outcome.failure.kind.may_be_billed:
        return 0
    return reserved_nano_usd
