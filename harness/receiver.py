"""What happens to an attempt once its clock has stopped: verified on worker threads, stored, settled, shown.

Whatever has been paid for is stored if it can be: one outcome that cannot be written costs that outcome, and the error
is kept for the end of the run instead of taking the others down.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

import anyio
import anyio.to_thread

from arena.domain.failure import Failure, FailureKind
from arena.domain.outcome import Outcome
from arena.errors import StoreError
from arena.store import attempts
from arena.units import nano_usd
from harness.decoder import Decoder
from harness.images import NotToldError, glance, look
from harness.redaction import trace
from harness.verify import verify

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from anyio.abc import TaskGroup

    from arena.domain.artifact import Glimpse
    from arena.domain.plan import Phase
    from arena.store.blobs import BlobStore
    from arena.store.engine import Connection
    from arena.store.recorder import Recorder
    from harness.budget import Budget
    from harness.delivery import Delivery, Payload
    from harness.plan import Target
    from harness.progress import Progress

T = TypeVar("T")
Item = TypeVar("Item")
LOG = logging.getLogger(__name__)
VERIFIERS = 4
"""Threads; they mostly wait, for the decoding processes and for the disk."""
UNVERIFIED_LIMIT = 32
"""How many images may wait for verification; each is a few megabytes."""


@dataclass(frozen=True, slots=True)
class Returned:
    """An attempt that came back and is to be verified."""

    target: Target
    phase: Phase
    attempt_id: int
    reserved_nano_usd: int
    delivery: Delivery
    seq: int
    """Of its trial."""
    keep: bool = True
    """Whether its images are to be decoded and kept."""

    def without_images(self) -> Returned:
        """The same, once its images are no longer needed: they are what takes memory."""
        return replace(self, delivery=replace(self.delivery, payloads=()))


class Receiver:
    """Verifies and stores, in the order of arrival.

    `on_error` hears of the first write that failed, `on_stored` of every outcome that is durable.
    """

    def __init__(
        self,
        recorder: Recorder,
        blobs: BlobStore,
        budget: Budget,
        progress: Progress,
        on_error: Callable[[Exception], None],
        on_stored: Callable[[Returned, Outcome], None],
    ) -> None:
        self._recorder, self._blobs, self._budget = recorder, blobs, budget
        self._progress, self._on_error, self._on_stored = progress, on_error, on_stored
        self._threads = anyio.CapacityLimiter(VERIFIERS)
        self._decoder = Decoder()
        self._in, self._out = anyio.create_memory_object_stream[Returned](UNVERIFIED_LIMIT)

    async def hand_over(self, returned: Returned) -> None:
        """Take an attempt; waits while too many are unverified. What has come back is not let go of again."""
        try:
            self._in.send_nowait(returned)
        except anyio.WouldBlock:
            with anyio.CancelScope(shield=True):
                await self._in.send(returned)

    async def close(self) -> None:
        """No further attempt will come."""
        await self._in.aclose()

    async def work(self) -> None:
        """Verify until closed and empty, and until everything is stored."""
        async with anyio.create_task_group() as storing, self._out, anyio.create_task_group() as workers:
            for _ in range(VERIFIERS):
                workers.start_soon(self._work_one, storing)

    def decoding(self) -> Decoder:
        """The processes that decode; to be entered around the run."""
        return self._decoder

    async def written(
        self, many: Callable[[Connection, Sequence[Item]], Sequence[T]], item: Item, *, can_wait: bool = False
    ) -> T:
        """The result of a write, once it is committed; a write that is queued is not given up."""
        # Who is cancelled while waiting hears no result; what is queued is written all the same.
        return await self._recorder.written(many, item, can_wait=can_wait)

    async def _work_one(self, storing: TaskGroup) -> None:
        async with self._out.clone() as arriving:
            async for item in arriving:
                try:
                    outcome = await self._outcome(item)
                except Exception as error:  # noqa: BLE001 - raised at the end; the others must still be stored
                    await self._not_stored(item, error)
                else:
                    storing.start_soon(self._store, item.without_images(), outcome)

    async def _store(self, item: Returned, outcome: Outcome) -> None:
        try:
            await self._write(item, outcome)
        except Exception as error:  # noqa: BLE001 - as above
            await self._not_stored(item, error)

    async def _not_stored(self, item: Returned, error: Exception) -> None:
        self._on_error(error)
        await self._budget.settle(item.reserved_nano_usd, item.reserved_nano_usd)

    async def _write(self, item: Returned, outcome: Outcome) -> None:
        try:
            await self.written(attempts.write_outcomes, attempts.Ended(item.attempt_id, outcome), can_wait=True)
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001 - something in it that the database cannot hold
            told = trace(error, item.delivery.job.key)
            LOG.error("an outcome of %s could not be stored as it is\n%s", item.target.endpoint.id, told)
            outcome = _unstorable(item, "its outcome could not be stored")
            await self.written(attempts.write_outcomes, attempts.Ended(item.attempt_id, outcome))
        spent = spent_nano_usd(outcome, item.reserved_nano_usd)
        await self._budget.settle(item.reserved_nano_usd, spent)
        self._progress.stored(item.target.endpoint.id, item.phase, outcome, self._budget.spent_nano_usd)
        self._on_stored(item, outcome)

    async def _outcome(self, item: Returned) -> Outcome:
        def decide(passing: Callable[[Payload, int], Glimpse] | None) -> Outcome:
            target, inspect = item.target, self._decoder.inspect
            return verify(item.delivery, target.provider, self._blobs, target.card, inspect, passing=passing)

        try:
            if not item.delivery.payloads or not item.keep:
                try:
                    return decide(glance)  # quicker than to hand it to a thread
                except NotToldError:
                    pass
            return await anyio.to_thread.run_sync(decide, None if item.keep else look, limiter=self._threads)
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001 - a bug of ours must cost one trial, not the run
            told = trace(error, item.delivery.job.key)
            LOG.error("an answer of %s could not be verified\n%s", item.target.endpoint.id, told)
            return _unstorable(item, f"{type(error).__name__} while it was verified")


def _unstorable(item: Returned, message: str) -> Outcome:
    return Outcome(
        started_at=item.delivery.started_at,
        timings=item.delivery.timings,
        failure=Failure(kind=FailureKind.HARNESS, message=message),
        simulated=item.delivery.simulated,
        calls=item.delivery.calls,
    )


def spent_nano_usd(outcome: Outcome, reserved_nano_usd: int) -> int:
    """What an attempt counts against the budget: its cost, or the worst case where a failure may have been billed."""
    if outcome.cost is not None:
        return nano_usd(outcome.cost.usd)
    if outcome.failure is not None and not outcome.failure.kind.may_be_billed and not outcome.accepted:
        return 0
    return reserved_nano_usd
