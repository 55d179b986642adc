"""The simulated providers with a ledger: which paid call came, for which trial, and when its answer was complete."""

from __future__ import annotations

import json
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import uvicorn

from harness.sim.server import build_app, uvicorn_config

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from harness.sim.contender import SimContender

Marker = tuple[str, str, int]
"""Contender, prompt and seed: those of one trial and of no other."""


@dataclass
class Paid:
    """One call that a provider would charge for; instants on `time.monotonic`."""

    marker: Marker
    came_s: float
    answered_s: float | None = None


class Ledger:
    """An ASGI app around the simulator's."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.calls: list[Paid] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        pieces: list[bytes] = []
        paid: list[Paid] = []

        async def reading() -> Message:
            message = await receive()
            if message["type"] == "http.request":
                pieces.append(message.get("body", b""))
                if not message.get("more_body") and not paid:
                    paid.append(Paid(_marker(scope["path"], b"".join(pieces)), time.monotonic()))
                    self.calls.append(paid[0])
            return message

        async def sending(message: Message) -> None:
            await send(message)
            if message["type"] == "http.response.body" and not message.get("more_body") and paid:
                paid[0].answered_s = time.monotonic()

        await self._app(scope, reading, sending)


def _marker(path: str, body: bytes) -> Marker:
    fields = json.loads(body)
    fields = fields.get("input", fields)
    return path.split("/")[1], fields["prompt"], fields["seed"]


@contextmanager
def simulated(contenders: Sequence[SimContender]) -> Iterator[tuple[str, Ledger]]:
    """Serve them from a thread of this process; the base URL, and the ledger."""
    ledger = Ledger(build_app(contenders))
    with served(ledger) as url:
        yield url, ledger


@contextmanager
def served(app: ASGIApp) -> Iterator[str]:
    """Serve an app on a free port of 127.0.0.1; its base URL."""
    config = uvicorn_config(app)
    config.host, config.port = "127.0.0.1", 0
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until_s = time.monotonic() + 60
    while not server.started and time.monotonic() < until_s:
        time.sleep(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(20)
