"""Simulated providers that speak the OpenAI images protocol."""

from __future__ import annotations

import base64
import json
import time
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING

import anyio
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from arena.domain.request import Mode
from harness.sim.faults import fulfil
from harness.sim.files import files_route, publish
from harness.sim.openai_wire import ImagesBody, RefusedError, fault_response, parse_body, uploaded_images
from harness.sim.stamp import Stamped
from harness.sim.work import BadImageError, ClientGoneError, Order, open_sources, seed_of, unless_gone

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp

    from harness.sim.contender import Fault
    from harness.sim.state import Provider, Ticket


def openai_app(provider: Provider) -> ASGIApp:
    """The ASGI app of one contender, to be mounted under its name."""
    images = _Images(provider)
    app = Starlette(
        routes=[
            Route("/v1/images/generations", images.generate, methods=["POST"]),
            Route("/v1/images/edits", images.edit, methods=["POST"]),
            Route("/v1/models", images.models),
            files_route(provider),
        ],
        exception_handlers={HTTPException: _http_error},
    )
    return Stamped(app, lambda: [(b"x-request-id", f"req_{uuid.uuid4().hex}".encode())])


async def _http_error(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return RefusedError(status, str(getattr(error, "detail", error))).response()


class _Images:
    """The handlers of one contender."""

    def __init__(self, provider: Provider) -> None:
        self._provider, self._contender = provider, provider.contender

    async def models(self, _request: Request) -> Response:
        """The one model that is served."""
        entry = {"id": self._contender.model, "object": "model", "created": 0, "owned_by": "simulator"}
        return JSONResponse({"object": "list", "data": [entry]})

    async def generate(self, request: Request) -> Response:
        """Text to image from JSON."""
        return await self._serve(request, Mode.TEXT_TO_IMAGE)

    async def edit(self, request: Request) -> Response:
        """A change to given images, from a multipart form."""
        return await self._serve(request, Mode.EDIT)

    async def _serve(self, request: Request, mode: Mode) -> Response:
        tally = self._provider.tally
        tally.requests += 1
        try:
            self._authorise(request)
            read = self._read_json if mode is Mode.TEXT_TO_IMAGE else self._read_form
            body, order = await read(request)
            self._check(body, mode)
        except RefusedError as refused:
            tally.refusals["unauthorized" if refused.status == 401 else "invalid"] += 1
            return refused.response()
        except HTTPException:
            tally.refusals["invalid"] += 1
            raise
        return await self._admitted(request, body, order)

    async def _admitted(self, request: Request, body: ImagesBody, order: Order) -> Response:
        ticket = self._provider.admit()
        if ticket is None:
            return fault_response("rate_limited")

        def deliver(images: list[bytes]) -> Response:
            return self._reply(request, body, order, ticket, images)

        try:
            return await unless_gone(
                request.receive, lambda: fulfil(self._provider, order, ticket, fault_response, deliver)
            )
        except ClientGoneError:
            self._provider.tally.abandoned += 1
            return Response(status_code=499)
        finally:
            self._provider.leave()

    def _authorise(self, request: Request) -> None:
        if request.headers.get("authorization") == "Bearer invalid":
            raise RefusedError(401, "Incorrect API key provided.", "invalid_api_key")

    def _check(self, body: ImagesBody, mode: Mode) -> None:
        if body.model != self._contender.model:
            raise RefusedError(404, f"The model {body.model!r} does not exist.", "model_not_found", "model")
        if mode not in self._contender.modes:
            raise RefusedError(400, f"The model {body.model!r} does not support this.", "unsupported", "model")

    async def _read_json(self, request: Request) -> tuple[ImagesBody, Order]:
        try:
            fields = json.loads(await request.body())
        except ValueError as error:
            raise RefusedError(400, "The body of the request is not valid JSON.") from error
        body = parse_body(fields)
        return body, self._order(body, *body.size_px())

    async def _read_form(self, request: Request) -> tuple[ImagesBody, Order]:
        async with request.form() as form:
            body = parse_body({name: value for name, value in form.multi_items() if isinstance(value, str)})
            blobs = await uploaded_images(form)
        try:
            sources = await open_sources(self._provider, blobs)
        except BadImageError as error:
            raise RefusedError(400, f"Invalid image: {error}.", "invalid_image", "image") from error
        order = self._order(body, *body.size_px(automatic=sources[0].size))
        return body, replace(order, sources=sources)

    def _order(self, body: ImagesBody, width_px: int, height_px: int) -> Order:
        image_format = body.output_format or self._contender.output_format
        return Order(body.prompt, width_px, height_px, body.seed, body.n, image_format)

    def _reply(self, request: Request, body: ImagesBody, order: Order, ticket: Ticket, images: list[bytes]) -> Response:
        by_url = (body.response_format or self._contender.delivery) == "url"
        data = [
            {"url": publish(self._provider, request, image, order.format, _of_file(ticket.fault))}
            if by_url
            else {"b64_json": base64.b64encode(image).decode()}
            for image in images
        ]
        generate_s = anyio.current_time() - ticket.admitted_s - ticket.queue_s
        timings_ms = {"queue": ticket.queue_s * 1000, "generate": round(generate_s * 1000, 3)}
        content = {
            "created": int(time.time()),
            "data": data,
            "timings_ms": timings_ms,
            "seed": seed_of(order, ticket),
        }
        return JSONResponse(content, headers=self._provider.cost_header(len(images)))


def _of_file(fault: Fault | None) -> Fault | None:
    """A fault of the file itself; a truncated reply is the reply's."""
    return fault if fault == "expired" else None
