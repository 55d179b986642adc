"""Bodies that do not end, end too early, come too slowly or unfold into something else."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING

import anyio

from arena.domain.failure import FailureKind as F
from harness.sim.hostile.case import SHORT_S, Case, answer, chunk, replying, silence
from harness.sim.hostile.pictures import inline, picture, zeros

if TYPE_CHECKING:
    from harness.sim.hostile.case import Handler, Visit

BODY = json.dumps(inline(picture())).encode()
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
UNTIL_CLOSED = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
BLOCK = b"x" * 65_536


def _endless(head: bytes, block: bytes) -> Handler:
    async def handle(visit: Visit) -> None:
        await visit.send(head)
        for _ in range(1_000_000):
            await visit.send(block)

    return handle


def _closing(data: bytes) -> Handler:
    async def handle(visit: Visit) -> None:
        await visit.send(data)
        visit.writer.close()

    return handle


def _dripping(pause_s: float, pieces: int) -> Handler:
    async def handle(visit: Visit) -> None:
        whole = answer(BODY)
        size = -(-len(whole) // pieces)
        for start in range(0, len(whole), size):
            await visit.send(whole[start : start + size])
            await anyio.sleep(pause_s)

    return handle


async def _reset_midway(visit: Visit) -> None:
    await visit.send(answer(BODY)[:-100])
    visit.reset()


async def _stalled(visit: Visit) -> None:
    await visit.send(answer(BODY)[:-100])
    await silence(visit)


def _packed(body: bytes, encoding: str = "gzip") -> Handler:
    return replying(answer(body, headers=[("Content-Encoding", encoding)]))


CASES = (
    Case(
        "endless-chunks",
        "sends chunks for ever",
        (F.BAD_RESPONSE,),
        _endless(CHUNKED, chunk(BLOCK)),
        mentions="larger than",
        heavy=True,
    ),
    Case(
        "endless-body",
        "sends a body without a length for ever",
        (F.BAD_RESPONSE,),
        _endless(UNTIL_CLOSED, BLOCK),
        mentions="larger than",
        heavy=True,
    ),
    Case(
        "endless-chunk-extension",
        "sends a chunk's extension for ever",
        (F.BAD_RESPONSE,),
        _endless(CHUNKED + b"5;", BLOCK),
        mentions="framing",
    ),
    Case(
        "endless-trailers",
        "sends trailers for ever",
        (F.BAD_RESPONSE,),
        _endless(CHUNKED + chunk(BODY) + b"0\r\n", b"X-Trailer: " + b"x" * 8000 + b"\r\n"),
        mentions="framing",
    ),
    Case(
        "endless-trailer-line",
        "sends one trailer for ever",
        (F.BAD_RESPONSE,),
        _endless(CHUNKED + chunk(BODY) + b"0\r\nX-Trailer: ", BLOCK),
        mentions="framing",
    ),
    Case(
        "flood-of-chunks",
        "sends every byte as a chunk of its own, for ever",
        (F.BAD_RESPONSE,),
        _endless(CHUNKED, chunk(b"x") * 10_000),
        mentions="pieces",
    ),
    Case(
        "shorter-than-announced",
        "closes before the announced length",
        (F.PROTOCOL,),
        _closing(answer(BODY, length=len(BODY) + 500)),
        mentions="were announced",
    ),
    Case(
        "longer-than-announced",
        "sends more than the announced length",
        ("ok",),
        _closing(answer(BODY + b"x" * 5000, length=len(BODY))),
    ),
    Case(
        "almost-the-limit",
        "announces almost all that is taken and sends little",
        (F.PROTOCOL,),
        _closing(answer(b"{", length=100_000_000)),
        heavy=True,
    ),
    Case(
        "broken-chunk-size",
        "writes a chunk's size in letters",
        (F.PROTOCOL,),
        _closing(CHUNKED + b"nonsense\r\n" + BODY),
    ),
    Case(
        "chunk-size-overflow",
        "announces a chunk of 2^68 bytes",
        (F.PROTOCOL,),
        _closing(CHUNKED + b"1" + b"0" * 17 + b"\r\nx"),
    ),
    Case("negative-chunk", "announces a chunk below zero", (F.PROTOCOL,), _closing(CHUNKED + b"-5\r\nxxxxx\r\n")),
    Case("last-chunk-missing", "closes before the last chunk", (F.PROTOCOL,), _closing(CHUNKED + chunk(BODY))),
    Case("slow", "drips its answer, within the deadline", ("ok",), _dripping(0.05, 12)),
    Case("too-slow", "drips its answer, beyond the deadline", (F.TIMEOUT,), _dripping(1.0, 12), deadline_s=SHORT_S),
    Case("stalled", "stops in the middle of its answer", (F.TIMEOUT,), _stalled, deadline_s=SHORT_S),
    Case("reset-midway", "resets in the middle of its answer", (F.NETWORK,), _reset_midway),
    Case("empty", "says 200 and nothing else", (F.BAD_RESPONSE,), replying(answer(b""))),
    Case(
        "gzip-bomb",
        "packs four gigabytes into four megabytes",
        (F.BAD_RESPONSE,),
        _packed(zeros(4000), "deflate"),
        mentions="larger than",
        heavy=True,
    ),
    Case(
        "gzip-of-gzip",
        "packs its answer twice",
        (F.BAD_RESPONSE,),
        _packed(gzip.compress(gzip.compress(BODY)), "gzip, gzip"),
    ),
    Case(
        "gzip-cut-off",
        "packs its answer and sends half of it",
        (F.PROTOCOL,),
        _packed(gzip.compress(BODY, mtime=0)[: len(BODY) // 4]),
        mentions="breaks off",
    ),
    Case("gzip-good", "packs its answer although nobody asked", ("ok",), _packed(gzip.compress(BODY, mtime=0))),
    Case("no-gzip", "says gzip and sends none", (F.BAD_RESPONSE,), _packed(b"not gzip at all")),
    Case(
        "unknown-encoding",
        "packs its answer in a way that nobody knows",
        (F.BAD_RESPONSE,),
        _packed(b"\x8b\x02\x80" + b"x" * 50, "br"),
    ),
)
