"""The only place that imports httpx: sends one call, stamps its marks at the socket, names what went wrong.

Each slot of an endpoint owns one `Connection`, so that waiting for a shared pool never looks like a slow server, and so
that requests reuse their TCP and TLS session. Redirects are not followed, nothing is retried, answers are asked for
uncompressed.
"""

from __future__ import annotations

import errno
import json
import socket
import ssl
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import anyio
import httpcore
import httpx

from arena.domain.failure import Failure, FailureKind, clean_message
from arena.domain.outcome import CallRecord
from harness.addresses import without_secrets
from harness.providers.base import Exchange, FormBody, JsonBody

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.clock import Clock
    from harness.providers.base import WireCall

# The library asks for 64 KB at a time while the event loop has 256 KB at hand, and cuts them up by copying the rest,
# again and again; measured on 2.5 MB replies (tests/benchmarks/fidelity).
httpcore.AsyncHTTP11Connection.READ_NUM_BYTES = 1024 * 1024

CONNECT_TIMEOUT_S = 15.0
MAX_BODY_BYTES = 96 * 1024 * 1024
MAX_CHUNK_MARKS = 4096
KEEPALIVE_S = 4.0
"""Shorter than the idle time of the servers that close soonest (5 s is common), so that a request is rarely sent into a
connection that is just being closed."""
USER_AGENT = "provider-arena/0.1 (+https://github.com/provider-arena/provider-arena)"

FAILURE_BY_EXCEPTION: Mapping[type[Exception], FailureKind] = {
    # The most specific class of an exception's ancestry decides; a test proves the table total over httpx.
    httpx.ConnectTimeout: FailureKind.CONNECT_TIMEOUT,
    httpx.ConnectError: FailureKind.CONNECT,
    httpx.TimeoutException: FailureKind.TIMEOUT,
    httpx.PoolTimeout: FailureKind.HARNESS,
    httpx.UnsupportedProtocol: FailureKind.HARNESS,
    httpx.LocalProtocolError: FailureKind.HARNESS,
    httpx.ProxyError: FailureKind.HARNESS,
    httpx.RemoteProtocolError: FailureKind.PROTOCOL,
    httpx.TransportError: FailureKind.NETWORK,
    httpx.DecodingError: FailureKind.BAD_RESPONSE,
    httpx.TooManyRedirects: FailureKind.BAD_RESPONSE,
    httpx.RequestError: FailureKind.NETWORK,
    httpx.InvalidURL: FailureKind.BAD_RESPONSE,
    anyio.BrokenResourceError: FailureKind.NETWORK,
    anyio.ClosedResourceError: FailureKind.NETWORK,
    anyio.EndOfStream: FailureKind.NETWORK,
    zlib.error: FailureKind.BAD_RESPONSE,
    OSError: FailureKind.NETWORK,
}
OUR_ERRNOS = frozenset(
    {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL, errno.ENETUNREACH, errno.ENETDOWN}
)
"""Out of descriptors, memory or ports, or without a network: no provider can help that."""


@dataclass(slots=True)
class Marks:
    """Monotonic instants of one call, in nanoseconds; None where it did not get so far."""

    started_ns: int
    connected_ns: int | None = None
    request_sent_ns: int | None = None
    headers_ns: int | None = None
    first_byte_ns: int | None = None
    ended_ns: int = 0
    chunk_ends: list[tuple[int, int]] = field(default_factory=list)
    """For each piece of the body: how many bytes had arrived with it, and when."""

    def arrived(self, end: int, at_ns: int) -> None:
        """Note that the body has grown to `end` bytes; a drip-feed of single bytes does not grow the list for ever."""
        if len(self.chunk_ends) >= MAX_CHUNK_MARKS:
            self.chunk_ends.pop()
        self.chunk_ends.append((end, at_ns))

    def arrival_ns(self, offset: int) -> int | None:
        """When the body byte at `offset` had arrived."""
        return next((at_ns for end, at_ns in self.chunk_ends if end > offset), None)


@dataclass(frozen=True, slots=True)
class Answered:
    """A complete answer, whatever its status."""

    exchange: Exchange
    marks: Marks
    record: CallRecord


@dataclass(frozen=True, slots=True)
class Broken:
    """No complete answer: what went wrong, and how far it got."""

    failure: Failure
    marks: Marks
    record: CallRecord


