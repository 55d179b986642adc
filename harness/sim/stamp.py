"""Headers put on every reply of an ASGI app, whoever in it answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

RawHeaders = list[tuple[bytes, bytes]]


class Stamped:
    """`app`, with the headers that `headers` gives for each reply."""

    def __init__(self, app: ASGIApp, headers: Callable[[], RawHeaders]) -> None:
        self._app, self._headers = app, headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, and add the headers where the reply starts."""

        async def stamping(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", []), *self._headers()]}
            await send(message)

        await self._app(scope, receive, stamping if scope["type"] == "http" else send)
