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

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Sequence

    from harness.net.marks import Marks

AddrInfo: TypeAlias = tuple[int, int, int, str, tuple[Any, ...]]
CONNECT_TIMEOUT_S = 15.0
HAPPY_EYEBALLS_DELAY_S = 0.25
"""How long a second address waits for the first one (RFC 8305, section 5)."""
LOOKUPS_AT_ONCE = 4


class Dialer:
    """What all connections of a run share. Names are looked up on threads of their own: behind the default ones, which
    others use, a look-up would have to wait and would be reported as a slow provider.
    """

    def __init__(self, now_ns: Callable[[], int], tls: ssl.SSLContext) -> None:
        self._now_ns, self._tls = now_ns, tls
        self._lookups = anyio.CapacityLimiter(LOOKUPS_AT_ONCE)
        self._scratch, self.buffers = memoryview(bytearray(SCRATCH_BYTES)), Buffers()

    async def dial(self, url: httpx.URL, marks: Marks) -> Http1:
        """A connection to the host of an address. Raises httpx.ConnectError, httpx.ConnectTimeout or ssl.SSLError."""
        port = url.port or (443 if url.scheme == "https" else 80)
        try:
            with anyio.fail_after(CONNECT_TIMEOUT_S):
                return await self._dial(url.scheme, url.raw_host.decode("ascii"), port, marks)
        except TimeoutError as error:
            raise httpx.ConnectTimeout(f"no connection within {CONNECT_TIMEOUT_S:g} s") from error

    async def _dial(self, scheme: str, host: str, port: int, marks: Marks) -> Http1:
        loop = asyncio.get_running_loop()
        try:
            addresses = await self._look_up(host, port)
            marks.resolved_ns = self._now_ns()
            connected = await aiohappyeyeballs.start_connection(
                addresses, happy_eyeballs_delay=HAPPY_EYEBALLS_DELAY_S, loop=loop
            )
        except TimeoutError:
            raise
        except OSError as error:
            raise httpx.ConnectError(str(error)) from error
        marks.tcp_ns = self._now_ns()
        tls = self._tls if scheme == "https" else None
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

    async def _look_up(self, host: str, port: int) -> Sequence[AddrInfo]:
        def ask(flags: int = 0) -> Sequence[AddrInfo]:
            return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP, flags=flags)

        try:
            return ask(socket.AI_NUMERICHOST)  # an address is no name: no look-up, no thread
        except socket.gaierror:
            return await anyio.to_thread.run_sync(ask, limiter=self._lookups, abandon_on_cancel=True)
