"""The local image server as an ASGI application: the OpenAI-compatible images API over a queue of jobs."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import time
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

import pybase64
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from arena.domain.request import Delivery, ImageFormat
from arena.errors import ArenaError
from arena.units import NS_PER_MS
from harness.local.encode import FileStore, encode
from harness.local.envelope import FILES_PATH, Gate, RefusalError, on_http_exception, on_refusal
from harness.local.faults import DeviceFaultError, DeviceMemoryError, InterruptedJobError, NoDeviceError
from harness.local.wire import decode_references, read_form, read_json
from harness.local.worker import Batching, Finished, QueueFullError, Worker

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from starlette.requests import Request

    from harness.local.pipeline import ImagePipeline, LocalJob
    from harness.local.settings import LocalSettings
    from harness.local.wire import ImageCall

KEY_VARIABLE = "ARENA_LOCAL_KEY"
COST_HEADER = "X-Cost-USD"
PATIENCE_S = 3.0
"""How long a job that runs when the server is told to stop may take to its end."""

_MS_PER_HOUR = 3_600_000


def build_app(
    settings: LocalSettings,
    pipelines: Sequence[ImagePipeline],
    on_end: Callable[[str], None] = lambda _reason: None,
) -> Starlette:
    """The server as an ASGI application; its worker runs from lifespan startup to shutdown.

    If the environment variable ARENA_LOCAL_KEY is set, requests have to carry it as a bearer token. `on_end` gets the
    reason, from another thread, when no device is left to work on; the server should then end. `state.stop` of the
    application, which blocks, answers what waits at once and what runs within `PATIENCE_S` seconds or a step more.
    """
    batching = Batching(settings.speed.batch_window_ms, settings.speed.max_batch)
    simulated = any(pipeline.simulated for pipeline in pipelines)
    routes = _Routes(settings, pipelines, Worker(pipelines, settings.max_queue, batching, on_end))
    app = Starlette(
        routes=[
            Route("/health", routes.health),
            Route("/v1/models", routes.models),
            Route("/v1/images/generations", routes.generations, methods=["POST"]),
            Route("/v1/images/edits", routes.edits, methods=["POST"]),
            Route(f"{FILES_PATH}{{name}}", routes.file, name="file"),
        ],
        middleware=[Middleware(Gate, simulated=simulated, key=os.environ.get(KEY_VARIABLE))],
        exception_handlers={RefusalError: on_refusal, HTTPException: on_http_exception},
        lifespan=routes.lifespan,
    )
    app.state.stop = partial(routes.worker.stop, patience_s=PATIENCE_S)
    return app


@dataclass(frozen=True, slots=True)
class _Routes:
    settings: LocalSettings
    pipelines: Sequence[ImagePipeline]
    worker: Worker
    files: FileStore = field(default_factory=FileStore)

    @contextlib.asynccontextmanager
    async def lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        self.worker.start()
        yield
        await run_in_threadpool(self.worker.stop)

    async def health(self, _request: Request) -> Response:
        states = self.worker.states()
        running, waiting = self.worker.load()
        is_ready = any(state == "ready" for _, state in states)
        told = {
            "status": "ready" if is_ready else "unavailable",
            "model": self.settings.served_name,
            "device": ",".join(device for device, _ in states),
            "queue": {"running": running, "waiting": waiting},
            "devices": [{"device": device, "state": state} for device, state in states],
            "dtype": self.pipelines[0].dtype,
            "simulated": any(pipeline.simulated for pipeline in self.pipelines),
        }
        return JSONResponse(told, 200 if is_ready else 503)

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
        except NoDeviceError as error:
            raise RefusalError(503, str(error), code="no_device") from error
        except DeviceFaultError as error:
            raise RefusalError(500, str(error), code="device_failed") from error
        except ArenaError as error:
            raise RefusalError(500, str(error), code="generation_failed") from error
        if finished is None:
            return Response(status_code=499)  # nobody is there to read it
        # Not where the device is fed: it must not wait for a file to be compressed.
        begin_ns = time.perf_counter_ns()
        files = await run_in_threadpool(_encode_all, finished, call.output_format, call.response_format)
        encode_ms = (time.perf_counter_ns() - begin_ns) / NS_PER_MS
        body = _with_images(self._reply(call, job, finished, encode_ms), self._entries(request, call, files))
        return Response(body, headers=self._cost(finished), media_type="application/json")

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
            # By the worker, or by a server that does not wait any longer; nobody else cancels.
            if ticket.future.running():
                raise InterruptedJobError("the server is being stopped and gave up this job") from None
            raise InterruptedJobError("the server is being stopped and does not start this job any more") from None
        finally:
            self.worker.withdraw(ticket)
            outcome.cancel()
            gone.cancel()

    def _reply(self, call: ImageCall, job: LocalJob, finished: Finished, encode_ms: float) -> dict[str, Any]:
        result = finished.result
        steps = {name: ms for name, ms in result.timings_ms.items() if name.startswith("step_")}
        stages = {name: ms for name, ms in result.timings_ms.items() if name not in steps}
        reply = {
            "created": int(time.time()),
            "model": self.settings.served_name,
            "seed": job.seed,
            "size": f"{job.width_px}x{job.height_px}",
            "output_format": call.output_format.value,
            # The steps last: whoever reads a bounded number of timings reads the stages.
            "timings_ms": {"queue": round(finished.queue_ms, 3), **stages, "encode": round(encode_ms, 3), **steps},
            "device": finished.device,
            "batch": {"jobs": finished.batch_jobs, "images": result.batch_images},
            "embedding_cached": result.embedding_cached,
        }
        if result.peak_memory_mb is not None:
            reply["peak_memory_mb"] = round(result.peak_memory_mb, 1)
        if result.energy_j is not None:
            reply["energy_j"] = round(result.energy_j, 3)
        return reply

    def _cost(self, finished: Finished) -> dict[str, str]:
        """The header with what the job's share of the device's time costs, where the settings have a price."""
        device_ms = finished.result.timings_ms.get("device")
        if self.settings.gpu_hour_usd is None or device_ms is None:
            return {}
        usd = self.settings.gpu_hour_usd * Decimal(str(device_ms)) / _MS_PER_HOUR
        return {COST_HEADER: f"{usd:.9f}"}

    def _entries(self, request: Request, call: ImageCall, files: list[bytes]) -> list[bytes]:
        if call.response_format is Delivery.INLINE:
            return [b'{"b64_json":"%b"}' % data for data in files]
        names = [self.files.put(data, call.output_format.value) for data in files]
        return [json.dumps({"url": str(request.url_for("file", name=name))}).encode() for name in names]


def _with_images(reply: dict[str, Any], entries: list[bytes]) -> bytes:
    """The reply as JSON with its `data`, joined as bytes: megabytes of base64 hold nothing that has to be escaped."""
    return b'%b,"data":[%b]}' % (json.dumps(reply, separators=(",", ":")).encode()[:-1], b",".join(entries))


def _encode_all(finished: Finished, image_format: ImageFormat, delivery: Delivery) -> list[bytes]:
    files = [encode(image, image_format) for image in finished.result.images]
    return [pybase64.b64encode(data) for data in files] if delivery is Delivery.INLINE else files


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
