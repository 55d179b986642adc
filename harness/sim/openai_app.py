"""Simulated providers that speak the OpenAI images protocol; hosts that speak it in their own way build on this."""

from __future__ import annotations

import base64
import json
import time
import uuid
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import anyio
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from arena.domain.request import Mode
from harness.sim.faults import fulfil
from harness.sim.files import files_route, publish
from harness.sim.openai_wire import ImagesBody, RefusedError, fault_error, parse_body, uploaded_images
from harness.sim.stamp import Stamped
from harness.sim.work import BadImageError, ClientGoneError, Order, open_sources, seed_of, unless_gone

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request
    from starlette.types import ASGIApp, Receive, Scope, Send

    from harness.sim.contender import Fault
    from harness.sim.state import Provider, Ticket

NAME = "harness.sim.request_name"
"""The key of the ASGI scope under which a request's name is kept."""


def openai_app(provider: Provider) -> ASGIApp:
    """The ASGI app of one contender, to be mounted under its name."""
    return ImagesApi(provider).app()


class Named:
    """`app`, whose requests each get a name, told in a header of the reply if there is one for it."""

    def __init__(self, app: ASGIApp, header: str) -> None:
        self._app, self._header = app, header.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, with the name."""
        name = f"req_{uuid.uuid4().hex}"
        stamped = Stamped(self._app, lambda: [(self._header, name.encode())] if self._header else [])
        await stamped({**scope, NAME: name}, receive, send)


@dataclass(frozen=True)
class Work:
    """An admitted request: as it came, as it was read, what is to be drawn, and its fate."""

    request: Request
    body: ImagesBody
    order: Order
    ticket: Ticket

    @property
    def name(self) -> str:
        """The request's name."""
        return str(self.request.scope[NAME])

    @property
    def file_fault(self) -> Fault | None:
        """A fault of the file itself; a truncated reply is the reply's."""
        return self.ticket.fault if self.ticket.fault == "expired" else None

    def generate_s(self) -> float:
        """Seconds since the work began, without the queue."""
        return anyio.current_time() - self.ticket.admitted_s - self.ticket.queue_s


