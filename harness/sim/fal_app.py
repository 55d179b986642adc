"""Simulated providers that speak fal's protocol: endpoints called directly, and under `/queue` through a queue.

`/platform/v1` tells of finished requests. Always so: the addresses of a queued request leave out the sub-path of its
endpoint, arguments are checked by the model and therefore after a request was queued, and whatever becomes of a request
is COMPLETED. With the quirk `nsfw_flag` an image that the checker refuses is a 200 with a flag and a black image.
Otherwise than the real one, this queue does not take more than the contender can work on at once.
"""

from __future__ import annotations

import time
import uuid
from collections import OrderedDict
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from arena.domain.request import Mode
from harness.sim import fal_wire
from harness.sim.fal_platform import Platform, Record
from harness.sim.fal_wire import Problem, RefusedError, flat, problem_of
from harness.sim.faults import Truncated, fulfil
from harness.sim.files import base_of, files_route, publish
from harness.sim.jobs import Job, Jobs, spoiled
from harness.sim.work import ClientGoneError, Order, seed_of, unless_gone

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp

    from harness.sim.contender import Fault
    from harness.sim.state import Provider, Ticket

_REFUSED_KEPT = 512


def fal_app(provider: Provider) -> ASGIApp:
    """The ASGI app of one contender, to be mounted under its name."""
    fal = _Fal(provider)
    requests = "/queue/{owner}/{alias}/requests/{id}"
    return Starlette(
        routes=[
            Route(f"{requests}/status", fal.status),
            Route(f"{requests}/cancel", fal.cancel, methods=["PUT"]),
            Route(requests, fal.result),
            Route("/queue/{endpoint:path}", fal.submit, methods=["POST"]),
            *fal.platform.routes(),
            files_route(provider),
            Route("/{endpoint:path}", fal.run, methods=["POST"]),
        ],
        exception_handlers={HTTPException: _http_error},
    )


