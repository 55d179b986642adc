"""The simulated providers as one HTTP server on loopback."""

from __future__ import annotations

import importlib
import os
import signal
import socket
import struct
import threading
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

import anyio.to_thread
import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route
from uvicorn.protocols.http.h11_impl import H11Protocol

from arena.errors import ConfigError
from harness.sim.faults import CONNECTION
from harness.sim.pictures import draw
from harness.sim.stamp import Stamped
from harness.sim.state import FileStore, Provider

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp, Receive, Scope, Send

    from harness.sim.contender import Protocol, SimContender

_DRAWING_THREADS = 2
_APPS: dict[Protocol, str] = {
    "openai": "harness.sim.openai_app:openai_app",
    "cog": "harness.sim.cog_app:cog_app",
    "fal": "harness.sim.fal_app:fal_app",
    "replicate": "harness.sim.replicate_app:replicate_app",
    "together": "harness.sim.together_app:together_app",
    "bfl": "harness.sim.bfl_app:bfl_app",
    "lumenfall": "harness.sim.lumenfall_app:lumenfall_app",
    "vllm-omni": "harness.sim.vllm_omni_app:vllm_omni_app",
    "sglang": "harness.sim.sglang_app:sglang_app",
    "localai": "harness.sim.localai_app:localai_app",
    "litellm": "harness.sim.litellm_app:litellm_app",
    "runflow": "harness.sim.runflow_app:runflow_app",
    "empiriolabs": "harness.sim.empiriolabs_app:empiriolabs_app",
    "cloudflare": "harness.sim.cloudflare_app:cloudflare_app",
}
"""The app of each protocol, imported when a contender speaks it."""


def app_of(provider: Provider) -> ASGIApp:
    """The app of one contender, to be mounted under its name."""
    module, _, name = _APPS[provider.contender.protocol].partition(":")
    app: ASGIApp = getattr(importlib.import_module(module), name)(provider)
    return app


class SimulatorApp(Starlette):
    """A Starlette app all of whose replies say that they are simulated."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, with the header."""
        marked = Stamped(super().__call__, lambda: [(b"x-arena-simulated", b"simulator")])
        await marked(scope, receive, send)


def build_app(contenders: Sequence[SimContender]) -> Starlette:
    """The app: each contender under its name, an index at `/` and the counts at `/truth`.

    Faults that end the connection work only behind the server that `uvicorn_config` describes.
    """
    files, drawing = FileStore(), anyio.CapacityLimiter(_DRAWING_THREADS)
    providers = [Provider(contender, files, drawing) for contender in contenders]

    async def index(_request: Request) -> Response:
        return JSONResponse([contender.model_dump(mode="json") for contender in contenders])

    async def truth(_request: Request) -> Response:
        return JSONResponse({provider.contender.name: _counts(provider) for provider in providers})

    return SimulatorApp(
        routes=[
            Route("/", index),
            Route("/truth", truth),
            *(Mount(f"/{p.contender.name}", app=app_of(p)) for p in providers),
        ],
        lifespan=_warmed_up,
    )


@asynccontextmanager
async def _warmed_up(_app: Starlette) -> AsyncIterator[None]:
    """Draw once before the first request, which would otherwise pay for imports and fonts."""
    await anyio.to_thread.run_sync(draw, 'a sign "ready" by a lake', 1, 128, 128, 0.5, "soft")
    yield


def _counts(provider: Provider) -> dict[str, object]:
    tally = provider.tally
    return {
        "requests": tally.requests,
        "successes": tally.successes,
        "images": tally.images,
        "faults": dict(tally.faults),
        "refusals": dict(tally.refusals),
        "abandoned": tally.abandoned,
        "in_flight": provider.in_flight,
        "billed_usd": format(tally.billed_usd, "f"),
        "latencies_ms": [round(value, 3) for value in tally.latencies_ms],
        "sampled_ms": [round(value, 3) for value in tally.sampled_ms],
    }


class _Connection:
    """A way for an answer to end its own connection."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport

    def close(self) -> None:
        """Close once what was written has gone out."""
        self._transport.close()

    def reset(self) -> None:
        """Close with a reset instead of an orderly end."""
        raw = self._transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()


class _Protocol(H11Protocol):
    """HTTP/1.1 whose requests carry their connection as an extension."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Remember the connection; small replies are not held back for the client's acknowledgement."""
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().connection_made(transport)
        self.app = _with_connection(self.app, _Connection(transport))


def _with_connection(app: ASGIApp, connection: _Connection) -> ASGIApp:
    async def connected(scope: Scope, receive: Receive, send: Send) -> None:
        extensions = {**scope.get("extensions", {}), CONNECTION: connection}
        await app({**scope, "extensions": extensions}, receive, send)

    return connected


def uvicorn_config(app: ASGIApp) -> uvicorn.Config:
    """How uvicorn serves the app; a client that is still waiting at the end gets one second."""
    return uvicorn.Config(
        app,
        http=_Protocol,
        loop="asyncio",
        ws="none",
        lifespan="on",
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=1,
    )


class _Server(uvicorn.Server):
    """A server that says when it is ready and treats a signal as an ordinary end."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then tell."""
        await super().startup(sockets)
        if self.started:
            self._ready()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop at SIGINT and SIGTERM without raising them again afterwards."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def serve(host: str, port: int, contenders: Sequence[SimContender], *, on_ready: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM; `on_ready` gets the base URL, with the real port where `port` is 0.

    Raises ConfigError if the address cannot be listened on.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=1024)
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else str(error)  # asyncio's own words repeat the address
        raise ConfigError(
            f"{host}:{port}: cannot be listened on ({why}); end what listens there, or choose another --host or --port"
        ) from error
    shown = f"[{host}]" if family == socket.AF_INET6 else host
    url = f"http://{shown}:{listener.getsockname()[1]}"
    with listener:
        _Server(uvicorn_config(build_app(contenders)), lambda: on_ready(url)).run(sockets=[listener])