class ImagesApi:
    """The handlers of one contender."""

    prefixes: ClassVar[tuple[str, ...]] = ("/v1",)
    """Under which the routes are."""
    name_header: ClassVar[str] = "x-request-id"
    body_type: ClassVar[type[ImagesBody]] = ImagesBody
    edits: ClassVar[bool] = True
    """Whether there is a route for edits."""

    def __init__(self, provider: Provider) -> None:
        self.provider, self.contender = provider, provider.contender

    def app(self) -> ASGIApp:
        """The whole app."""
        routes = [route for prefix in self.prefixes for route in self.routes(prefix)]
        app = Starlette(
            routes=[*routes, files_route(self.provider)], exception_handlers={HTTPException: self._http_error}
        )
        return Named(app, self.name_header)

    def routes(self, prefix: str) -> list[BaseRoute]:
        """The routes under one prefix."""
        edits = [Route(f"{prefix}/images/edits", self.edit, methods=["POST"])] if self.edits else []
        generations = Route(f"{prefix}/images/generations", self.generate, methods=["POST"])
        return [generations, *edits, Route(f"{prefix}/models", self.models)]

    async def models(self, _request: Request) -> Response:
        """The one model that is served."""
        entry = {"id": self.contender.model, "object": "model", "created": 0, "owned_by": "simulator"}
        return JSONResponse({"object": "list", "data": [entry]})

    async def generate(self, request: Request) -> Response:
        """Text to image from JSON."""
        return await self._serve(request, self.read_json)

    async def edit(self, request: Request) -> Response:
        """A change to given images, from a multipart form."""
        return await self._serve(request, self.read_form)

    async def _serve(
        self, request: Request, read: Callable[[Request], Awaitable[tuple[ImagesBody, Order]]]
    ) -> Response:
        tally = self.provider.tally
        tally.requests += 1
        try:
            self.authorise(request)
            body, order = await read(request)
            self.check(body, Mode.EDIT if order.sources else Mode.TEXT_TO_IMAGE)
        except RefusedError as refused:
            tally.refusals["unauthorized" if refused.status == 401 else "invalid"] += 1
            return self.refuse(refused)
        except HTTPException:
            tally.refusals["invalid"] += 1
            raise
        return await self._admitted(request, body, order)

    async def _admitted(self, request: Request, body: ImagesBody, order: Order) -> Response:
        ticket = self.provider.admit()
        if ticket is None:
            return self.refuse(self.fault("rate_limited"))
        work = Work(request, body, order, ticket)

        def refuse(fault: Fault) -> Response:
            return self.refuse(self.fault(fault))

        def deliver(images: list[bytes]) -> Response:
            return self.reply(work, images)

        try:
            return await unless_gone(request.receive, lambda: fulfil(self.provider, order, ticket, refuse, deliver))
        except ClientGoneError:
            self.provider.tally.abandoned += 1
            return Response(status_code=499)
        finally:
            self.provider.leave()

    async def _http_error(self, _request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        return self.refuse(RefusedError(status, str(getattr(error, "detail", error))))

    def authorise(self, request: Request) -> None:
        """RefusedError for the key `invalid`."""
        if request.headers.get("authorization") == "Bearer invalid":
            raise RefusedError(401, "Incorrect API key provided.", "invalid_api_key")

    def check(self, body: ImagesBody, mode: Mode) -> None:
        """RefusedError for another model, and for what the contender does not do."""
        if body.model != self.contender.model:
            raise RefusedError(404, f"The model {body.model!r} does not exist.", "model_not_found", "model")
        if mode not in self.contender.modes:
            raise RefusedError(400, f"The model {body.model!r} does not support this.", "unsupported", "model")

    async def read_json(self, request: Request) -> tuple[ImagesBody, Order]:
        """The fields, and what they ask for."""
        try:
            fields = json.loads(await request.body())
        except ValueError as error:
            raise RefusedError(400, "The body of the request is not valid JSON.") from error
        body = self.parse(fields)
        return body, self.order(body, *body.size_px())

    async def read_form(self, request: Request) -> tuple[ImagesBody, Order]:
        """The fields and images of a multipart form, and what they ask for."""
        async with request.form() as form:
            body = self.parse({name: value for name, value in form.multi_items() if isinstance(value, str)})
            blobs = await uploaded_images(form)
        try:
            sources = await open_sources(self.provider, blobs)
        except BadImageError as error:
            raise RefusedError(400, f"Invalid image: {error}.", "invalid_image", "image") from error
        order = self.order(body, *body.size_px(automatic=sources[0].size))
        return body, replace(order, sources=sources)

    def parse(self, fields: object) -> ImagesBody:
        """The fields as a body; RefusedError names the first wrong one."""
        return parse_body(fields, self.body_type)

    def order(self, body: ImagesBody, width_px: int, height_px: int) -> Order:
        """What is to be drawn, in the format that is asked for or is the contender's own."""
        image_format = body.output_format or self.contender.output_format
        return Order(body.prompt, width_px, height_px, body.seed, body.n, image_format)

    def refuse(self, error: RefusedError) -> Response:
        """An error in the host's envelope."""
        return error.response()

    def fault(self, fault: Fault) -> RefusedError:
        """The error of a fault that the protocol has an envelope for."""
        return fault_error(fault)

    def reply(self, work: Work, images: list[bytes]) -> Response:
        """The whole answer."""
        data = [self.entry(work, image) for image in images]
        return JSONResponse(self.content(work, data), headers=self.headers(work, len(images)))

    def entry(self, work: Work, image: bytes) -> dict[str, object]:
        """One of `data`: an address, or base64."""
        if (work.body.response_format or self.contender.delivery) == "url":
            return {"url": publish(self.provider, work.request, image, work.order.format, work.file_fault)}
        return {"b64_json": base64.b64encode(image).decode()}

    def content(self, work: Work, data: list[dict[str, object]]) -> dict[str, object]:
        """The body of an answer."""
        timings_ms = {"queue": work.ticket.queue_s * 1000, "generate": round(work.generate_s() * 1000, 3)}
        seed = seed_of(work.order, work.ticket)
        return {"created": int(time.time()), "data": data, "timings_ms": timings_ms, "seed": seed}

    def headers(self, _work: Work, images: int) -> dict[str, str]:
        """Further headers of an answer."""
        return self.provider.cost_header(images)
