"""The two clocks: a monotonic one for durations, the wall clock for dates. Nothing else here asks the time."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol

import anyio

from arena.units import NS_PER_S


class Clock(Protocol):
    """What the engine, the pacer and the limits need of time."""

    def now_ns(self) -> int:
        """Monotonic nanoseconds since an arbitrary instant."""
        ...

    def utc(self) -> datetime:
        """The wall clock, aware, UTC."""
        ...

    async def sleep_until(self, moment_ns: int) -> None:
        """Return at a monotonic instant, or at once if it has passed."""
        ...


class SystemClock:
    """The machine's clocks."""

    def now_ns(self) -> int:
        """`time.perf_counter_ns`."""
        return time.perf_counter_ns()

    def utc(self) -> datetime:
        """Now."""
        return datetime.now(UTC)

    async def sleep_until(self, moment_ns: int) -> None:
        """Sleep for what is left; a timer that fires early is given the rest."""
        while (left_ns := moment_ns - self.now_ns()) > 0:
            await anyio.sleep(left_ns / NS_PER_S)
