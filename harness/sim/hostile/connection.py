"""Before and between requests: connections that do not come about, or do not last."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import anyio

from arena.domain.failure import FailureKind as F
from harness.sim.hostile.case import SHORT_S, Case, answer, replying, said, silence
from harness.sim.hostile.pictures import inline, picture

if TYPE_CHECKING:
    from harness.sim.hostile.case import Visit

GOOD = said(inline(picture()))


def _not_listening() -> socket.socket:
    held = socket.socket()
    held.bind(("127.0.0.1", 0))
    return held


def _full() -> socket.socket:
    """A queue of connections that is full: the kernel leaves further ones without an answer."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=0)
    for _ in range(4):
        waiting = socket.socket()
        waiting.setblocking(False)
        waiting.connect_ex(listener.getsockname())
        _WAITING.append(waiting)
    return listener


_WAITING: list[socket.socket] = []


async def _reset(visit: Visit) -> None:
    visit.reset()


async def _close(visit: Visit) -> None:
    visit.writer.close()


async def _half_close(visit: Visit) -> None:
    visit.writer.write_eof()
    await silence(visit)


async def _speak_first(visit: Visit) -> None:
    await visit.send(b"220 mail.example ESMTP ready\r\n")


async def _read_nothing(visit: Visit) -> None:
    visit.writer.transport.pause_reading()  # type: ignore[attr-defined]
    await anyio.sleep(60)


async def _reset_while_reading(visit: Visit) -> None:
    await visit.reader.read(1000)
    visit.reset()


async def _drop_idle(visit: Visit) -> None:
    await visit.send(GOOD)
    visit.reset()


async def _answer_twice(visit: Visit) -> None:
    await visit.send(GOOD + answer(b'{"data": []}'))


LONG_PROMPT = "a cat " * 2_000_000
GOOD_AGAIN = replying(GOOD)

CASES = (
    Case("refused", "nobody listens on the port", (F.CONNECT,), silence, listen=_not_listening),
    Case(
        "black-hole",
        "connections are neither taken nor refused",
        (F.TIMEOUT, F.CONNECT_TIMEOUT),
        silence,
        listen=_full,
        deadline_s=SHORT_S,
    ),
    Case("reset-on-accept", "resets every connection at once", (F.NETWORK, F.CONNECT), silence, greet=_reset),
    Case("close-on-accept", "closes every connection at once", (F.PROTOCOL, F.NETWORK), silence, greet=_close),
    Case("reset-after-request", "resets once the request is there", (F.NETWORK,), _reset),
    Case("close-after-request", "closes once the request is there", (F.PROTOCOL,), _close),
    Case("half-close", "closes its own direction and reads on", (F.PROTOCOL,), _half_close),
    Case("silent", "reads the request and never answers", (F.TIMEOUT,), silence, deadline_s=SHORT_S),
    Case(
        "reads-nothing",
        "leaves a large request in the network's buffers",
        (F.TIMEOUT,),
        silence,
        greet=_read_nothing,
        deadline_s=SHORT_S,
        prompt=LONG_PROMPT,
    ),
    Case(
        "reset-while-reading",
        "resets in the middle of a large request",
        (F.NETWORK,),
        silence,
        greet=_reset_while_reading,
        prompt=LONG_PROMPT,
    ),
    Case(
        "speaks-first",
        "greets as a mail server does",
        (F.PROTOCOL, F.NETWORK),
        silence,
        greet=_speak_first,
    ),
    Case("reset-after-answer", "resets once a whole answer is out", ("ok", F.NETWORK), _drop_idle),
    Case("second-answer", "adds an answer that nobody asked for", ("ok",), _answer_twice),
    Case(
        "no-such-name",
        "its name does not resolve",
        (F.DNS,),
        silence,
        host="api.hostile.example",
        names={"api.hostile.example": ((),)},
    ),
    Case(
        "name-never-answered",
        "its name server never answers",
        (F.TIMEOUT,),
        silence,
        host="api.hostile.example",
        names={"api.hostile.example": (None,)},
        deadline_s=SHORT_S,
    ),
)
