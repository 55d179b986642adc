"""Simulated providers that remember every request to the byte."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send


@dataclass
class Request:
    """What was sent: the request line, headers with their names in lower case, and the body."""

    path: str
    line: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes = b""


class Recorded:
    """An ASGI app around another."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.requests: list[Request] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        line = b"%s %s?%s" % (scope["method"].encode(), scope["raw_path"], scope["query_string"])
        request = Request(scope["path"], line, list(scope["headers"]))
        self.requests.append(request)

        async def reading() -> Message:
            message = await receive()
            if message["type"] == "http.request":
                request.body += message.get("body", b"")
            return message

        await self._app(scope, reading, send)
