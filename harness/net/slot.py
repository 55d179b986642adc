"""An httpx transport for one slot: a connection to each host that the slot talks to, kept warm for its next call."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httpx

from arena.units import ns_from_s
from harness.net.marks import Marks
from harness.standstill import asleep_ns

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from harness.net.dial import Dialer
    from harness.net.http1 import Http1

KEEPALIVE_S = 4.0
"""Shorter than the idle time of the servers that close soonest (5 s is common), so that a request is rarely sent into a
connection that is just being closed."""
MAX_IDLE = 4
"""An API host and a download host or two; never more, as a slot has one call under way at a time."""
DEFAULT_MAX_BODY_BYTES = 96 * 1024 * 1024

_Origin = tuple[str, bytes, int | None, bool]


class SlotTransport(httpx.AsyncBaseTransport):
    """At most one request at a time. A request's `extensions` may carry `marks`, which are filled in,
    `max_body_bytes`, and `public_only`, as of `Dialer.dial`.
    """

    def __init__(self, dialer: Dialer, now_ns: Callable[[], int]) -> None:
        self._dialer, self._now_ns = dialer, now_ns
        self._idle: dict[_Origin, tuple[Http1, int]] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and return once the head of its answer is there; the stream is the whole body in one piece."""
        marks = request.extensions.get("marks") or Marks(self._now_ns())
        limit = request.extensions.get("max_body_bytes", DEFAULT_MAX_BODY_BYTES)
        content = await request.aread()
        head = head_bytes(request)
        public_only = request.extensions.get("public_only", False)
        origin = request.url.scheme, request.url.raw_host, request.url.port, public_only
        connection = self._warm(origin) or await self._dialer.dial(request.url, marks, public_only=public_only)
        try:
            connection.start(head, content, marks, limit)
            answered = await connection.head()
        except BaseException:
            connection.abort()
            raise
        extensions = {
            "http_version": answered.version.encode("ascii"),
            "remote_address": connection.remote_address,
        }
        stream = _Body(connection, lambda: self._keep(origin, connection))
        return httpx.Response(answered.status, headers=answered.headers, stream=stream, extensions=extensions)

    async def aclose(self) -> None:
        """Close every connection."""
        while self._idle:
            connection, _ = self._idle.popitem()[1]
            connection.abort()
        for _ in range(2):  # the event loop closes what was aborted in its next rounds, TLS last
            await asyncio.sleep(0)

    def _age_ns(self) -> int:
        """A connection ages while the machine sleeps, too: its server has closed it meanwhile."""
        return self._now_ns() + asleep_ns()

    def _warm(self, origin: _Origin) -> Http1 | None:
        connection, since_ns = self._idle.pop(origin, (None, 0))
        if connection is None:
            return None
        if connection.reusable and self._age_ns() - since_ns < ns_from_s(KEEPALIVE_S) and connection.quiet():
            return connection
        connection.abort()
        return None

    def _keep(self, origin: _Origin, connection: Http1) -> None:
        if not connection.reusable:
            connection.abort()
            return
        self._idle[origin] = connection, self._age_ns()
        if len(self._idle) > MAX_IDLE:
            oldest = next(iter(self._idle))
            self._idle.pop(oldest)[0].abort()


class _Body(httpx.AsyncByteStream):
    def __init__(self, connection: Http1, keep: Callable[[], None]) -> None:
        self._connection, self._keep = connection, keep

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield await self._connection.body()  # type: ignore[misc] # a bytearray: a copy would cost a millisecond

    async def aclose(self) -> None:
        self._keep()


def head_bytes(request: httpx.Request) -> bytes:
    """The request line and headers as sent. LocalProtocolError for a header that would end its line early."""
    lines = [b"%s %s HTTP/1.1" % (request.method.encode("ascii"), request.url.raw_path)]
    for name, value in request.headers.raw:
        if b"\n" in value or b"\r" in value or b"\0" in value or not name or b":" in name or b" " in name:
            raise httpx.LocalProtocolError(f"the header {name.decode('latin-1')!r} cannot be sent")
        lines.append(b"%s: %s" % (name, value))
    return b"\r\n".join(lines) + b"\r\n\r\n"
