"""Simulated providers that speak the HTTP protocol of a self-hosted cog model."""

from __future__ import annotations

import asyncio
import uuid
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import anyio
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from arena.domain.request import Mode
from harness.sim.cog_wire import (
    NSFW,
    CogInput,
    UnusableError,
    at_capacity,
    data_uri,
    decode_data_uri,
    fault_response,
    parse_request,
)
from harness.sim.faults import fulfil
from harness.sim.work import BadImageError, ClientGoneError, Order, open_sources, seed_of, unless_gone

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp

    from harness.sim.contender import Fault
    from harness.sim.state import Provider, Ticket

_FINISHED_KEPT = 256


@dataclass
class Prediction:
    """One prediction, running or finished."""

    id: str
    input: CogInput
    status: Literal["starting", "processing", "succeeded", "failed", "canceled"] = "starting"
    error: str | None = None
    output: list[str] = field(default_factory=list)
    logs: str = ""
    predict_s: float | None = None
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)

    def finished(self) -> dict[str, object]:
        """The body of a finished prediction; absent fields are left out, as cog does."""
        body: dict[str, object] = {"id": self.id, "logs": self.logs, "metrics": {}, "status": self.status}
        if self.predict_s is not None:
            body["metrics"] = {"predict_time": self.predict_s}
        if self.error is not None:
            body["error"] = self.error
        if self.status == "succeeded":
            body["output"] = self.output
        return body

    def snapshot(self) -> dict[str, object]:
        """The body that a repeated request gets while the prediction runs."""
        given = self.input.model_dump(exclude_unset=True)
        return {"id": self.id, "input": given, "logs": self.logs, "metrics": {}, "status": self.status}


def cog_app(provider: Provider) -> ASGIApp:
    """The ASGI app of one contender, to be mounted under its name."""
    cog = _Cog(provider)
    return Starlette(
        routes=[
            Route("/predictions", cog.create, methods=["POST"]),
            Route("/predictions/{id}", cog.create, methods=["PUT"]),
            Route("/predictions/{id}/cancel", cog.cancel, methods=["POST"]),
            Route("/health-check", cog.health),
        ],
        exception_handlers={HTTPException: _http_error},
    )


async def _http_error(_request: Request, error: Exception) -> Response:
    status, headers = (error.status_code, error.headers) if isinstance(error, HTTPException) else (500, None)
    return Response(status_code=status, headers=headers)


