"""An OpenAI-compatible image server around a local pipeline. Importing this module does not import torch."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import logging
import os
import signal
import socket
import sys
import threading
import time
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from arena.domain.request import Delivery, ImageFormat
from arena.errors import ArenaError, ConfigError
from arena.units import NS_PER_MS
from harness.local.encode import FileStore, encode
from harness.local.envelope import FILES_PATH, Gate, RefusalError, on_http_exception, on_refusal
from harness.local.faults import DeviceMemoryError, InterruptedJobError
from harness.local.pipeline import LocalJob, load
from harness.local.wire import decode_references, read_form, read_json
from harness.local.worker import Finished, QueueFullError, Worker

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from starlette.requests import Request

    from harness.local.pipeline import ImagePipeline
    from harness.local.settings import LocalSettings
    from harness.local.wire import ImageCall

KEY_VARIABLE = "ARENA_LOCAL_KEY"

logger = logging.getLogger(__name__)

_WARM_UP_SIDE_PX = 256
_GRACE_S = 5


def build_app(settings: LocalSettings, pipeline: ImagePipeline) -> Starlette:
    """The server as an ASGI application; its worker runs from lifespan startup to shutdown.

    If the environment variable ARENA_LOCAL_KEY is set, requests have to carry it as a bearer token.
    """
    routes = _Routes(settings, pipeline, Worker(pipeline, settings.max_queue))
    return Starlette(
        routes=[
            Route("/health", routes.health),
            Route("/v1/models", routes.models),
            Route("/v1/images/generations", routes.generations, methods=["POST"]),
            Route("/v1/images/edits", routes.edits, methods=["POST"]),
            Route(f"{FILES_PATH}{{name}}", routes.file, name="file"),
        ],
        middleware=[Middleware(Gate, simulated=pipeline.simulated, key=os.environ.get(KEY_VARIABLE))],
        exception_handlers={RefusalError: on_refusal, HTTPException: on_http_exception},
        lifespan=routes.lifespan,
    )


@dataclass(frozen=True, slots=True)
class _Routes:
    settings: LocalSettings
    pipeline: ImagePipeline
    worker: Worker
    files: FileStore = field(default_factory=FileStore)

    @contextlib.asynccontextmanager
    async def lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        self.worker.start()
        yield
        await run_in_threadpool(self.worker.stop)

    async def health(self, _request: Request) -> Response:
        return JSONResponse(
            {
                "status": "ready",
                "model": self.settings.served_name,
                "device": self.pipeline.device,
                "dtype": self.pipeline.dtype,
                "simulated": self.pipeline.simulated,
            }
        )

    async def models(self, _request: Request) -> Response:
        model = {"id": self.settings.served_name, "object": "model", "created": 0, "owned_by": "local"}
        return JSONResponse({"object": "list", "data": [model]})

    async def generations(self, request: Request) -> Response:
        call = await read_json(request)
        return await self._answer(request, call, call.job(self.settings, ()))

    async def edits(self, request: Request) -> Response:
        call, files = await read_form(request)
        references = await run_in_threadpool(decode_references, files)
        return await self._answer(request, call, call.job(self.settings, references))

    async def file(self, request: Request) -> Response:
        name: str = request.path_params["name"]
        data = self.files.get(name)
        if data is None:
            raise RefusalError(404, "this image is not there any more; the server keeps only the latest")
        return Response(data, media_type=f"image/{name.rpartition('.')[2]}")

    async def _answer(self, request: Request, call: ImageCall, job: LocalJob) -> Response:
        try:
            finished = await self._finish(request, job)
        except QueueFullError as error:
            raise RefusalError(429, str(error), code="queue_full", retry_after_s=error.retry_after_s) from error
        except DeviceMemoryError as error:
            raise RefusalError(503, str(error), code="out_of_memory") from error
        except InterruptedJobError as error:
            raise RefusalError(503, str(error), code="stopping") from error
        except ArenaError as error:
            raise RefusalError(500, str(error), code="generation_failed") from error
        if finished is None:
            return Response(status_code=499)  # nobody is there to read it
        # Not in the worker's thread: the device must not wait for a file to be compressed.
        begin_ns = time.perf_counter_ns()
        files = await run_in_threadpool(_encode_all, finished, call.output_format, call.response_format)
        encode_ms = (time.perf_counter_ns() - begin_ns) / NS_PER_MS
        return JSONResponse(self._reply(request, call, job, finished, files, encode_ms))

    async def _finish(self, request: Request, job: LocalJob) -> Finished | None:
        """The finished job, or None when the client went away; a job that has not started then never does."""
        ticket = self.worker.submit(job)
        outcome = asyncio.wrap_future(ticket.future)
        gone = asyncio.create_task(_disconnected(request))
        try:
            awaited: set[asyncio.Future[Any]] = {outcome, gone}
            await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
            return await outcome if outcome.done() else None
        except asyncio.CancelledError:
            if not ticket.future.cancelled():
                raise
            raise InterruptedJobError("the server is being stopped and does not start this job any more") from None
        finally:
            self.worker.withdraw(ticket)
            outcome.cancel()
            gone.cancel()

    def _reply(
        self,
        request: Request,
        call: ImageCall,
        job: LocalJob,
        finished: Finished,
        files: list[bytes],
        encode_ms: float,
    ) -> dict[str, Any]:
        reply = {
            "created": int(time.time()),
            "model": self.settings.served_name,
            "data": [self._datum(request, call, data) for data in files],
            "seed": job.seed,
            "size": f"{job.width_px}x{job.height_px}",
            "output_format": call.output_format.value,
            "timings_ms": {
                "queue": round(finished.queue_ms, 3),
                **finished.result.timings_ms,
                "encode": round(encode_ms, 3),
            },
            "device": self.pipeline.device,
        }
        if finished.result.peak_memory_mb is not None:
            reply["peak_memory_mb"] = round(finished.result.peak_memory_mb, 1)
        return reply

    def _datum(self, request: Request, call: ImageCall, data: bytes) -> dict[str, str]:
        if call.response_format is Delivery.INLINE:
            return {"b64_json": data.decode("ascii")}
        return {"url": str(request.url_for("file", name=self.files.put(data, call.output_format.value)))}


def _encode_all(finished: Finished, image_format: ImageFormat, delivery: Delivery) -> list[bytes]:
    files = [encode(image, image_format) for image in finished.result.images]
    return [base64.b64encode(data) for data in files] if delivery is Delivery.INLINE else files


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


class _Stopped(BaseException):
    """SIGINT or SIGTERM came."""


def serve(host: str, port: int, settings: LocalSettings, *, on_ready: Callable[[str], None]) -> None:
    """Load the pipeline, warm it up and serve until SIGINT or SIGTERM; port 0 takes a free one.

    `on_ready` gets the base URL, such as `http://127.0.0.1:8188/v1`, as soon as requests are answered. Raises
    `ConfigError` when the address or the model cannot be used.
    """
    _log_to_stderr()
    with _stop_on_signals() as stopped, contextlib.closing(_bound_socket(host, port)) as listener:
        pipeline = load(settings)
        pipeline.generate(LocalJob("warm-up", _WARM_UP_SIDE_PX, _WARM_UP_SIDE_PX, 0, settings.steps, settings.guidance))
        if stopped.is_set():  # and a library has swallowed the exception
            return
        config = uvicorn.Config(
            build_app(settings, pipeline),
            log_level="warning",
            lifespan="on",
            ws="none",
            timeout_graceful_shutdown=_GRACE_S,
        )
        _Server(config, partial(on_ready, _base_url(host, listener))).run(sockets=[listener])


class _Server(uvicorn.Server):
    """A server that says when it has started."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_ready()


