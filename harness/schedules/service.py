"""The loop around the dispatcher: one run at a time, and between two of them nothing but a short sleep.

While a run is executed nothing else is looked at, so that scheduling takes nothing from what is measured; what came due
meanwhile is decided afterwards, by when the run began and ended. Sleeps are short, because a machine that was suspended
wakes up with its monotonic clock where it was: the wall clock is asked again after each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from arena.domain.run import RunStatus
from arena.errors import ArenaError, StoreError
from arena.units import ns_from_s
from harness.schedules.events import Event, EventKind

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from datetime import datetime

    from harness.clock import Clock
    from harness.runner import Runner
    from harness.schedules.dispatcher import Dispatcher, Work
    from harness.schedules.files import Entry

NAP_S = 10.0


class Service:
    """Executes what the dispatcher claims.

    `fire` executes one claimed run; it hands its runner on, so that it can be stopped.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        fire: Callable[[Work, Callable[[Runner], None]], Awaitable[RunStatus]],
        clock: Clock,
        tell: Callable[[Event], None],
        *,
        nap_s: float = NAP_S,
    ) -> None:
        self.dispatcher = dispatcher
        self.stopping = False
        self.failed = 0
        self._fire, self._clock, self._tell, self._nap_s = fire, clock, tell, nap_s
        self._runner: Runner | None = None
        self._napping: anyio.CancelScope | None = None

    async def run_due(self) -> None:
        """Execute everything that is due by now, and what comes due meanwhile. StoreError if the database fails."""
        while not self.stopping:
            work = self.dispatcher.next_work(self._clock.utc())
            if work is None:
                return
            await self._execute(work)

    async def serve(self, changed: Callable[[], Sequence[Entry] | None]) -> None:
        """Execute what comes due until it is stopped; what fails is said and tried again.

        `changed` is asked before each look for the schedules, if they are others than before; ConfigError if they
        cannot be used: then the earlier ones stay.
        """
        while not self.stopping:
            try:
                entries = changed()
                if entries is not None:
                    self.dispatcher.entries = tuple(entries)
            except ArenaError as error:
                self._problem(f"{error}; the schedules stay as they were")
            try:
                await self.run_due()
            except StoreError as error:
                self._problem(f"{error}; it is tried again")
            await self._nap()

    def stop(self) -> None:
        """Begin nothing more; a run issues nothing further and is interrupted. Again: it lets go of what is open."""
        again, self.stopping = self.stopping, True
        if self._runner is not None:
            (self._runner.abort if again else self._runner.stop)(RunStatus.INTERRUPTED)
        if self._napping is not None:
            self._napping.cancel()

    async def _execute(self, work: Work) -> None:
        problem: str | None = None
        status = RunStatus.FAILED
        try:
            status = await self._fire(work, self._started)
        except ArenaError as error:
            problem = str(error)
        except Exception as error:  # noqa: BLE001 - a bug in one run does not end the others' schedules
            problem = f"this is a bug: {type(error).__name__}: {error}"
        finally:
            self._runner = None
        self.failed += status is RunStatus.FAILED
        self.dispatcher.ended(work, status, self._clock.utc(), problem)

    def _started(self, runner: Runner) -> None:
        self._runner = runner
        if self.stopping:
            runner.stop(RunStatus.INTERRUPTED)

    async def _nap(self) -> None:
        if self.stopping:
            return
        due_at = self.dispatcher.next_due(self._clock.utc())
        left_s = self._nap_s if due_at is None else (due_at - self._clock.utc()).total_seconds()
        with anyio.CancelScope() as self._napping:
            await self._clock.sleep_until(self._clock.now_ns() + ns_from_s(max(0.0, min(left_s, self._nap_s))))
        self._napping = None

    def _problem(self, text: str) -> None:
        self._tell(Event(self._clock.utc(), EventKind.PROBLEM, None, None, text))


def next_sentence(dispatcher: Dispatcher, now: datetime) -> str:
    """When the next slot is due."""
    due_at = dispatcher.next_due(now)
    return "no slot will ever be due" if due_at is None else f"the next slot is due at {due_at:%Y-%m-%d %H:%M:%S} UTC"
