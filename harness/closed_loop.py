"""A closed loop at one endpoint: which trial goes next, and when a place in the loop may send it.

A place is open during the spans that the load profile gives it, and no endpoint runs further ahead of the slowest than
the profile's lead, so that identical prompts reach all endpoints within the same stretch of time. Waiting for either
comes before a trial begins, and is in no figure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from arena.units import NS_PER_S, ns_from_s
from harness.pacer import open_spans

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Iterable, Mapping

    from arena.domain.load import LoadProfile
    from arena.store.runs import StoredTrial
    from harness.clock import Clock

Block = tuple[str, int]
"""One prompt and one repetition, at all endpoints."""


def blocks(trials: Iterable[StoredTrial]) -> dict[Block, int]:
    """The place of each block in the order of the plan."""
    found: dict[Block, int] = {}
    for stored in trials:
        found.setdefault((stored.trial.prompt_id, stored.trial.repetition), len(found))
    return found


class Window:
    """How far each loop has got; shared by the loops of a phase."""

    def __init__(self, lead: int, order: Mapping[Block, int]) -> None:
        self._lead, self._order = lead, order
        self._at: dict[ClosedLoop, int] = {}
        self._moved = anyio.Event()

    def admits(self, loop: ClosedLoop, stored: StoredTrial) -> bool:
        """Whether a loop may go on to a trial: it is no further ahead of the slowest than the lead."""
        place = self._order[stored.trial.prompt_id, stored.trial.repetition]
        if self._at.get(loop) != place:
            self._at[loop] = place
            self._wake()
        return place - min(self._at.values()) <= self._lead

    def leave(self, loop: ClosedLoop) -> None:
        """Nothing is left to do there: nobody waits for it any more."""
        self._at.pop(loop, None)
        self._wake()

    async def moved(self) -> None:
        """Return once some loop has gone on."""
        await self._moved.wait()

    def _wake(self) -> None:
        self._moved.set()
        self._moved = anyio.Event()


class ClosedLoop:
    """`trials` are taken from the left; `start_ns` is the start of the phase on the clock."""

    def __init__(
        self, trials: deque[StoredTrial], load: LoadProfile, window: Window, clock: Clock, start_ns: int
    ) -> None:
        self._trials, self._load, self._window = trials, load, window
        self._clock, self._start_ns = clock, start_ns
        if trials:
            window.admits(self, trials[0])

    def take(self, place: int) -> StoredTrial | None:
        """The next trial if a place may send it now."""
        if not self._trials or self._opens_s(place) != 0 or not self._window.admits(self, self._trials[0]):
            return None
        taken = self._trials.popleft()
        if not self._trials:
            self._window.leave(self)
        return taken

    async def wait(self, place: int) -> bool:
        """Return when `take` is worth another try; False once this place has nothing more to do."""
        opens_s = self._opens_s(place)
        if not self._trials or opens_s is None:
            if opens_s is None and place == 0:
                self._window.leave(self)
            return False
        if opens_s > 0:
            await self._clock.sleep_until(self._clock.now_ns() + ns_from_s(opens_s))
        elif not self._window.admits(self, self._trials[0]):
            await self._window.moved()
        return True

    def _opens_s(self, place: int) -> float | None:
        """Seconds until a place is open, 0 while it is; None: never again."""
        if not self._load.stages and self._load.for_s is None:
            return 0.0
        now_s = (self._clock.now_ns() - self._start_ns) / NS_PER_S
        return next((max(0.0, begin - now_s) for begin, end in open_spans(self._load, place) if now_s < end), None)