def _bound_socket(host: str, port: int) -> socket.socket:
    # Bound before the weights are loaded, so that a port in use is said at once; not listening yet. The protocol is
    # named because asyncio sets TCP_NODELAY only then, and without it a reply waits 40 ms for the client's delayed ACK.
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except (OSError, OverflowError) as error:
        listener.close()
        raise ConfigError(f"{host}:{port} cannot be served on ({error}); choose another --host or --port") from error
    return listener


def _base_url(host: str, listener: socket.socket) -> str:
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - not bound to
    name = f"[{reachable}]" if ":" in reachable else reachable
    return f"http://{name}:{listener.getsockname()[1]}/v1"


@contextlib.contextmanager
def _stop_on_signals() -> Iterator[threading.Event]:
    """End the body at SIGINT or SIGTERM and set the event; signals reach the main thread alone."""
    stopped = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stopped
        return

    def stop(_number: int, _frame: object) -> None:
        if not stopped.is_set():  # a second signal must not cut the way out short
            stopped.set()
            raise _Stopped

    # While it runs uvicorn has handlers of its own, and raises the signal again, for these, when it is done.
    previous = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopped
    except BaseException:
        # An import or a library that is interrupted may turn the exception into another one.
        if not stopped.is_set():
            raise
        logger.info("stopped")
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _log_to_stderr() -> None:
    package = logging.getLogger("harness.local")
    if not package.hasHandlers():
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(message)s"))
        package.addHandler(handler)
        package.setLevel(logging.INFO)
