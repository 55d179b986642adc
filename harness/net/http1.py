"""One connection that speaks HTTP/1.1: one request at a time, its answer read straight into memory.

Heads and chunked bodies go through llhttp, the parser of Node.js; a body whose length is announced is received into its
own buffer by the kernel, without a copy and without a parser. What is read is stamped before anything else is done with
it.
"""

from __future__ import annotations

import asyncio
import select
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import httptools
import httpx

from harness.net.buffers import LARGEST_BYTES
from harness.net.marks import Marks

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.net.buffers import Buffers

SCRATCH_BYTES = 64 * 1024
MAX_HEAD_BYTES = 256 * 1024
"""How much may come that is no body: a head, or the extensions and trailers of a chunked one."""
MAX_PIECES = 200_000
"""Of a chunked body: 96 MB in chunks of half a kilobyte. One chunk a byte would cost more than it brings."""
AT_ONCE_BYTES = LARGEST_BYTES
"""How much memory an announced length alone is worth; for a longer body more is taken as it comes."""


class TooLargeError(httpx.ProtocolError):
    """The answer is larger than the caller takes."""


@dataclass(frozen=True, slots=True)
class Head:
    """Status line and headers of an answer."""

    status: int
    version: str
    headers: list[tuple[bytes, bytes]]


