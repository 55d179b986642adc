"""Simulated providers that speak Black Forest Labs' protocol: submit, then poll.

`task_not_found_first`: the first two questions for a task find none, told as a status and as a 404. `cost_at_the_end`:
the cost is null at first. `polls_elsewhere`: tasks are asked for, and images fetched, at another name of this machine,
`localhost`. Always: an image has a new address whenever its task is asked for, and questions for a task that could not
be started time out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from arena.domain.request import Mode
from harness.sim.bfl_wire import RefusedError, TaskBody, decoded, fault_response, invalid, megapixels, read_body, told
from harness.sim.files import base_of, files_route, publish
from harness.sim.jobs import Jobs, spoiled
from harness.sim.work import BadImageError, Order, open_sources, seed_of

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp

    from harness.sim.contender import Fault
    from harness.sim.jobs import Job
    from harness.sim.state import Provider

NOT_FOUND, NOT_FOUND_TIMES = "Task not found", 2
MODERATED: dict[Fault | None, str] = {"moderated": "Request Moderated", "moderated_output": "Content Moderated"}


def bfl_app(provider: Provider) -> ASGIApp:
    """The ASGI app of one contender, to be mounted under its name."""
    api = _Api(provider)
    return Starlette(
        routes=[
            Route("/v1/credits", api.balance),
            Route("/v1/get_result", api.result),
            Route("/v1/{model}", api.submit, methods=["POST"]),
            files_route(provider),
        ],
        exception_handlers={RefusedError: _refused, HTTPException: _http_error},
    )


class _Api:
    """The handlers of one contender."""

    def __init__(self, provider: Provider) -> None:
        self._provider, self._contender, self._jobs = provider, provider.contender, Jobs(provider)

    async def balance(self, request: Request) -> Response:
        """What is left to spend, in credits."""
        _authorise(request)
        return JSONResponse({"credits": 1000.0 - self._credits(self._provider.tally.images)})

    async def submit(self, request: Request) -> Response:
        """Accept a task and say where to ask for it."""
        tally = self._provider.tally
        tally.requests += 1
        try:
            _authorise(request)
            if request.path_params["model"] != self._contender.model:
                raise RefusedError(404, "Not Found")
            order = await self._order(read_body(await request.body()))
        except RefusedError as refused:
            tally.refusals["unauthorized" if refused.status == 401 else "invalid"] += 1
            raise
        ticket = self._provider.admit()
        if ticket is None:
            return fault_response("rate_limited")
        spoilt = await spoiled(self._provider, ticket, fault_response)
        if spoilt is not None:
            return spoilt
        job = self._jobs.start(request, order, ticket, {})
        cost = None if "cost_at_the_end" in self._contender.quirks else self._cost(order)
        accepted = {"id": job.id, "polling_url": self._elsewhere(f"{base_of(request)}/v1/get_result?id={job.id}")}
        return JSONResponse({**accepted, "cost": cost, **megapixels(order)})

    async def result(self, request: Request) -> Response:
        """How a task stands."""
        task_id = request.query_params.get("id")
        if task_id is None:
            raise invalid("id", "Field required", "missing", "query")
        job = self._jobs.find(task_id)
        if job is not None:
            job.asked += 1
        if job is None:
            return JSONResponse(told(task_id, NOT_FOUND), 404)
        if "task_not_found_first" in self._contender.quirks and job.asked <= NOT_FOUND_TIMES:
            return JSONResponse(told(task_id, NOT_FOUND), 200 if job.asked == 1 else 404)
        if job.fault == "start_timeout":
            return fault_response("start_timeout")
        if job.state == "succeeded":
            late = {"cost": self._cost(job.order)} if "cost_at_the_end" in self._contender.quirks else {}
            return JSONResponse({**told(job.id, "Ready", self._made(request, job)), **late})
        if job.state == "failed":
            details = {"Moderation Reasons": ["Safety Filter"]} if job.fault in MODERATED else None
            return JSONResponse(told(job.id, MODERATED.get(job.fault, "Error"), details=details))
        return JSONResponse(told(job.id, "Pending"))

    def _made(self, request: Request, job: Job) -> dict[str, object]:
        """The result of a task that is ready."""
        order, begun, ended = job.order, job.started_at or job.created_at, job.ended_at or job.created_at
        address = (
            job.addresses.pop()
            if job.addresses
            else publish(self._provider, request, job.images[0], order.format, job.ticket.fault)
        )
        return {
            "sample": self._elsewhere(address),
            "prompt": order.prompt,
            "seed": seed_of(order, job.ticket),
            "start_time": begun,
            "end_time": ended,
            "duration": ended - begun,
        }

    def _cost(self, order: Order) -> float | None:
        return self._credits(order.images) if self._contender.reports_cost else None

    def _credits(self, images: int) -> float:
        return float(self._contender.price_usd * images * 100)

    def _elsewhere(self, url: str) -> str:
        if "polls_elsewhere" not in self._contender.quirks:
            return url
        parts = urlsplit(url)
        return parts._replace(netloc=f"localhost:{parts.port or 80}").geturl()

    async def _order(self, body: TaskBody) -> Order:
        given = body.images()
        mode = Mode.EDIT if given else Mode.TEXT_TO_IMAGE
        try:
            if mode not in self._contender.modes:
                raise BadImageError(f"the model does not support {mode}")
            sources = await open_sources(self._provider, [decoded(image) for image in given])
        except BadImageError as error:
            raise invalid("input_image", str(error)) from error
        image_format = body.output_format or self._contender.output_format
        return Order(body.prompt, *body.size_px(sources), body.seed, 1, image_format, sources)


def _authorise(request: Request) -> None:
    key = request.headers.get("x-key")
    if key == "invalid":
        raise RefusedError(401, "Not authenticated")
    if key == "malformed":
        raise RefusedError(422, "Invalid API key format")


async def _refused(_request: Request, error: Exception) -> Response:
    return error.response() if isinstance(error, RefusedError) else Response(status_code=500)


async def _http_error(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return RefusedError(status, str(getattr(error, "detail", error))).response()