class _Cog:
    """The handlers of one contender."""

    def __init__(self, provider: Provider) -> None:
        self._provider, self._contender = provider, provider.contender
        self._running: dict[str, Prediction] = {}
        self._finished: OrderedDict[str, tuple[Prediction, int]] = OrderedDict()
        self._tasks: set[asyncio.Task[Response]] = set()

    async def health(self, _request: Request) -> Response:
        """READY, or BUSY when every slot is taken."""
        busy = self._provider.in_flight >= self._contender.max_in_flight
        return JSONResponse({"status": "BUSY" if busy else "READY", "setup": {"status": "succeeded", "logs": ""}})

    async def cancel(self, request: Request) -> Response:
        """Cancel a running prediction; 404 if there is none of that name."""
        prediction = self._running.get(request.path_params["id"])
        if prediction is None:
            return JSONResponse({}, 404)
        prediction.scope.cancel()
        return JSONResponse({})

    async def create(self, request: Request) -> Response:
        """Start a prediction and answer it, or for one that is known by its identifier say how it stands."""
        tally = self._provider.tally
        try:
            inputs, known_id = parse_request(await request.body(), request.path_params.get("id"))
        except UnusableError as unusable:
            tally.requests += 1
            tally.refusals["invalid"] += 1
            return unusable.response
        if known_id in self._running:
            return JSONResponse(self._running[known_id].snapshot(), 202)
        if known_id is not None and known_id in self._finished:
            prediction, images = self._finished[known_id]
            return JSONResponse(prediction.finished(), headers=self._provider.cost_header(images))
        tally.requests += 1
        ticket = self._provider.admit()
        if ticket is None:
            return at_capacity()
        prediction = Prediction(known_id or f"pred_{uuid.uuid4().hex[:16]}", inputs)
        self._running[prediction.id] = prediction
        if "respond-async" in request.headers.get("prefer", ""):
            return await self._start(request, prediction, ticket)
        return await self._run(request, prediction, ticket)

    async def _start(self, request: Request, prediction: Prediction, ticket: Ticket) -> Response:
        """Answer at once and predict in the background; a wire fault spoils this first answer."""
        task = asyncio.create_task(self._run(None, prediction, ticket))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if ticket.fault in {None, "moderated", "garbage", "wrong_size"}:
            return JSONResponse({"id": prediction.id, "status": "starting"}, 202)
        return await task

    async def _run(self, request: Request | None, prediction: Prediction, ticket: Ticket) -> Response:
        """Predict, watching the client of a synchronous request."""
        prediction.status = "processing"
        try:
            with prediction.scope:
                if request is None:
                    return self._keep(prediction, await self._predict(prediction, ticket))
                return await unless_gone(request.receive, lambda: self._predict(prediction, ticket))
            self._provider.tally.abandoned += 1
            prediction.status, prediction.predict_s = "canceled", _spent_s(ticket)
            response: Response = JSONResponse(prediction.finished())
            return response if request else self._keep(prediction, response)
        except ClientGoneError:
            self._provider.tally.abandoned += 1
            return Response(status_code=499)
        finally:
            del self._running[prediction.id]
            self._provider.leave()

    def _keep(self, prediction: Prediction, response: Response) -> Response:
        if prediction.status != "processing":
            images = len(prediction.output) if "x-sim-cost-usd" in response.headers else 0
            self._finished[prediction.id] = (prediction, images)
        while len(self._finished) > _FINISHED_KEPT:
            self._finished.popitem(last=False)
        return response

    async def _predict(self, prediction: Prediction, ticket: Ticket) -> Response:
        try:
            order = await self._order(prediction.input)
        except BadImageError as error:
            self._provider.tally.refusals["invalid"] += 1
            return self._failed(prediction, ticket, f"ValueError: {error}")

        def deliver(images: list[bytes]) -> Response:
            prediction.output = [data_uri(image, order.format) for image in images]
            prediction.logs = f"Using seed: {seed_of(order, ticket)}\n"
            prediction.status, prediction.predict_s = "succeeded", _spent_s(ticket)
            return JSONResponse(prediction.finished(), headers=self._provider.cost_header(len(images)))

        def refuse(fault: Fault) -> Response:
            if fault in {"moderated", "moderated_output"}:
                return self._failed(prediction, ticket, f"Exception: {NSFW}")
            if fault == "job_failed":
                return self._failed(prediction, ticket, "RuntimeError: CUDA out of memory")
            return fault_response(fault)

        return await fulfil(self._provider, order, ticket, refuse, deliver)

    def _failed(self, prediction: Prediction, ticket: Ticket, reason: str) -> Response:
        prediction.error = f"Prediction failed: Prediction failed: {reason}"
        prediction.status, prediction.predict_s = "failed", _spent_s(ticket)
        return JSONResponse(prediction.finished())

    async def _order(self, inputs: CogInput) -> Order:
        mode = Mode.EDIT if inputs.images else Mode.TEXT_TO_IMAGE
        if mode not in self._contender.modes:
            raise BadImageError(f"the model does not support {mode}")
        sources = await open_sources(self._provider, [decode_data_uri(text) for text in inputs.images])
        image_format = inputs.output_format or self._contender.output_format
        return Order(inputs.prompt, inputs.width, inputs.height, inputs.seed, 1, image_format, sources)


def _spent_s(ticket: Ticket) -> float:
    return anyio.current_time() - ticket.admitted_s - ticket.queue_s
