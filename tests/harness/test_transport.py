"""The transport against raw sockets: what it stamps, and what it calls each thing that can go wrong."""

import asyncio
import email
import email.policy
import errno
import gzip
import inspect as python_inspect
import json
import socket
import ssl
import struct

import httpx
import pytest
from pydantic import SecretStr

from arena.domain.failure import FailureKind
from arena.domain.outcome import CallPurpose
from harness.clock import SystemClock
from harness.net import failures, marks
from harness.providers.base import FilePart, FormBody, JsonBody, SecretHeader, WireCall
from harness.transport import Answered, Broken, Transport
from tests.servers import answering, response, scripted


def call(url, method="POST", **changes):
    return WireCall(CallPurpose.SUBMIT, method, url, **{"body": JsonBody({"a": 1}), **changes})


async def send(*calls, with_auth=False, **options):
    shared = Transport(SystemClock(), **options)
    connection = shared.connection()
    try:
        return [
            await connection.send(connection.prepare(c, with_auth=with_auth), origin_ns=shared.clock.now_ns())
            for c in calls
        ]
    finally:
        await connection.close()


async def test_a_reply_comes_back_whole_with_its_marks_in_order():
    with scripted(answering(response(b'{"ok": 1}', headers=[("X-Request-Id", "r1")]))) as server:
        (answered,) = await send(call(server.url + "/v1?token=secret"))
    assert isinstance(answered, Answered)
    assert json.loads(answered.exchange.body) == {"ok": 1}
    assert answered.exchange.headers["x-request-id"] == "r1"
    m = answered.marks
    assert m.started_ns <= m.connected_ns <= m.request_sent_ns <= m.headers_ns <= m.first_byte_ns <= m.ended_ns
    assert answered.record.url.endswith("/v1?…")
    assert answered.record.remote_address == "127.0.0.1"
    assert server.requests[0].json == {"a": 1}


async def test_the_second_call_of_a_slot_is_warm():
    with scripted(answering(response(b"{}"))) as server:
        cold, warm = await send(call(server.url), call(server.url))
    assert cold.marks.connected_ns is not None
    assert warm.marks.connected_ns is None
    assert server.connections == 1


async def test_headers_first_bytes_and_last_bytes_are_told_apart():
    async def slowly(_request, writer):
        body = b"x" * 200_000
        writer.write(response(body)[: -len(body)])
        await asyncio.sleep(0.1)
        writer.write(body[:100_000])
        await asyncio.sleep(0.1)
        writer.write(body[100_000:])

    with scripted(slowly) as server:
        (answered,) = await send(call(server.url))
    m = answered.marks
    assert m.first_byte_ns - m.headers_ns > 50_000_000
    assert m.ended_ns - m.first_byte_ns > 50_000_000
    assert m.arrival_ns(0) == m.first_byte_ns
    assert m.arrival_ns(150_000) - m.first_byte_ns > 50_000_000
    assert m.arrival_ns(200_000) is None


async def test_a_key_is_sent_only_when_told_and_never_shown():
    secret = SecretHeader("Authorization", SecretStr("Bearer canary-key"))
    with scripted(answering(response(b"{}"))) as server:
        (with_key,) = await send(call(server.url, auth=secret), with_auth=True)
        await send(call(server.url, auth=secret), with_auth=False)
    assert server.requests[0].headers["authorization"] == "bearer canary-key"
    assert "authorization" not in server.requests[1].headers
    assert "canary-key" not in repr(with_key) + repr(secret)


async def test_a_form_goes_out_as_multipart_with_repeated_parts():
    parts = tuple(FilePart("image[]", f"{i}.png", "image/png", b"PNG%d" % i) for i in range(2))
    with scripted(answering(response(b"{}"))) as server:
        await send(call(server.url, body=FormBody((("prompt", "é"), ("n", "1")), parts)))
    body = server.requests[0].body
    assert server.requests[0].headers["content-type"].startswith("multipart/form-data")
    assert body.count(b'name="image[]"') == 2
    assert "é".encode() in body


