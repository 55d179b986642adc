"""What HTTP/1.1 allows a server to do, and what some do although it does not."""

import asyncio
import ssl
import threading
from contextlib import suppress

import httpx
import pytest

from arena.domain.failure import FailureKind
from harness.clock import SystemClock
from harness.net.dial import Dialer
from harness.net.slot import SlotTransport, head_bytes
from harness.providers.base import JsonBody
from harness.transport import Answered, Broken, Transport
from tests.harness.test_transport import call
from tests.servers import answering, response, scripted

LARGE = bytes(range(256)) * 2000


async def send_in_turn(server, *calls):
    shared = Transport(SystemClock())
    connection = shared.connection()
    try:
        return [
            await connection.send(connection.prepare(c, with_auth=False), origin_ns=shared.clock.now_ns())
            for c in calls or (call(server.url),)
        ]
    finally:
        await connection.close()


def chunked(body, size):
    pieces = [body[i : i + size] for i in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in pieces) + b"0\r\nTrailer: x\r\n\r\n"


BODIES = {
    "with a length": response(LARGE),
    "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(LARGE, 7001),
    "after 100 and 103": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + response(LARGE),
}


@pytest.mark.parametrize("name", BODIES)
async def test_a_body_comes_whole_however_it_is_framed_and_the_connection_is_used_again(name):
    with scripted(answering(BODIES[name])) as server:
        first, second = await send_in_turn(server, call(server.url), call(server.url))
    assert isinstance(first, Answered)
    assert first.exchange.body == second.exchange.body == LARGE
    assert first.exchange.status == 200
    assert first.record.http_version == "HTTP/1.1"
    assert first.record.body_bytes == len(LARGE)
    assert server.connections == 1


async def test_a_body_without_a_length_ends_with_its_connection():
    async def until_closed(_request, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n" + LARGE)
        writer.close()

    with scripted(until_closed) as server:
        first, second = await send_in_turn(server, call(server.url), call(server.url))
    assert first.exchange.body == second.exchange.body == LARGE
    assert server.connections == 2


@pytest.mark.parametrize(
    "answer",
    [
        response(LARGE, headers=[("Connection", "close")]),
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        response(b"{}") + response(b"nobody asked for this"),
        response(b"{}") + b"\r\nor for this\r\n\r\n",
    ],
    ids=["told to close", "HTTP/1.0", "a second answer", "garbage behind the answer"],
)
async def test_a_connection_that_may_not_be_used_again_is_not(answer):
    with scripted(answering(answer)) as server:
        first, second = await send_in_turn(server, call(server.url), call(server.url))
    assert isinstance(first, Answered)
    assert isinstance(second, Answered)
    assert first.exchange.body == second.exchange.body
    assert server.connections == 2


async def test_what_a_server_says_unasked_is_not_the_answer_to_the_next_request():
    async def says_more_later(_request, writer):
        if len(server.requests) > 1:
            writer.write(response(b"second"))
            return
        writer.write(response(b"first"))
        await writer.drain()
        await asyncio.sleep(0.05)  # so that it does not come with the answer itself
        writer.write(response(b"smuggled"))
        await writer.drain()
        said.set()

    said = threading.Event()
    shared = Transport(SystemClock())
    connection = shared.connection()
    with scripted(says_more_later) as server:
        await connection.send(connection.prepare(call(server.url), with_auth=False), origin_ns=0)
        assert said.wait(10)  # the event loop stands still meanwhile: it is in the socket, and nobody has read it
        second = await connection.send(connection.prepare(call(server.url), with_auth=False), origin_ns=0)
        await connection.close()
    assert second.exchange.body == b"second"
    assert server.connections == 2


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nBad header\r\n\r\n",
        b"HTTP/1.1 2OO OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        b"220 mail.example ESMTP\r\n\r\n",
    ],
    ids=[
        "two lengths", "length and chunks", "negative length", "no chunk", "no header", "no status", "upgrade", "mail",
    ],
)  # fmt: skip
async def test_what_is_no_answer_is_a_protocol_failure(answer):
    async def then_close(_request, writer):
        writer.write(answer)
        await writer.drain()
        writer.close()

    with scripted(then_close) as server:
        (broken,) = await send_in_turn(server)
    assert isinstance(broken, Broken)
    assert broken.failure.kind is FailureKind.PROTOCOL, broken.failure


async def test_a_head_that_does_not_end_is_cut_off():
    async def endless(_request, writer):
        writer.write(b"HTTP/1.1 200 OK\r\n")
        for number in range(20_000):
            writer.write(b"X-%d: %s\r\n" % (number, b"x" * 100))
            await writer.drain()

    with scripted(endless) as server:
        (broken,) = await send_in_turn(server)
    assert isinstance(broken, Broken)
    assert broken.failure.kind in {FailureKind.BAD_RESPONSE, FailureKind.PROTOCOL}


async def test_an_answer_that_comes_before_the_request_has_left_is_heard():
    async def refuses_early(reader, writer):
        await reader.read(1000)
        writer.write(response(b'{"error": "too large"}', status="413 Too Large"))
        with suppress(ConnectionError):
            await writer.drain()
            while await reader.read(100_000):
                pass
            writer.close()
            await writer.wait_closed()
        gone.set()

    gone = asyncio.Event()
    async with await asyncio.start_server(refuses_early, "127.0.0.1", 0) as listening:
        shared = Transport(SystemClock())
        connection = shared.connection()
        url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        large = call(url, body=JsonBody({"image": "x" * 20_000_000}))
        answered = await connection.send(connection.prepare(large, with_auth=False), origin_ns=0)
        await connection.close()
        await asyncio.wait_for(gone.wait(), 20)
    assert isinstance(answered, Answered)
    assert answered.exchange.status == 413


@pytest.mark.parametrize(
    "header", [("X-A", "b\r\nX-Injected: yes"), ("X-A", "b\nc"), ("X A", "b"), ("X:A", "b"), ("X-A", "b\0")]
)
def test_a_header_that_would_end_its_line_early_is_not_sent(header):
    with pytest.raises((httpx.LocalProtocolError, ValueError)):
        head_bytes(httpx.Request("GET", "http://127.0.0.1/", headers=[header]))


async def test_it_is_a_transport_for_any_httpx_client():
    clock = SystemClock()
    slot = SlotTransport(Dialer(clock.now_ns, ssl.create_default_context()), clock.now_ns)
    with scripted(answering(response(LARGE))) as server:
        async with httpx.AsyncClient(transport=slot) as client:
            reply = await client.post(server.url, json={"a": 1})
            assert (await client.get(server.url)).content == LARGE
    assert (reply.status_code, reply.content) == (200, LARGE)
    assert server.connections == 1
