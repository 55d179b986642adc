"""The servers of the catalogue: raw sockets on loopback, each case with a port of its own and a trap."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import re
import threading
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.sim.hostile.case import Places, Visit, answer

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Iterator, Mapping, Sequence

    from harness.sim.hostile.case import Case, Certificate, Handler

LOOPBACK = "127.0.0.1"
MOST_HEAD_BYTES = 1024 * 1024


@dataclass(slots=True)
class Seen:
    """What a case's servers were sent."""

    requests: list[tuple[str, bytes]] = field(default_factory=list)
    """Path, and everything that came with it."""
    trapped: list[bytes] = field(default_factory=list)
    """What came to the trap, one entry a connection; nothing should."""
    broken: list[str] = field(default_factory=list)
    """What went wrong with the server itself."""


CUTS = 20


class Host:
    """One case's servers."""

    def __init__(self, case: Case, tls: Mapping[Certificate, ssl.SSLContext]) -> None:
        self.case, self.seen, self._tls = case, Seen(), tls
        self.places = Places("", "", "")
        self._servers: list[asyncio.Server] = []
        self._held: list[socket.socket] = []
        self._open: list[asyncio.StreamWriter] = []

    async def start(self) -> None:
        """Listen."""
        secure = self._tls.get(self.case.certificate) if self.case.certificate else None
        trap = await self._listen(self._trapped, None)
        trap_tls = await self._listen(self._trapped, self._tls.get("good"))
        scheme = "https" if self.case.certificate else self.case.scheme
        if self.case.listen is not None:
            self._held.append(self.case.listen())
            port = self._held[0].getsockname()[1]
        else:
            port = await self._listen(self._visited, secure)
        self.places = Places(
            f"{scheme}://{self.case.host}:{port}", f"http://{LOOPBACK}:{trap}", f"https://localhost:{trap_tls}"
        )

    def stop(self) -> None:
        """Close the listening sockets, and cut off whoever is still connected."""
        for server in self._servers:
            server.close()
        for writer in self._open:
            writer.transport.abort()
        for held in self._held:
            held.close()

    async def _listen(self, visited: Handler | object, tls: ssl.SSLContext | None) -> int:
        server = await asyncio.start_server(visited, LOOPBACK, 0, ssl=tls, limit=MOST_HEAD_BYTES)  # type: ignore[arg-type]
        self._servers.append(server)
        port: int = server.sockets[0].getsockname()[1]
        return port

    async def _visited(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.append(writer)
        try:
            if self.case.greet is not None:
                await self.case.greet(Visit(reader, writer, self.places))
            while not writer.is_closing():
                await self.case.handle(await self._request(reader, writer))
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # the client has had enough
        except Exception as error:  # noqa: BLE001 - the case itself is broken, and must not pass for a hostile one
            self.seen.broken.append(f"{type(error).__name__}: {error}")
        finally:
            writer.close()

    async def _request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Visit:
        head = await reader.readuntil(b"\r\n\r\n")
        told = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        body = await reader.readexactly(int(told[1]) if told else 0)
        method, path, _ = head.decode("latin-1").split(" ", 2)
        self.seen.requests.append((path, head + body))
        return Visit(reader, writer, self.places, method, path, head.decode("latin-1"), body, len(self.seen.requests))

    async def _trapped(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held = bytearray()
        self._open.append(writer)
        self.seen.trapped.append(b"")
        place = len(self.seen.trapped) - 1
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                held += data
                self.seen.trapped[place] = bytes(held)
                if b"\r\n\r\n" in held:
                    writer.write(answer(b"a secret of the trap", content_type="text/plain"))
                    break
        writer.close()


async def _cut_off(loop: asyncio.AbstractEventLoop) -> None:
    """End every visit, also of whoever was just accepted or is still shaking hands: that is known to the loop alone."""
    for _ in range(CUTS):
        others = asyncio.all_tasks() - {asyncio.current_task()}
        # asyncio's own task that accepts a connection would lose the socket if it were cancelled; it ends by itself
        # once its transport is cut off.
        visits = {task for task in others if getattr(task.get_coro(), "__name__", "") != "_accept_connection2"}
        transports = [t for t in getattr(loop, "_transports", {}).values() if not t.is_closing()]
        for task in visits:
            task.cancel()
        for transport in transports:
            transport.abort()
        await asyncio.gather(*visits, return_exceptions=True)
        await asyncio.sleep(0.01)  # a transport closes its socket in a turn of its own
        if not others and not transports:
            return


@contextmanager
def serving(cases: Sequence[Case], tls: Mapping[Certificate, ssl.SSLContext]) -> Iterator[list[Host]]:
    """The servers of these cases, on a thread of their own, for the length of the block."""
    hosts, loop, stop = [Host(case, tls) for case in cases], asyncio.new_event_loop(), asyncio.Event()
    ready, failed = threading.Event(), []

    async def main() -> None:
        try:
            for host in hosts:
                await host.start()
        except BaseException as error:
            failed.append(error)
            raise
        finally:
            ready.set()
        await stop.wait()
        for host in hosts:
            host.stop()
        await _cut_off(loop)

    loop.set_exception_handler(lambda _loop, _context: None)  # what goes wrong on these connections is meant to
    thread = threading.Thread(target=lambda: loop.run_until_complete(main()), daemon=True)
    thread.start()
    ready.wait()
    if failed:
        raise failed[0]
    try:
        yield hosts
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()
        with warnings.catch_warnings():
            # A connection that was accepted in the loop's last turn has nobody else to close it.
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()