async def test_a_form_without_files_is_multipart_and_keeps_repeated_fields():
    fields = (("prompt", "zwei Kätzchen\r\n--x"), ("width", "512"), ("tag", "a"), ("tag", "b"))
    with scripted(answering(response(b"{}"))) as server:
        await send(call(server.url, body=FormBody(fields, ())))
    head = f"Content-Type: {server.requests[0].headers['content-type']}\r\n\r\n".encode()
    assert head.startswith(b"Content-Type: multipart/form-data; boundary=")
    parts = email.message_from_bytes(head + server.requests[0].body, policy=email.policy.HTTP).get_payload()
    told = [(part.get_param("name", header="content-disposition"), part.get_payload(decode=True)) for part in parts]
    assert told == [(name, value.encode()) for name, value in fields]
    assert all(part.get_filename() is None and "content-type" not in part for part in parts)


async def test_a_compressed_answer_is_read_although_none_was_asked_for():
    packed = response(gzip.compress(b'{"ok": 1}'), headers=[("Content-Encoding", "gzip")])
    with scripted(answering(packed)) as server:
        (answered,) = await send(call(server.url))
    assert server.requests[0].headers["accept-encoding"] == "identity"
    assert answered.exchange.body == b'{"ok": 1}'


async def test_a_redirect_is_an_answer_not_an_instruction():
    with scripted(answering(response(status="302 Found", headers=[("Location", "http://169.254.169.254/")]))) as server:
        (answered,) = await send(call(server.url))
    assert answered.exchange.status == 302
    assert len(server.requests) == 1


def reset(_request, writer):
    linger_for_no_time = struct.pack("ii", 1, 0)  # close sends RST instead of FIN
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_for_no_time)
    writer.transport.abort()


def closed(_request, writer):
    writer.close()


def awaitable(action):
    async def handle(request, writer):
        action(request, writer)

    return handle


@pytest.mark.parametrize(
    ("handle", "kind"),
    [
        (awaitable(reset), FailureKind.NETWORK),
        (awaitable(closed), FailureKind.PROTOCOL),
        (answering(response(b"short", length=500) + b""), None),
        (answering(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), FailureKind.PROTOCOL),
        (answering(response(b"not gzip", headers=[("Content-Encoding", "gzip")])), FailureKind.BAD_RESPONSE),
    ],
    ids=["reset", "closed", "truncated", "another protocol", "not gzip"],
)
async def test_what_a_server_breaks_has_a_name(handle, kind):
    async def then_close(request, writer):
        await handle(request, writer)
        await writer.drain()
        writer.close()

    with scripted(then_close) as server:
        (broken,) = await send(call(server.url))
    assert isinstance(broken, Broken)
    assert broken.failure.kind is (kind or FailureKind.PROTOCOL)
    assert broken.record.ended_ns >= broken.record.started_ns


