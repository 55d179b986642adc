"""A scripted server on a raw socket: a test says, byte by byte and second by second, what comes back."""

import asyncio
import base64
import io
import json
from contextlib import contextmanager

from PIL import Image

from tests.listening import listening


def png(width_px=64, height_px=64, colour=(200, 30, 30), image_format="PNG"):
    """Image bytes that decode."""
    buffer = io.BytesIO()
    Image.new("RGB", (width_px, height_px), colour).save(buffer, image_format)
    return buffer.getvalue()


def openai_reply(*images, **extra):
    """The JSON body of a successful OpenAI-compatible reply."""
    data = [{"b64_json": base64.b64encode(image).decode()} for image in images]
    return json.dumps({"created": 1, "data": data, **extra}).encode()


def response(body=b"", status="200 OK", content_type="application/json", headers=(), length=None):
    """A whole HTTP/1.1 response."""
    lines = [
        f"HTTP/1.1 {status}",
        f"Content-Type: {content_type}",
        f"Content-Length: {len(body) if length is None else length}",
        *(f"{name}: {value}" for name, value in headers),
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Request:
    """What a client sent."""

    def __init__(self, head, body):
        first, *rest = head.decode("latin-1").split("\r\n")
        self.method, self.path, _ = first.split(" ", 2)
        self.headers = dict(line.lower().split(": ", 1) for line in rest if ": " in line)
        self.body = body

    @property
    def json(self):
        return json.loads(self.body)


class Scripted:
    """Counts connections and requests; `handle(request, writer)` answers each."""

    def __init__(self, handle, greeting=b""):
        self.handle, self.greeting = handle, greeting
        self.requests = []
        self.connections = 0
        self.url = ""

    async def connected(self, reader, writer):
        self.connections += 1
        writer.write(self.greeting)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(
                    (int(h.split(b":")[1]) for h in head.lower().split(b"\r\n") if h.startswith(b"content-length:")), 0
                )
                request = Request(head[:-4], await reader.readexactly(length))
                self.requests.append(request)
                await self.handle(request, writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@contextmanager
def scripted(handle, tls=None, greeting=b""):
    """Run a `Scripted` server in a thread of its own for the length of the block."""
    server = Scripted(handle, greeting)
    with listening(server.connected, tls) as port:
        server.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
        yield server


def answering(*replies):
    """A handler that gives these replies in turn, and the last one ever after."""
    queue = list(replies)

    async def handle(_request, writer):
        writer.write(queue.pop(0) if len(queue) > 1 else queue[0])

    return handle
