"""One misbehaviour as data, and what its handlers are given."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from arena.domain.failure import FailureKind

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterable
    from socket import socket

KEY = "canary-key-4711-not-to-be-kept"
"""The key of every endpoint of the catalogue; it must be stored nowhere and sent to no other host."""
IMAGE_PATH = "/image"
"""Where the downloads of the catalogue begin: no key goes there."""
SHORT_S = 1.5
"""The deadline of what is expected to run into it."""
LONG_S = 30.0
"""The deadline of everything else: far away, so that a busy machine makes no timeout of another failure."""

Certificate = Literal["good", "expired", "not yet", "self-signed", "another name", "unknown issuer"]
Phase = Literal["connection", "tls", "head", "body", "images", "json", "addresses", "polling", "text"]


@dataclass(frozen=True, slots=True)
class Places:
    """Where a case's servers listen: its own, and a trap that nobody has a reason to visit, plain and over TLS."""

    own: str
    trap: str
    trap_tls: str

    def filled(self, text: str) -> str:
        """A text with `{own}`, `{trap}` and `{traps}` (over TLS), and their ports such as `{own_port}`, filled in."""
        for name, url in (("own", self.own), ("trap", self.trap), ("traps", self.trap_tls)):
            text = text.replace(f"{{{name}_port}}", url.rpartition(":")[2]).replace(f"{{{name}}}", url)
        return text


@dataclass(slots=True)
class Visit:
    """One request, or a connection on which none has been read yet: `path` is "" then."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    places: Places
    method: str = ""
    path: str = ""
    head: str = ""
    body: bytes = b""
    number: int = 0
    """How many requests its case has had, this one included."""

    async def send(self, data: bytes) -> None:
        """Send, and wait until it has gone out."""
        self.writer.write(data)
        await self.writer.drain()

    def reset(self) -> None:
        """Close with a reset."""
        import socket as sockets
        import struct

        held = self.writer.get_extra_info("socket")
        held.setsockopt(sockets.SOL_SOCKET, sockets.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Handler: TypeAlias = Callable[[Visit], Awaitable[None]]
Becomes: TypeAlias = FailureKind | Literal["ok"]


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """What a server does (`handle` answers a request, `greet` acts before there is one), and what is to come of it.

    `becomes` is what a trial may become, `mentions` what its message must hold. `key_hosts` and `result_hosts` are the
    endpoint's data, `names` what its resolver says of names: the answers in turn, None for never. `listen` makes a
    listening socket of another kind. `most_requests` is how many the server may get to see. `heavy` marks bombs.
    """

    name: str
    says: str
    becomes: tuple[Becomes, ...]
    handle: Handler
    greet: Handler | None = None
    protocol: str = "openai"
    scheme: Literal["http", "https"] = "http"
    certificate: Certificate | None = None
    deadline_s: float = LONG_S
    mentions: str = ""
    key_hosts: tuple[str, ...] = ()
    result_hosts: tuple[str, ...] = ()
    host: str = "127.0.0.1"
    names: Mapping[str, tuple[tuple[str, ...] | None, ...]] = field(default_factory=dict)
    listen: Callable[[], socket] | None = None
    most_requests: int | None = None
    heavy: bool = False
    prompt: str = "a cat"


# -- making answers ----------------------------------------------------------------------------------------------------


def answer(
    body: bytes = b"",
    status: str = "200 OK",
    content_type: str = "application/json",
    headers: Iterable[tuple[str, str]] = (),
    length: int | None = None,
) -> bytes:
    """A whole HTTP/1.1 answer."""
    lines = [
        f"HTTP/1.1 {status}",
        f"Content-Type: {content_type}",
        f"Content-Length: {len(body) if length is None else length}",
        *(f"{name}: {value}" for name, value in headers),
    ]
    return "\r\n".join(lines).encode("utf-8", "surrogateescape") + b"\r\n\r\n" + body


def said(value: Any, status: str = "200 OK", headers: Iterable[tuple[str, str]] = ()) -> bytes:
    """An answer in JSON."""
    return answer(json.dumps(value).encode(), status, headers=headers)


def chunk(data: bytes) -> bytes:
    """A piece of a chunked body."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def replying(*replies: bytes) -> Handler:
    """These answers in turn, the last one ever after; addresses in them are filled in."""

    async def handle(visit: Visit) -> None:
        await visit.send(_filled(replies[min(visit.number, len(replies)) - 1], visit.places))

    return handle


def by_path(routes: Mapping[str, bytes | Handler]) -> Handler:
    """What the longest fitting beginning of the path says."""

    async def handle(visit: Visit) -> None:
        fitting = [path for path in routes if visit.path.startswith(path)]
        found = routes[max(fitting, key=len)] if fitting else answer(b"", "404 Not Found")
        if isinstance(found, bytes):
            await visit.send(_filled(found, visit.places))
        else:
            await found(visit)

    return handle


def image_at(url: str, images: bytes | Handler = b"", **extra: Any) -> Handler:
    """The result is at this address; `images` is what the case's own server says to downloads."""
    return by_path({"/": said({"data": [{"url": url}], **extra}), IMAGE_PATH: images or answer(b"", "404 Not Found")})


async def silence(visit: Visit) -> None:
    """Read whatever comes and never answer."""
    while await visit.reader.read(65536):
        pass


def _filled(reply: bytes, places: Places) -> bytes:
    head, gap, body = reply.partition(b"\r\n\r\n")
    if b"{own" not in reply and b"{trap" not in reply:
        return reply
    body = places.filled(body.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
    lines = places.filled(head.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape").split(b"\r\n")
    lines = [b"Content-Length: %d" % len(body) if line.startswith(b"Content-Length:") else line for line in lines]
    return b"\r\n".join(lines) + gap + body
