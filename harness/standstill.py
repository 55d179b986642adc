"""Whether this machine, or this process alone, stood still: asleep, suspended, or kept from running.

A time that was taken over a standstill is not the provider's, and neither is a timeout that it caused. What was in
flight then ends as `stopped`, which is ours: it is left out of every figure about the provider, is counted apart, and
its cost counts against the budget as that of any call that may have been billed.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from arena.domain.failure import Blame, Failure, FailureKind
from arena.units import NS_PER_MS, NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.clock import Clock
    from harness.delivery import Delivery

INTERVAL_NS = 250 * NS_PER_MS
STANDSTILL_NS = 2 * NS_PER_S
"""From how long on it is one. Shorter lags are the machine's load, which the canary reports."""


def asleep_ns() -> int:
    """For how long this machine has been suspended since it started: time that its monotonic clock leaves out."""
    if sys.platform == "linux":
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) - time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    if sys.platform == "darwin":
        return time.clock_gettime_ns(time.CLOCK_MONOTONIC) - time.clock_gettime_ns(time.CLOCK_UPTIME_RAW)
    return 0


class Standstill:
    """Of one run; `watch` runs beside it until it is cancelled, `so_far` and `judged` are called around every attempt.

    Whichever comes first after a standstill notices it, so that no attempt slips through.
    """

    def __init__(self, clock: Clock, asleep: Callable[[], int] = asleep_ns) -> None:
        self._clock, self._asleep = clock, asleep
        self._awake_ns, self._slept_ns = clock.now_ns(), asleep()
        self._lasted_ns: list[int] = []

    async def watch(self) -> None:
        """Look until cancelled."""
        while True:
            await self._clock.sleep_until(self._clock.now_ns() + INTERVAL_NS)
            self._look()

    def so_far(self) -> int:
        """How many standstills there were, up to now."""
        self._look()
        return len(self._lasted_ns)

    def judged(self, delivery: Delivery, before: int) -> Delivery:
        """The same, or as stopped by us if there was a standstill since `before` were counted as its attempt began.

        What moderation refused, and what is our failure anyway, stays as it is.
        """
        self._look()
        lasted_ns = max(self._lasted_ns[before:], default=0)
        is_providers = delivery.failure is None or delivery.failure.kind.blame is Blame.PROVIDER
        if not lasted_ns or not is_providers:
            return delivery
        came = "an image came" if delivery.failure is None else f"it ended as {delivery.failure.kind.value}"
        message = f"this machine stood still for {lasted_ns / NS_PER_S:.1f} s while the request was in flight; {came}"
        return replace(delivery, payloads=(), failure=Failure(kind=FailureKind.STOPPED, message=message))

    def _look(self) -> None:
        now_ns, slept_ns = self._clock.now_ns(), self._asleep()
        lasted_ns = now_ns - self._awake_ns + max(0, slept_ns - self._slept_ns)
        if lasted_ns >= STANDSTILL_NS:
            self._lasted_ns.append(lasted_ns)
        self._awake_ns, self._slept_ns = now_ns, slept_ns
