"""A server that answers after a known delay with a known body, and keeps its own truth for every request.

`python truth_server.py` with JSON on standard input: {"law": …, "body": "inline" | "url" | "tiny", "seed": 1}; prints
its port. Laws: `fixed:50`, `lognormal:900:0.35`, `freeze:50:2:10` (50 ms, but nothing leaves in the first 2 s of every
10), `drip:301:702` (first byte of the body, last one), `early:301` (the head at once), `faults` (three in ten answers a
503 at once, two garbage, two cut off, one none at all).

`GET /truth` answers with what it measured, in nanoseconds from the last byte of the request read to the first byte of
the body handed to the kernel. Images are 1024 x 1024 (2.2 MB of base64), tiny ones 64 x 64; every image is another
file: a counter sits in a text chunk. With `certificate`, a file, it speaks TLS.
"""

from __future__ import annotations

import asyncio
import base64
import io
import json
import os
import random
import socket
import ssl
import struct
import sys
import time
import zlib
from collections import Counter

import numpy as np
from PIL import Image

HEAD_BYTES = 33  # PNG signature and IHDR: a multiple of three, so that base64 may be cut there
COUNTER_DIGITS = 16
SEND_BUFFER_BYTES = 4 * 1024 * 1024


def noisy_png(side_px: int = 1024, seed: int = 1) -> bytes:
    """A picture whose file is about as large as a photograph's: 1.65 MB at 1024 x 1024."""
    rng = np.random.default_rng(seed)
    slopes = np.linspace(0, 200, side_px)
    picture = slopes[:, None, None] * 0.6 + slopes[None, :, None] * 0.4 + np.array([0, 20, 40])
    noisy = (picture + rng.normal(0, 3, (side_px, side_px, 3))).clip(0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noisy).save(buffer, "PNG", compress_level=6)
    return buffer.getvalue()


def plain_png(side_px: int = 64) -> bytes:
    """A picture of a few hundred bytes."""
    buffer = io.BytesIO()
    Image.new("RGB", (side_px, side_px), (200, 30, 30)).save(buffer, "PNG")
    return buffer.getvalue()


def counter_chunk(number: int) -> bytes:
    """A PNG text chunk with a number in it; 36 bytes, a multiple of three."""
    data = b"count\0" + b"%0*d" % (COUNTER_DIGITS, number) + b"  "
    return struct.pack(">I", len(data)) + b"tEXt" + data + struct.pack(">I", zlib.crc32(b"tEXt" + data))


class Images:
    """Bodies of replies, each with an image that no other has."""

    def __init__(self, kind: str) -> None:
        png = plain_png() if kind == "tiny" else noisy_png()
        self.kind, self.head, self.rest = kind, png[:HEAD_BYTES], png[HEAD_BYTES:]
        self.head64, self.rest64 = base64.b64encode(self.head), base64.b64encode(self.rest)

    def reply(self, number: int, host: str) -> list[bytes]:
        """The pieces of the body of a submitting call."""
        if self.kind != "url":
            chunk = base64.b64encode(counter_chunk(number))
            return [b'{"created":1,"data":[{"b64_json":"', self.head64, chunk, self.rest64, b'"}]}']
        return [b'{"created":1,"data":[{"url":"http://%s/i/%d.png"}]}' % (host.encode(), number)]

    def file(self, number: int) -> list[bytes]:
        """The pieces of an image file."""
        return [self.head, counter_chunk(number), self.rest]


class Truth:
    """The law, the bodies, and what happened."""

    def __init__(self, law: str, body: str, seed: int) -> None:
        kind, *numbers = law.split(":")
        self.kind, self.numbers = kind, [float(n) for n in numbers]
        self.rng, self.images = random.Random(seed), Images(body)
        self.delays_ns: list[int] = []
        self.count = self.connections = 0
        self.begun_s = time.perf_counter()
        self.said: Counter[str] = Counter()

    def delay_s(self) -> float:
        """The next delay."""
        if self.kind in {"fixed", "drip", "early"}:
            return self.numbers[0] / 1000
        if self.kind == "freeze":
            due_s = time.perf_counter() - self.begun_s + self.numbers[0] / 1000
            into_s, (_, frozen_s, every_s) = due_s % self.numbers[2], self.numbers
            return self.numbers[0] / 1000 + max(0.0, frozen_s - into_s if into_s < frozen_s < every_s else 0.0)
        if self.kind == "faults":
            return 0.02
        median_ms, sigma = self.numbers
        return median_ms / 1000 * self.rng.lognormvariate(0, sigma)


