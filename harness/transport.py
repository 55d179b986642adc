"""Sends one call, stamps its marks at the socket, names what went wrong.

Each slot of an endpoint owns one `Connection`, so that waiting for a shared pool never looks like a slow server, and so
that requests reuse their TCP and TLS session. Redirects are not followed, nothing is retried, answers are asked for
uncompressed.
"""

from __future__ import annotations

import json
import ssl
import zlib
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

import anyio.to_thread
import httpx

from arena.domain.failure import Failure, clean_message
from arena.domain.outcome import CallRecord
from harness.addresses import without_secrets
from harness.net.dial import Dialer
from harness.net.failures import failure_kind
from harness.net.http1 import TooLargeError
from harness.net.marks import Marks
from harness.net.slot import DEFAULT_MAX_BODY_BYTES, SlotTransport
from harness.providers.base import Exchange, FormBody, JsonBody

if TYPE_CHECKING:
    from harness.clock import Clock
    from harness.net.dial import Resolver
    from harness.providers.base import WireCall

USER_AGENT = "provider-arena/0.1 (+https://github.com/provider-arena/provider-arena)"
OWN_HEADERS = {"User-Agent": USER_AGENT, "Accept": "*/*", "Accept-Encoding": "identity"}
LARGE_BYTES = 64 * 1024


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


@dataclass(frozen=True, slots=True)
class PreparedCall:
    """A call whose request is encoded and ready to leave."""

    call: WireCall
    request: httpx.Request = field(repr=False)
    marks: Marks


class Transport:
    """What all connections of a run share: the TLS context (15 ms to build), name look-ups and the clock."""

    def __init__(
        self,
        clock: Clock,
        *,
        max_body_bytes: int = DEFAULT_MAX_BODY_BYTES,
        tls: ssl.SSLContext | None = None,
        resolve: Resolver | None = None,
    ) -> None:
        """`tls` and `resolve` stand in for the system's certificates and its resolver."""
        self.clock = clock
        self.max_body_bytes = max_body_bytes
        self._dialer = Dialer(clock.now_ns, tls or ssl.create_default_context(), resolve)

    def expect(self, count: int, size_bytes: int) -> None:
        """Have memory at hand for so many answers of about this size at a time; a wrong guess costs only memory."""
        if size_bytes > LARGE_BYTES:
            self._dialer.buffers.reserve(count, min(size_bytes, self.max_body_bytes))

    def connection(self) -> Connection:
        """A new connection slot."""
        return Connection(SlotTransport(self._dialer, self.clock.now_ns), self)


class Connection:
    """One slot: at most one call at a time."""

    def __init__(self, slot: SlotTransport, transport: Transport) -> None:
        self._slot = slot
        self._transport = transport
        self._under_way: tuple[WireCall, _Progress] | None = None

    async def close(self) -> None:
        """Close the sockets."""
        await self._slot.aclose()

    @property
    def max_body_bytes(self) -> int:
        """The largest answer that is taken."""
        return self._transport.max_body_bytes

    def prepare(
        self, call: WireCall, *, with_auth: bool, public_only: bool = False, most_bytes: int | None = None
    ) -> PreparedCall:
        """Encode a call; with `public_only`, one that leads nowhere private. ValueError for an address that is none."""
        marks = Marks(started_ns=self._transport.clock.now_ns())
        most_bytes = self._transport.max_body_bytes if most_bytes is None else most_bytes
        told = {"marks": marks, "max_body_bytes": most_bytes, "public_only": public_only}
        try:
            return PreparedCall(call, self._request(call, told, with_auth=with_auth), marks)
        except (httpx.InvalidURL, UnicodeError) as error:
            raise ValueError(str(error)) from None

    async def send(self, prepared: PreparedCall, *, origin_ns: int) -> Answered | Broken:
        """Send one call and read its whole answer.

        `origin_ns` is the instant that the call's record counts from. Cancellation passes through; everything that the
        network or the server does wrong comes back as `Broken`.
        """
        call, progress = prepared.call, _Progress(prepared.marks)
        self._under_way = call, progress
        progress.marks.started_ns = self._transport.clock.now_ns()
        try:
            response = await self._slot.handle_async_request(prepared.request)
            limit: int = prepared.request.extensions["max_body_bytes"]
            body = await _decoded(await _read(response, progress), response.headers, limit)
        except Exception as error:  # noqa: BLE001 - TLS and socket errors reach us raw at times; all of them have a kind
            return self._broken(call, progress, origin_ns, error)
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

    def _request(self, call: WireCall, told: dict[str, Any], *, with_auth: bool) -> httpx.Request:
        headers = OWN_HEADERS | dict(call.headers)
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
        request = httpx.Request(call.method, _parsed(call.url), headers=headers, extensions=told, **content)
        if not request.url.host or request.url.scheme not in {"http", "https"}:
            raise httpx.InvalidURL(f"{call.purpose} has no http(s) address")
        request.read()  # a form is put together now, not while the clock runs
        return request

    def _broken(self, call: WireCall, progress: _Progress, origin_ns: int, error: Exception) -> Broken:
        self._under_way = None
        progress.marks.ended_ns = self._transport.clock.now_ns()
        message = clean_message(str(error) or type(error).__name__)
        failure = Failure(kind=failure_kind(error), message=message, http_status=progress.status)
        return Broken(failure, progress.marks, _record(call, progress, origin_ns))


@lru_cache(maxsize=256)
def _parsed(url: str) -> httpx.URL:
    """An endpoint's address is the same for every call."""
    return httpx.URL(url)


async def _read(response: httpx.Response, progress: _Progress) -> bytes | bytearray:
    progress.status = response.status_code
    progress.http_version = response.http_version
    progress.remote_address = response.extensions["remote_address"]
    stream = cast("httpx.AsyncByteStream", response.stream)
    try:
        body = [piece async for piece in stream]
    finally:
        await stream.aclose()
    return body[0]


def _headers(headers: httpx.Headers) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


async def _decoded(body: bytes | bytearray, headers: httpx.Headers, limit: int) -> bytes | bytearray:
    """The body as meant; a server may compress although it was asked not to.

    Bounded, as a small body can hold a large one, which is unpacked on a thread: every other answer would wait for it.
    """
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if not body or encoding not in {"gzip", "deflate"}:
        return body if len(body) > LARGE_BYTES else bytes(body)
    inflater = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    plain = inflater.decompress(body, LARGE_BYTES)
    if inflater.unconsumed_tail:
        plain += await anyio.to_thread.run_sync(inflater.decompress, inflater.unconsumed_tail, limit)
    if inflater.unconsumed_tail or len(plain) > limit:
        raise TooLargeError(f"the answer is larger than {limit} bytes")
    if not inflater.eof:
        raise httpx.RemoteProtocolError("the compressed answer breaks off")
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
        body_bytes=marks.size_bytes,
        started_ns=marks.started_ns - origin_ns,
        resolved_ns=since(marks.resolved_ns),
        tcp_ns=since(marks.tcp_ns),
        connected_ns=since(marks.connected_ns),
        request_sent_ns=since(marks.request_sent_ns),
        headers_ns=since(marks.headers_ns),
        first_byte_ns=since(marks.first_byte_ns),
        ended_ns=marks.ended_ns - origin_ns,
    )
