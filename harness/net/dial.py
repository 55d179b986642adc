"""Opens connections: name, TCP, TLS, each with its own mark."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Any, TypeAlias

import aiohappyeyeballs
import anyio
import anyio.to_thread
import httpx

from harness.net.buffers import Buffers
from harness.net.http1 import SCRATCH_BYTES, Http1
from harness.net.public import NotPublicError, first_private

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Sequence

    from harness.net.marks import Marks

AddrInfo: TypeAlias = tuple[int, int, int, str, tuple[Any, ...]]
Resolver: TypeAlias = "Callable[[str, int], Sequence[AddrInfo]]"
CONNECT_TIMEOUT_S = 15.0
HAPPY_EYEBALLS_DELAY_S = 0.25
"""How long a second address waits for the first one (RFC 8305, section 5)."""
LOOKUPS_AT_ONCE = 4
FOREIGN_LOOKUPS_AT_ONCE = 16


class Dialer:
    """What all connections of a run share. Names are looked up on threads of their own: behind the default ones, which
    others use, a look-up would have to wait and would be reported as a slow provider. Names that servers chose have
    theirs apart: one that never resolves must not hold up an endpoint's own.
    """

    def __init__(self, now_ns: Callable[[], int], tls: ssl.SSLContext, resolve: Resolver | None = None) -> None:
        self._now_ns, self._tls, self._resolve = now_ns, tls, resolve or _resolve
        self._lookups = anyio.CapacityLimiter(LOOKUPS_AT_ONCE)
        self._foreign_lookups = anyio.CapacityLimiter(FOREIGN_LOOKUPS_AT_ONCE)
        self._scratch, self.buffers = memoryview(bytearray(SCRATCH_BYTES)), Buffers()

    async def dial(self, url: httpx.URL, marks: Marks, *, public_only: bool = False) -> Http1:
        """A connection to the host of an address; with `public_only`, to none whose name leads anywhere private.

        Raises httpx.ConnectError, httpx.ConnectTimeout, ssl.SSLError or NotPublicError.
        """
        try:
            with anyio.fail_after(CONNECT_TIMEOUT_S):
                return await self._dial(url, marks, public_only=public_only)
        except TimeoutError as error:
            raise httpx.ConnectTimeout(f"no connection within {CONNECT_TIMEOUT_S:g} s") from error

    async def _dial(self, url: httpx.URL, marks: Marks, *, public_only: bool) -> Http1:
        loop, host = asyncio.get_running_loop(), url.raw_host.decode("ascii")
        port = url.port or (443 if url.scheme == "https" else 80)
        try:
            addresses = await self._look_up(host, port, self._foreign_lookups if public_only else self._lookups)
            marks.resolved_ns = self._now_ns()
            if public_only:
                _only_public(host, addresses)  # these very addresses are connected to: there is no second look-up
            connected = await aiohappyeyeballs.start_connection(
                addresses, happy_eyeballs_delay=HAPPY_EYEBALLS_DELAY_S, loop=loop
            )
        except TimeoutError:
            raise
        except OSError as error:
            raise httpx.ConnectError(str(error)) from error
        marks.tcp_ns = self._now_ns()
        tls = self._tls if url.scheme == "https" else None
        try:
            _, protocol = await loop.create_connection(
                lambda: Http1(self._now_ns, self._scratch, self.buffers),
                sock=connected,
                ssl=tls,
                server_hostname=host if tls else None,
            )
        except BaseException as error:
            connected.close()
            if isinstance(error, OSError) and type(error).__module__ != "ssl" and not isinstance(error, TimeoutError):
                raise httpx.ConnectError(str(error)) from error
            raise
        marks.connected_ns = self._now_ns()
        return protocol

    async def _look_up(self, host: str, port: int, limiter: anyio.CapacityLimiter) -> Sequence[AddrInfo]:
        try:
            return _resolve(host, port, socket.AI_NUMERICHOST)  # an address is no name: no look-up, no thread
        except socket.gaierror:
            return await anyio.to_thread.run_sync(self._resolve, host, port, limiter=limiter, abandon_on_cancel=True)


def _resolve(host: str, port: int, flags: int = 0) -> Sequence[AddrInfo]:
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP, flags=flags)


def _only_public(host: str, addresses: Sequence[AddrInfo]) -> None:
    private = first_private(str(where[0]) for *_, where in addresses)
    if private is not None:
        raise NotPublicError(f"{host} leads to {private}, which is not a public address")