@dataclass(slots=True)
class _Progress:
    """What is known of a call while it is under way."""

    marks: Marks
    status: int | None = None
    http_version: str | None = None
    remote_address: str | None = None
    pieces: list[bytes] = field(default_factory=list)
    size: int = 0


@dataclass(frozen=True, slots=True)
class PreparedCall:
    """A call whose request is encoded and ready to leave."""

    call: WireCall
    request: httpx.Request = field(repr=False)
    marks: Marks


class _TooLarge(Exception):  # noqa: N818 - never leaves this file
    pass


class Transport:
    """What all connections of a run share: the TLS context (15 ms to build) and the clock."""

    def __init__(self, clock: Clock, *, max_body_bytes: int = MAX_BODY_BYTES) -> None:
        self.clock = clock
        self.max_body_bytes = max_body_bytes
        self._tls = ssl.create_default_context()

    def connection(self) -> Connection:
        """A new connection slot."""
        client = httpx.AsyncClient(
            verify=self._tls,
            trust_env=False,
            timeout=httpx.Timeout(None, connect=CONNECT_TIMEOUT_S),
            # An API host and a download host or two; never more, as a slot has one call under way at a time.
            limits=httpx.Limits(max_connections=4, max_keepalive_connections=4, keepalive_expiry=KEEPALIVE_S),
            headers={"User-Agent": USER_AGENT, "Accept": "*/*", "Accept-Encoding": "identity"},
        )
        return Connection(client, self)


class Connection:
    """One slot: at most one call at a time."""

    def __init__(self, client: httpx.AsyncClient, transport: Transport) -> None:
        self._client = client
        self._transport = transport
        self._under_way: tuple[WireCall, _Progress] | None = None

    async def close(self) -> None:
        """Close the sockets."""
        await self._client.aclose()

    def prepare(self, call: WireCall, *, with_auth: bool) -> PreparedCall:
        """Encode a call. ValueError for an address that is none."""
        marks = Marks(started_ns=self._transport.clock.now_ns())
        try:
            return PreparedCall(call, self._request(call, marks, with_auth=with_auth), marks)
        except (httpx.InvalidURL, UnicodeError) as error:
            raise ValueError(str(error)) from None

    async def send(self, prepared: PreparedCall, *, origin_ns: int) -> Answered | Broken:
        """Send one call and read its whole answer.

        `origin_ns` is the instant that the call's record counts from. Cancellation passes through; everything that the
        network or the server does wrong comes back as `Broken`.
        """
        now_ns, call = self._transport.clock.now_ns, prepared.call
        progress = _Progress(prepared.marks)
        self._under_way = call, progress
        progress.marks.started_ns = now_ns()
        try:
            response = await self._client.send(prepared.request, stream=True)
            try:
                await self._read(response, progress)
            finally:
                await response.aclose()
            body = _decoded(b"".join(progress.pieces), response.headers, self._transport.max_body_bytes)
        except _TooLarge:
            message = f"the answer is larger than {self._transport.max_body_bytes} bytes"
            return self._broken(call, progress, origin_ns, FailureKind.BAD_RESPONSE, message)
        except Exception as error:  # noqa: BLE001 - TLS and socket errors reach us raw at times; all of them have a kind
            return self._broken(call, progress, origin_ns, failure_kind(error), _message(error))
        self._under_way = None
        exchange = Exchange(call, response.status_code, _headers(response.headers), body)
        return Answered(exchange, progress.marks, _record(call, progress, origin_ns))

    def cut_off(self, origin_ns: int) -> CallRecord | None:
        """The record of the call that a deadline has just cancelled, as far as it got."""
        if self._under_way is None:
            return None
        call, progress = self._under_way
        progress.marks.ended_ns = self._transport.clock.now_ns()
        return _record(call, progress, origin_ns)

    def _request(self, call: WireCall, marks: Marks, *, with_auth: bool) -> httpx.Request:
        headers = dict(call.headers)
        if call.auth is not None and with_auth:
            headers[call.auth.name] = call.auth.value.get_secret_value()
        content: dict[str, Any] = {}
        if isinstance(call.body, JsonBody):
            headers["Content-Type"] = "application/json"
            content["content"] = json.dumps(call.body.value, ensure_ascii=False, separators=(",", ":")).encode()
        elif isinstance(call.body, FormBody):
            # Fields go as parts, too: without any file the library would encode the form as that of a web page.
            fields = [(name, (None, value)) for name, value in call.body.fields]
            content["files"] = [*fields, *((f.part, (f.file_name, f.data, f.media_type)) for f in call.body.files)]
        extensions = {"trace": _tracer(marks, self._transport.clock)}
        return self._client.build_request(call.method, call.url, headers=headers, extensions=extensions, **content)

    async def _read(self, response: httpx.Response, progress: _Progress) -> None:
        now_ns, marks = self._transport.clock.now_ns, progress.marks
        progress.status = response.status_code
        progress.http_version = response.http_version
        progress.remote_address = _remote_address(response)
        async for chunk in response.aiter_raw():
            at_ns = now_ns()
            marks.first_byte_ns = marks.first_byte_ns or at_ns
            progress.pieces.append(chunk)
            progress.size += len(chunk)
            marks.arrived(progress.size, at_ns)
            if progress.size > self._transport.max_body_bytes:
                raise _TooLarge
        marks.ended_ns = marks.chunk_ends[-1][1] if marks.chunk_ends else now_ns()

    def _broken(self, call: WireCall, progress: _Progress, origin_ns: int, kind: FailureKind, message: str) -> Broken:
        self._under_way = None
        progress.marks.ended_ns = self._transport.clock.now_ns()
        failure = Failure(kind=kind, message=clean_message(message), http_status=progress.status)
        return Broken(failure, progress.marks, _record(call, progress, origin_ns))