async def _http_error(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return flat(status, str(getattr(error, "detail", error))).response()


class _Fal:
    """The handlers of one contender."""

    def __init__(self, provider: Provider) -> None:
        self._provider, self._contender = provider, provider.contender
        self._endpoints = {Mode.TEXT_TO_IMAGE: self._contender.model, Mode.EDIT: f"{self._contender.model}/edit"}
        served = tuple(self._endpoints[mode] for mode in sorted(self._contender.modes))
        self.platform = Platform(served, self._contender.price_usd)
        self._jobs = Jobs(provider)
        self._refused: OrderedDict[str, Problem] = OrderedDict()

    async def run(self, request: Request) -> Response:
        """A direct call: held until the images are there."""
        provider, sent_at, request_id = self._provider, time.time(), str(uuid.uuid4())
        provider.tally.requests += 1
        try:
            given, order = await fal_wire.read(provider, await request.body(), self._mode(request))
        except RefusedError as refused:
            return self._turned_down(refused.problem)
        ticket = provider.admit()
        if ticket is None:
            return problem_of("rate_limited").response()

        def deliver(images: list[bytes]) -> Response:
            stored = [] if given.sync_mode else images
            addresses = [publish(provider, request, image, order.format, ticket.fault) for image in stored]
            return self._reply(order, ticket, images, addresses)

        def refuse(fault: Fault) -> Response:
            if self._by_flag(fault):
                return self._black(request, order, ticket, inline=given.sync_mode)
            return problem_of(fault).response()

        try:
            response = await unless_gone(request.receive, lambda: fulfil(provider, order, ticket, refuse, deliver))
        except ClientGoneError:
            provider.tally.abandoned += 1
            return Response(status_code=499)
        finally:
            provider.leave()
        if fal_wire.BILLED in response.headers:
            times, units = (sent_at, sent_at + ticket.queue_s, time.time()), int(response.headers[fal_wire.BILLED])
            record = Record(request.path_params["endpoint"], *times, response.status_code, units)
            self.platform.keep(request_id, lambda: record)
        return _called(request_id, response)

    async def submit(self, request: Request) -> Response:
        """Queue a request; what is wrong with its arguments shows only later."""
        provider = self._provider
        provider.tally.requests += 1
        try:
            mode = self._mode(request)
        except RefusedError as refused:
            return self._turned_down(refused.problem)
        try:
            given, order = await fal_wire.read(provider, await request.body(), mode)
        except RefusedError as refused:
            self._turned_down(refused.problem)
            return self._queued(request, self._remember(refused.problem))
        ticket = provider.admit()
        if ticket is None:
            return problem_of("rate_limited").response()
        answer = await spoiled(provider, ticket, lambda fault: problem_of(fault).response())
        if answer is not None:
            return answer
        fields: dict[str, object] = {"inline": given.sync_mode, "endpoint": request.path_params["endpoint"]}
        job = self._jobs.start(request, order, ticket, fields)
        request_id = str(uuid.UUID(job.id))
        self.platform.keep(request_id, lambda: self._record(job))
        return self._queued(request, request_id)

    async def status(self, request: Request) -> Response:
        """202 while there is something to wait for; COMPLETED, whatever came of it."""
        found = self._find(request)
        if isinstance(found, Response):
            return found
        told = self._addresses(request, request.path_params["id"])
        if isinstance(found, Job) and not found.ended.is_set():
            waiting = {"status": "IN_QUEUE", "queue_position": 0}
            state = waiting if found.state == "queued" else {"status": "IN_PROGRESS"}
            return JSONResponse({**state, "logs": None, **told}, 202)
        problem = self._problem(found) if isinstance(found, Job) else found
        if isinstance(found, Job) and found.compute_s is not None:
            told = {**told, "metrics": {"inference_time": round(max(found.compute_s, found.ticket.latency_s), 6)}}
        if problem is not None:
            told = {**told, "error": problem.words, "error_type": problem.kind}
        return JSONResponse({"status": "COMPLETED", "logs": None, **told})

    async def result(self, request: Request) -> Response:
        """The images, or the error that the request has ended with."""
        found = self._find(request)
        if isinstance(found, Response):
            return found
        if isinstance(found, Problem):
            return _called(request.path_params["id"], found.response())
        if not found.ended.is_set():
            return flat(400, "Request is still in progress").response()
        problem, inline = self._problem(found), found.fields["inline"] is True
        if problem is not None:
            response = problem.response()
        elif self._by_flag(found.fault):
            response = self._black(request, found.order, found.ticket, inline=inline)
        else:
            response = self._reply(found.order, found.ticket, found.images, [] if inline else found.addresses)
        cut = inline and found.ticket.fault == "truncated"
        return Truncated(response) if cut else _called(request.path_params["id"], response)

    async def cancel(self, request: Request) -> Response:
        """Ask for the end of a request."""
        found = self._find(request)
        if isinstance(found, Response):
            return JSONResponse({"status": "NOT_FOUND"}, 404) if found.status_code == 404 else found
        if isinstance(found, Job) and self._jobs.cancel(found):
            return JSONResponse({"status": "CANCELLATION_REQUESTED"}, 202)
        return JSONResponse({"status": "ALREADY_COMPLETED"}, 400)

    def _mode(self, request: Request) -> Mode:
        """What the endpoint of a request does; RefusedError if its key is bad or there is no such endpoint."""
        fal_wire.check_key(request)
        for mode, endpoint in self._endpoints.items():
            if mode in self._contender.modes and request.path_params["endpoint"] == endpoint:
                return mode
        raise RefusedError(flat(404, f"Application {request.path_params['endpoint']!r} not found"))

    def _turned_down(self, problem: Problem) -> Response:
        self._provider.tally.refusals["unauthorized" if problem.status == 401 else "invalid"] += 1
        return problem.response()

    def _remember(self, problem: Problem) -> str:
        """Keep a request that the model will refuse, under a name."""
        request_id = str(uuid.uuid4())
        self._refused[request_id] = problem
        while len(self._refused) > _REFUSED_KEPT:
            self._refused.popitem(last=False)
        return request_id

    def _queued(self, request: Request, request_id: str) -> Response:
        told = {"status": "IN_QUEUE", "queue_position": 0, "logs": None, "metrics": {}}
        return JSONResponse({**told, **self._addresses(request, request_id)})

    def _addresses(self, request: Request, request_id: str) -> dict[str, object]:
        return fal_wire.addresses_of(f"{base_of(request)}/queue", self._contender.model, request_id)

    def _find(self, request: Request) -> Job | Problem | Response:
        """The request that an address names, or the refusal to tell of it."""
        try:
            fal_wire.check_key(request)
            job_id = uuid.UUID(request.path_params["id"]).hex
        except RefusedError as refused:
            return refused.problem.response()
        except ValueError:
            job_id = ""
        known = self._contender.model.split("/")[:2] == [request.path_params["owner"], request.path_params["alias"]]
        found = (self._jobs.find(job_id) or self._refused.get(request.path_params["id"])) if known else None
        return found or flat(404, "Request not found").response()

    def _problem(self, job: Job) -> Problem | None:
        """Why a job that has ended brings no images."""
        if job.state == "canceled":
            return flat(499, "The request was cancelled.", "client_cancelled")
        return None if job.fault is None or self._by_flag(job.fault) else problem_of(job.fault)

    def _record(self, job: Job) -> Record:
        problem = self._problem(job)
        status = None if job.ended_at is None else 200 if problem is None else problem.status
        units = job.order.images if status == 200 else 0
        return Record(str(job.fields["endpoint"]), job.created_at, job.started_at, job.ended_at, status, units)

    def _by_flag(self, fault: Fault | None) -> bool:
        """Whether this fault is told by a flag in a success."""
        return fault == "moderated_output" and "nsfw_flag" in self._contender.quirks

    def _black(self, request: Request, order: Order, ticket: Ticket, *, inline: bool) -> Response:
        images = fal_wire.blacked_out(order)
        addresses = [] if inline else [publish(self._provider, request, i, order.format) for i in images]
        return self._reply(order, ticket, images, addresses, flagged=True)

    def _reply(
        self, order: Order, ticket: Ticket, images: list[bytes], addresses: list[str], *, flagged: bool = False
    ) -> Response:
        body = fal_wire.output(order, seed_of(order, ticket), images, addresses, ticket.latency_s, flagged=flagged)
        return JSONResponse(body, headers={fal_wire.BILLED: str(len(images))})


def _called(request_id: str, response: Response) -> Response:
    response.headers["x-fal-request-id"] = request_id
    return response
