"""An endpoint's own limits: how many requests are open there, and how many leave in a minute.

Waiting here is a phase of its own (`slot_wait_ns`), never part of a latency.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio

from arena.units import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Iterable

    from arena.domain.endpoint import Endpoint, Limits
    from harness.clock import Clock
    from harness.transport import Connection, Transport


class Slots:
    """Up to `size` connections to one endpoint; the most recently used one is handed out first, as it is warm.

    `account` limits what is open at all endpoints of one account together.
    """

    def __init__(self, transport: Transport, size: int, account: anyio.Semaphore | None = None) -> None:
        self._transport, self._account = transport, account
        self._limiter = anyio.Semaphore(size)
        self._free: list[Connection] = []
        self._all: list[Connection] = []

    async def take(self) -> Connection:
        """A connection that nobody else uses until it is given back; while all are out, first come is first served."""
        await _acquired(self._limiter)
        if self._account is not None:
            try:
                await _acquired(self._account)
            except BaseException:
                self._limiter.release()
                raise
        return self._free.pop() if self._free else self._new()

    def give_back(self, connection: Connection) -> None:
        """Return a connection that `take` handed out."""
        self._free.append(connection)
        self._limiter.release()
        if self._account is not None:
            self._account.release()

    async def close(self) -> None:
        """Close every connection."""
        for connection in self._all:
            await connection.close()

    def _new(self) -> Connection:
        connection = self._transport.connection()
        self._all.append(connection)
        return connection


async def _acquired(semaphore: anyio.Semaphore) -> None:
    """What is free is taken at once, without a turn of the event loop."""
    try:
        semaphore.acquire_nowait()
    except anyio.WouldBlock:
        await semaphore.acquire()


@dataclass(frozen=True, slots=True)
class Shared:
    """What the endpoints of one account share: how many requests are open, and how many leave in a minute."""

    open_at_once: anyio.Semaphore
    rate: RateLimit


def shared_by_account(endpoints: Iterable[Endpoint], clock: Clock) -> dict[str, Shared]:
    """The limits of each account that several endpoints name: the tightest that any of them states."""
    members: dict[str, list[Limits]] = {}
    for endpoint in endpoints:
        if endpoint.account is not None:
            members.setdefault(endpoint.account, []).append(endpoint.limits)
    found = {}
    for account, limits in members.items():
        rates = [one.requests_per_minute for one in limits if one.requests_per_minute is not None]
        width = min(one.max_in_flight for one in limits)
        found[account] = Shared(anyio.Semaphore(width), RateLimit(clock, min(rates, default=None)))
    return found


class RateLimit:
    """At most `per_minute` departures a minute, evenly spaced; None: no limit."""

    def __init__(self, clock: Clock, per_minute: float | None) -> None:
        self._clock = clock
        self._gap_ns = 0 if per_minute is None else round(60 * NS_PER_S / per_minute)
        self._next_ns = 0

    async def wait(self) -> None:
        """Return when the next request may leave; callers are served in order of arrival."""
        if self._gap_ns == 0:
            return
        mine_ns = max(self._clock.now_ns(), self._next_ns)
        self._next_ns = mine_ns + self._gap_ns
        await self._clock.sleep_until(mine_ns)
