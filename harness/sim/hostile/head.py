"""Status lines and headers that are none, never end, or contradict each other."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import anyio

from arena.domain.failure import FailureKind as F
from harness.sim.hostile.case import SHORT_S, Case, answer, by_path, replying, said
from harness.sim.hostile.pictures import inline, picture

if TYPE_CHECKING:
    from harness.sim.hostile.case import Visit

BODY = json.dumps(inline(picture())).encode()
GOOD = answer(BODY)


def _head(*lines: str) -> bytes:
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"


def _lengths(*lines: str) -> bytes:
    return _head("HTTP/1.1 200 OK", "Content-Type: application/json", *lines) + BODY


async def _endless_headers(visit: Visit) -> None:
    await visit.send(b"HTTP/1.1 200 OK\r\n")
    for number in range(1_000_000):
        await visit.send(b"X-Header-%d: %s\r\n" % (number, b"x" * 1000))


async def _endless_line(visit: Visit) -> None:
    await visit.send(b"HTTP/1.1 200 OK\r\nX-Long: ")
    for _ in range(100_000):
        await visit.send(b"x" * 10_000)


async def _endless_interim(visit: Visit) -> None:
    for _ in range(1_000_000):
        await visit.send(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)


async def _dripped(visit: Visit) -> None:
    for byte in GOOD:
        await visit.send(bytes([byte]))
        await anyio.sleep(0.1)


CASES = (
    Case("another-protocol", "answers as an SSH server does", (F.PROTOCOL,), replying(b"SSH-2.0-OpenSSH_9.9\r\n\r\n")),
    Case(
        "http2",
        "answers in HTTP/2 although nobody asked for it",
        (F.PROTOCOL,),
        replying(b"\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x80\x00\x04\x00\x01\x00\x00"),
    ),
    Case("http-0.9", "sends a body and no head", (F.PROTOCOL,), replying(BODY)),
    Case(
        "version-of-tomorrow",
        "says that it speaks HTTP/9.9",
        (F.PROTOCOL,),
        replying(GOOD.replace(b"HTTP/1.1", b"HTTP/9.9", 1)),
    ),
    Case("endless-headers", "sends headers for ever", (F.BAD_RESPONSE,), _endless_headers, mentions="does not end"),
    Case("endless-header-line", "sends one header for ever", (F.BAD_RESPONSE,), _endless_line, mentions="not end"),
    Case(
        "endless-100-continue",
        "announces an answer for ever",
        (F.BAD_RESPONSE,),
        _endless_interim,
        mentions="does not end",
    ),
    Case("dripped-head", "sends a byte of its head every 100 ms", (F.TIMEOUT,), _dripped, deadline_s=SHORT_S),
    Case(
        "status-999", "answers with a status that there is not", (F.PROVIDER_ERROR,), replying(answer(b"", "999 Odd"))
    ),
    Case("status-001", "answers with a status below 100", (F.PROTOCOL,), replying(answer(b"", "001 Odd"))),
    Case(
        "status-of-five-digits",
        "answers with a status of five digits",
        (F.PROTOCOL,),
        replying(answer(b"", "20000 OK")),
    ),
    Case(
        "status-101",
        "switches to another protocol",
        (F.PROTOCOL,),
        replying(_head("HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade")),
    ),
    Case("status-204", "says that there is no content", (F.BAD_RESPONSE,), replying(_head("HTTP/1.1 204 No Content"))),
    Case(
        "status-304", "says that nothing has changed", (F.BAD_RESPONSE,), replying(_head("HTTP/1.1 304 Not Modified"))
    ),
    Case(
        "early-hints",
        "hints at what is to come, then answers",
        ("ok",),
        replying(_head("HTTP/1.1 103 Early Hints", "Link: </x>; rel=preload") + GOOD),
    ),
    Case(
        "two-lengths",
        "announces two different lengths",
        (F.PROTOCOL,),
        replying(_lengths(f"Content-Length: {len(BODY)}", "Content-Length: 5")),
    ),
    Case(
        "length-and-chunks",
        "announces a length and chunks, as smugglers do",
        (F.PROTOCOL,),
        replying(_lengths(f"Content-Length: {len(BODY)}", "Transfer-Encoding: chunked")),
    ),
    Case("negative-length", "announces a length below zero", (F.PROTOCOL,), replying(_lengths("Content-Length: -1"))),
    Case(
        "length-overflow",
        "announces a length of thirty digits",
        (F.PROTOCOL,),
        replying(_lengths(f"Content-Length: {'9' * 30}")),
    ),
    Case(
        "length-of-a-terabyte",
        "announces a terabyte",
        (F.BAD_RESPONSE,),
        replying(_lengths("Content-Length: 1099511627776")),
        mentions="larger than",
    ),
    Case("nul-in-header", "has a zero byte in a header", (F.PROTOCOL,), replying(_lengths("X-Nul: a\0b"))),
    Case(
        "header-without-name",
        "has a header that is only a colon and a value",
        (F.PROTOCOL,),
        replying(_lengths(": nothing")),
    ),
    Case(
        "injected-header",
        "smuggles a second answer through a header",
        (F.PROTOCOL, "ok"),
        replying(answer(BODY, headers=[("X-Request-Id", "a\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK")])),
    ),
    Case(
        "redirected-api",
        "redirects the paid request to another host",
        (F.BAD_RESPONSE,),
        by_path({"/": answer(b"", "307 Temporary Redirect", headers=[("Location", "{trap}/v1/images/generations")])}),
    ),
    Case(
        "html",
        "answers with a web page",
        (F.BAD_RESPONSE,),
        replying(answer(b"<!doctype html><title>Welcome</title>", content_type="text/html")),
    ),
    Case(
        "retry-after-a-year",
        "is too busy for a year",
        (F.RATE_LIMITED,),
        replying(said({"error": {"message": "later"}}, "429 No", [("Retry-After", "31536000")])),
    ),
    Case(
        "retry-after-nonsense",
        "is too busy until a date that there is not",
        (F.CAPACITY,),
        replying(
            said(
                {"error": {"message": "later"}},
                "503 No",
                [("Retry-After", "Thu, 99 Foo 99999 99:99:99 GMT"), ("Date", "\xff")],
            )
        ),
    ),
)