class Http1(asyncio.BufferedProtocol):
    """Made by a dialer. `scratch` may be shared by all connections of an event loop: it is used within one callback."""

    def __init__(self, now_ns: Callable[[], int], scratch: memoryview, buffers: Buffers) -> None:
        self._now_ns, self._scratch, self._buffers = now_ns, scratch, buffers
        self._transport: asyncio.Transport | None = None
        self._waiting: asyncio.Future[None] | None = None
        self._marks = Marks(0)
        self._asked = False
        self._lost = False
        self._clear()

    def _clear(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._head: Head | None = None
        self._headers: list[tuple[bytes, bytes]] = []
        self._idle_bytes = 0
        self._pieces = 0
        self._interim = False
        self._whole: int | None = None
        self._body = bytearray()
        self._filled = 0
        self._direct: memoryview | None = None
        self._done = False
        self._keep_alive = False
        self._error: Exception | None = None
        self._limit = 0
        self._at_ns = 0

    # -- for the caller ------------------------------------------------------------------------------------------------

    @property
    def reusable(self) -> bool:
        """Whether another request may be sent."""
        return not self._lost and (not self._asked or (self._done and self._keep_alive))

    def quiet(self) -> bool:
        """Whether nothing waits to be read: an end, or something that nobody asked for, must not meet a new request."""
        held = self._transport.get_extra_info("socket") if self._transport else None
        if held is None:
            return False
        waiting = select.poll()
        waiting.register(held.fileno(), select.POLLIN)
        return not waiting.poll(0)

    @property
    def remote_address(self) -> str | None:
        """The address at the other end."""
        name = self._transport.get_extra_info("peername") if self._transport else None
        return str(name[0]) if isinstance(name, tuple) and name else None

    @property
    def _receiving(self) -> bool:
        return self._asked and not self._done and self._error is None

    def start(self, head: bytes, body: bytes, marks: Marks, max_body_bytes: int) -> None:
        """Send a request; its answer's instants go into `marks`."""
        self._clear()
        self._marks, self._limit, self._asked = marks, max_body_bytes, True
        if self._transport is None or self._lost:
            raise httpx.WriteError("the connection is closed")
        if len(body) < SCRATCH_BYTES:
            self._transport.write(head + body)
        else:
            self._transport.write(head)
            self._transport.write(body)
        if self._transport.get_write_buffer_size() == 0:
            marks.request_sent_ns = self._now_ns()

    async def head(self) -> Head:
        """The head of the answer, once it is there."""
        while self._head is None:
            await self._wait()
        return self._head

    async def body(self) -> bytes | bytearray:
        """The whole body."""
        while not self._done:
            await self._wait()
        body, self._body = self._body, bytearray()  # from now on it is the caller's alone
        return body

    def abort(self) -> None:
        """Close at once, whatever is under way."""
        self._lost = True
        if self._transport is not None:
            self._transport.abort()

    async def _wait(self) -> None:
        if self._error is not None:
            raise self._error
        self._waiting = asyncio.get_running_loop().create_future()
        try:
            await self._waiting
        finally:
            self._waiting = None

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def _fail(self, error: Exception) -> None:
        self._error = self._error or error
        self._keep_alive = False
        self._wake()

    # -- for the event loop --------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connected, TLS included."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=0)  # so that `resume_writing` tells when the last byte has left

    def resume_writing(self) -> None:
        """The last byte of the request has left."""
        self._marks.request_sent_ns = self._now_ns()

    def get_buffer(self, _sizehint: int) -> memoryview:
        """Where the next bytes are to go."""
        if self._direct is None:
            return self._scratch
        if self._filled == len(self._body):
            self._enlarge()
        return self._direct[self._filled :]

    def buffer_updated(self, nbytes: int) -> None:
        """Bytes have come."""
        self._at_ns = self._now_ns()
        if not self._receiving:
            self.abort()  # nobody asked: whatever this is, it is no answer to the next request
            return
        if self._direct is not None:
            self._grown(nbytes)
            return
        self._idle_bytes += nbytes
        try:
            self._parser.feed_data(self._scratch[:nbytes])
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._keep_alive = False
            if not self._done:
                self._fail(httpx.RemoteProtocolError(f"the answer is not HTTP/1.1: {error}"))
            return
        if self._idle_bytes > MAX_HEAD_BYTES and self._receiving:
            what = "head" if self._head is None else "framing"
            self._fail(TooLargeError(f"the {what} of the answer does not end"))
        elif self._whole is not None and self._receiving:
            self._direct = memoryview(self._body)  # the rest needs no parser

    def eof_received(self) -> None:
        """The server will send nothing more; the transport closes itself."""

    def connection_lost(self, exc: Exception | None) -> None:
        """Closed by either side."""
        self._lost, self._at_ns = True, self._now_ns()
        if not self._asked or self._done:
            return
        if exc is None and self._head is not None and self._whole is None and not self._chunked:
            self._finish()  # a body without a length ends with its connection
        else:
            self._fail(self._broken(exc))

    # -- for the parser ------------------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """Another answer begins; a second one to the same request is nobody's."""
        if self._done:
            self._keep_alive = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header, or one trailer."""
        if self._head is None:
            self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """The head is whole; one of the 100s announces another."""
        if self._head is not None:
            return
        status = self._parser.get_status_code()
        if 100 <= status < 200:
            self._interim, self._headers = True, []
            return
        self._marks.headers_ns = self._at_ns
        if status < 100:
            self._fail(httpx.RemoteProtocolError(f"the answer has the status {status}"))
            return
        self._head = Head(status, f"HTTP/{self._parser.get_http_version()}", self._headers)
        self._keep_alive = self._parser.should_keep_alive()
        self._announced(status)
        self._wake()

    def on_body(self, data: bytes) -> None:
        """A piece of the body that came with the head, or of a chunked one."""
        if self._done or self._error is not None:
            return
        if self._whole is not None:
            self._body[self._filled : self._filled + len(data)] = data
        else:
            self._idle_bytes, self._pieces = 0, self._pieces + 1
            if self._filled + len(data) > self._limit:
                self._fail(TooLargeError(f"the answer is larger than {self._limit} bytes"))
                return
            if self._pieces > MAX_PIECES:
                self._fail(TooLargeError(f"the answer comes in more than {MAX_PIECES} pieces"))
                return
            self._body += data
        self._filled += len(data)
        self._marks.arrived(self._filled, self._at_ns)

    def on_message_complete(self) -> None:
        """The answer is whole."""
        if self._interim:
            self._interim = False
        elif not self._done and self._error is None:
            self._finish()

    @property
    def _chunked(self) -> bool:
        return any(name.lower() == b"transfer-encoding" for name, _ in self._headers)

    def _announced(self, status: int) -> None:
        """Make room for a body whose length is announced; the parser has seen to it that there is one number."""
        told = [value for name, value in self._headers if name.lower() == b"content-length"]
        if not told or self._chunked or status in {204, 304}:
            return
        if int(told[0]) > self._limit:
            self._fail(TooLargeError(f"the answer is larger than {self._limit} bytes"))
            return
        self._whole = int(told[0])
        large = self._whole > AT_ONCE_BYTES
        self._body = bytearray(AT_ONCE_BYTES) if large else self._buffers.take(self._whole)

    def _enlarge(self) -> None:
        """Room for as much again, up to the announced length."""
        more = min(len(self._body), (self._whole or 0) - len(self._body))
        if self._direct is not None:
            self._direct.release()
        self._body.extend(bytes(more))
        self._direct = memoryview(self._body)

    def _grown(self, nbytes: int) -> None:
        self._filled += nbytes
        self._marks.arrived(self._filled, self._at_ns)
        if self._filled == self._whole:
            self._direct = None
            self._finish()

    def _finish(self) -> None:
        self._marks.ended_ns = self._at_ns
        self._done = True
        self._wake()

    def _broken(self, exc: Exception | None) -> Exception:
        if exc is not None:
            return httpx.ReadError(str(exc)) if isinstance(exc, OSError) and not _is_tls(exc) else exc
        if self._head is None:
            return httpx.RemoteProtocolError("the server closed the connection without an answer")
        awaited = "more" if self._whole is None else f"{self._whole}"
        return httpx.RemoteProtocolError(
            f"the server closed the connection after {self._filled} bytes of the body where {awaited} were announced"
        )


def _is_tls(error: Exception) -> bool:
    return type(error).__module__ == "ssl"