async def test_an_endless_answer_is_cut_off_at_the_limit():
    async def endless(_request, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(1000):
            writer.write(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
            await writer.drain()

    with scripted(endless) as server:
        (broken,) = await send(call(server.url), max_body_bytes=1_000_000)
    assert broken.failure.kind is FailureKind.BAD_RESPONSE
    assert "larger than 1000000 bytes" in broken.failure.message
    assert broken.record.body_bytes < 1_200_000


async def test_a_compression_bomb_is_cut_off_at_the_limit():
    bomb = response(gzip.compress(b"\0" * 50_000_000), headers=[("Content-Encoding", "gzip")])
    with scripted(answering(bomb)) as server:
        (broken,) = await send(call(server.url), max_body_bytes=1_000_000)
    assert broken.failure.kind is FailureKind.BAD_RESPONSE


async def test_nobody_listening_is_a_connect_failure():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        (broken,) = await send(call(f"http://127.0.0.1:{unused.getsockname()[1]}"))
    assert broken.failure.kind is FailureKind.CONNECT


async def test_a_name_that_does_not_resolve_is_a_dns_failure():
    (broken,) = await send(call("http://no-such-host.invalid/"))
    assert broken.failure.kind is FailureKind.DNS


async def test_plain_text_where_tls_is_spoken_is_a_tls_failure():
    with scripted(answering(response(b"{}")), greeting=response(b"plain")) as server:
        (broken,) = await send(call(server.url.replace("http:", "https:")))
    assert broken.failure.kind is FailureKind.TLS


def all_subclasses(parent):
    return {parent} | {s for child in parent.__subclasses__() for s in all_subclasses(child)}


@pytest.mark.parametrize("error", sorted(all_subclasses(httpx.RequestError), key=lambda c: c.__name__))
def test_every_exception_of_the_http_library_has_a_kind_of_its_own_ancestry(error):
    assert any(a in failures.FAILURE_BY_EXCEPTION for a in error.__mro__)
    assert failures.failure_kind(error("boom")) in FailureKind


def test_every_other_error_of_the_http_library_is_accounted_for():
    others = {
        value
        for _, value in python_inspect.getmembers(httpx, python_inspect.isclass)
        if issubclass(value, Exception) and not issubclass(value, httpx.RequestError)
    }
    raised_by_us_alone = {httpx.HTTPError, httpx.HTTPStatusError, httpx.CookieConflict, httpx.StreamError}
    raised_by_us_alone |= all_subclasses(httpx.StreamError)
    assert others - raised_by_us_alone == {httpx.InvalidURL}
    assert failures.failure_kind(httpx.InvalidURL("x")) is FailureKind.BAD_RESPONSE


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ssl.SSLError("record layer failure"), FailureKind.TLS),
        (OSError(errno.EMFILE, "Too many open files"), FailureKind.HARNESS),
        (OSError(errno.ENETUNREACH, "Network is unreachable"), FailureKind.HARNESS),
        (ConnectionResetError(errno.ECONNRESET, "reset"), FailureKind.NETWORK),
        (KeyError("a bug of ours"), FailureKind.HARNESS),
    ],
)
def test_what_reaches_us_raw_has_a_kind_too(error, kind):
    assert failures.failure_kind(error) is kind
    wrapped = httpx.ConnectError("all attempts failed")
    wrapped.__cause__ = error
    if kind is not FailureKind.NETWORK and not isinstance(error, KeyError):
        assert failures.failure_kind(wrapped) is kind


def test_an_address_that_is_none_cannot_be_prepared():
    connection = Transport(SystemClock()).connection()
    with pytest.raises(ValueError, match="Invalid IDNA hostname"):
        connection.prepare(call("http://\ud800/"), with_auth=False)


def test_a_drip_feed_does_not_grow_the_marks_for_ever():
    noted = marks.Marks(started_ns=0)
    for end in range(1, 50_000):
        noted.arrived(end, end)
    assert len(noted.chunk_ends) <= marks.MAX_CHUNK_MARKS
    assert noted.arrival_ns(10) == 11
    assert noted.arrival_ns(49_998) == 49_999


def test_a_tls_error_is_recognized_behind_a_connect_error():
    outer = httpx.ConnectError("handshake")
    outer.__cause__ = ssl.SSLCertVerificationError("expired")
    assert failures.failure_kind(outer) is FailureKind.TLS


async def test_a_body_larger_than_what_its_length_alone_is_worth_comes_whole():
    body = bytes(range(256)) * 4096 * 40  # 40 MB
    with scripted(answering(response(body))) as server:
        (answered,) = await send(call(server.url))
    assert answered.exchange.body == body
    assert answered.marks.size_bytes == len(body)


async def test_a_compressed_body_is_whole_also_where_it_is_unpacked_on_a_thread():
    plain = json.dumps({"x": "ab" * 300_000}).encode()
    packed = response(gzip.compress(plain), headers=[("Content-Encoding", "gzip")])
    with scripted(answering(packed)) as server:
        (answered,) = await send(call(server.url))
    assert answered.exchange.body == plain