class Connection(asyncio.Protocol):
    """HTTP/1.1 as far as a load generator speaks it."""

    def __init__(self, truth: Truth) -> None:
        self.truth, self.buffer = truth, bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client is here."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.truth.connections += 1
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)

    def data_received(self, data: bytes) -> None:
        """Answer every complete request."""
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = bytes(self.buffer[:end]).decode("latin-1")
            headers = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:])
            whole = end + 4 + int(headers.get("content-length", "0"))
            if len(self.buffer) < whole:
                return
            del self.buffer[:whole]
            self.answer(head.split(" ", 2)[1], headers.get("host", ""))

    def answer(self, path: str, host: str) -> None:
        """Images at once, everything else after its delay."""
        read_ns = time.perf_counter_ns()
        if path == "/truth":
            told = {
                "delays_ns": self.truth.delays_ns,
                "connections": self.truth.connections,
                "said": self.truth.said,
            }
            self.send([json.dumps(told).encode()])
        elif path.startswith("/i/"):
            self.send(self.truth.images.file(int(path[3:-4])), b"image/png")
        else:
            self.truth.count += 1
            if self.truth.kind == "early":
                self.transport.write(self.head(b"application/json", self.truth.images.reply(0, host)))
            asyncio.get_running_loop().call_later(self.truth.delay_s(), self.late, read_ns, self.truth.count, host)

    def late(self, read_ns: int, number: int, host: str) -> None:
        """The delayed answer."""
        body = self.truth.images.reply(number, host)
        self.truth.delays_ns.append(time.perf_counter_ns() - read_ns)
        if self.truth.kind == "faults":
            self.fault(body)
        elif self.truth.kind == "early":
            self.transport.writelines(body)
        elif self.truth.kind == "drip":
            whole = b"".join(body)
            self.transport.write(self.head(b"application/json", body) + whole[: len(whole) // 2])
            rest_s = (self.truth.numbers[1] - self.truth.numbers[0]) / 1000
            asyncio.get_running_loop().call_later(rest_s, self.transport.write, whole[len(whole) // 2 :])
        else:
            self.send(body)

    def fault(self, body: list[bytes]) -> None:
        """One of five ways to answer, counted."""
        kinds = ("unavailable", "garbage", "truncated", "none", "good")
        (kind,) = self.truth.rng.choices(kinds, (3, 2, 2, 1, 2))
        self.truth.said[kind] += 1
        if kind == "unavailable":
            self.transport.write(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\n\r\n{}")
        elif kind == "garbage":
            self.send([b'{"data":[{"b64_json":"', base64.b64encode(b"hello world"), b'"}]}'])
        elif kind == "truncated":
            whole = self.head(b"application/json", body) + b"".join(body)
            self.transport.write(whole[: len(whole) // 2])
            self.transport.close()
        elif kind == "good":
            self.send(body)

    @staticmethod
    def head(content_type: bytes, body: list[bytes]) -> bytes:
        """The head of an answer."""
        length = sum(map(len, body))
        return b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n" % (content_type, length)

    def send(self, body: list[bytes], content_type: bytes = b"application/json") -> None:
        """Head and body; what the kernel takes at once it is given without a copy of ours."""
        pieces = [self.head(content_type, body), *body]
        if self.transport.is_closing():
            return
        if self.transport.get_extra_info("ssl_object") or self.transport.get_write_buffer_size():
            self.transport.writelines(pieces)
            return
        try:
            sent = os.writev(self.transport.get_extra_info("socket").fileno(), pieces)
        except BlockingIOError:
            sent = 0
        for piece in pieces:
            if sent < len(piece):
                self.transport.write(memoryview(piece)[sent:])
            sent = max(0, sent - len(piece))


async def main() -> None:
    """Serve until standard input is closed."""
    wanted = json.loads(sys.stdin.readline())
    truth = Truth(wanted["law"], wanted["body"], wanted["seed"])
    loop = asyncio.get_running_loop()
    tls = None
    if wanted.get("certificate"):
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(wanted["certificate"])
    server = await loop.create_server(lambda: Connection(truth), "127.0.0.1", 0, backlog=1024, ssl=tls)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(main())