def failure_kind(error: Exception) -> FailureKind:
    """What kind of failure an exception of the HTTP library, of TLS or of a socket is."""
    causes = _causes(error)
    if any(isinstance(cause, OSError) and cause.errno in OUR_ERRNOS for cause in causes):
        return FailureKind.HARNESS
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return FailureKind.DNS
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return FailureKind.TLS
    for ancestor in type(error).__mro__:
        if ancestor in FAILURE_BY_EXCEPTION:
            return FAILURE_BY_EXCEPTION[ancestor]
    return FailureKind.HARNESS


def _causes(error: BaseException) -> list[BaseException]:
    chain: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in chain:
        chain.append(current)
        current = current.__cause__ or current.__context__
    return chain


def _message(error: Exception) -> str:
    return str(error) or type(error).__name__


def _tracer(marks: Marks, clock: Clock) -> Any:
    """The HTTP library's trace hook: it runs at the socket operation itself, before any of our own scheduling."""

    async def trace(event: str, _info: Mapping[str, Any]) -> None:
        match event:
            case "connection.connect_tcp.complete" | "connection.start_tls.complete":
                marks.connected_ns = clock.now_ns()
            case "http11.send_request_body.complete":
                marks.request_sent_ns = clock.now_ns()
            case "http11.receive_response_headers.complete":
                marks.headers_ns = clock.now_ns()

    return trace


def _headers(headers: httpx.Headers) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _remote_address(response: httpx.Response) -> str | None:
    stream = response.extensions.get("network_stream")
    address = stream.get_extra_info("server_addr") if stream is not None else None
    return str(address[0]) if isinstance(address, tuple) and address else None


def _decoded(body: bytes, headers: httpx.Headers, limit: int) -> bytes:
    """The body as meant; a server may compress although it was asked not to. Bounded, as a small body can hold a large
    one.
    """
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"gzip", "deflate"}:
        return body
    inflater = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    plain = inflater.decompress(body, limit)
    if inflater.unconsumed_tail:
        raise _TooLarge
    return plain


def _record(call: WireCall, progress: _Progress, origin_ns: int) -> CallRecord:
    marks = progress.marks

    def since(mark_ns: int | None) -> int | None:
        return None if mark_ns is None else mark_ns - origin_ns

    return CallRecord(
        purpose=call.purpose,
        method=call.method,
        url=without_secrets(call.url),
        http_status=progress.status,
        http_version=progress.http_version,
        remote_address=progress.remote_address,
        body_bytes=progress.size,
        started_ns=marks.started_ns - origin_ns,
        connected_ns=since(marks.connected_ns),
        request_sent_ns=since(marks.request_sent_ns),
        headers_ns=since(marks.headers_ns),
        first_byte_ns=since(marks.first_byte_ns),
        ended_ns=marks.ended_ns - origin_ns,
    )
