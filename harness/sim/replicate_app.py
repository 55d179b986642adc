"""Simulated providers that speak Replicate's predictions protocol.

`output_before_metrics`: a held answer carries the output while it still says `processing`, without metrics.
`short_hold`: an answer is held for half the time that it takes, and has no output. `throttled_in_words`: a refusal for
the rate has no Retry-After.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from arena.domain.request import Mode
from harness.sim.cog_wire import decode_data_uri
from harness.sim.files import base_of, files_route
from harness.sim.jobs import Jobs, spoiled
from harness.sim.replicate_wire import (
    KleinInput,
    ProblemError,
    deadline_s,
    describe,
    fault_response,
    hold_s,
    job_error,
    parse_input,
    throttled,
)
from harness.sim.work import BadImageError, Order, open_sources, seed_of

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp

    from harness.sim.contender import Fault
    from harness.sim.jobs import Job
    from harness.sim.state import Provider, Ticket

STATUSES = {
    "queued": "starting",
    "running": "processing",
    "succeeded": "succeeded",
    "failed": "failed",
    "canceled": "canceled",
}


def replicate_app(provider: Provider) -> ASGIApp:
    """The ASGI app of one contender, whose model is `owner/name`, to be mounted under its name."""
    api = _Api(provider)
    return Starlette(
        routes=[
            Route("/v1/models/{owner}/{name}/predictions", api.create, methods=["POST"]),
            Route("/v1/models/{owner}/{name}", api.model),
            Route("/v1/predictions", api.create, methods=["POST"]),
            Route("/v1/predictions/{id}", api.prediction),
            Route("/v1/predictions/{id}/cancel", api.cancel, methods=["POST"]),
            Route("/v1/account", api.account),
            files_route(provider),
        ],
        exception_handlers={ProblemError: _problem, HTTPException: _http_error},
    )


async def _problem(_request: Request, error: Exception) -> Response:
    return error.response() if isinstance(error, ProblemError) else Response(status_code=500)


async def _http_error(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return ProblemError(status, str(getattr(error, "detail", error)), f"HTTP {status}").response()


class _Api:
    """The handlers of one contender."""

    def __init__(self, provider: Provider) -> None:
        self._provider, self._contender, self._jobs = provider, provider.contender, Jobs(provider)
        self._version = hashlib.sha256(self._contender.model.encode()).hexdigest()

    async def account(self, request: Request) -> Response:
        """Whose key it is."""
        _authorise(request)
        return JSONResponse({"type": "organization", "username": "simulator", "name": "A simulated account"})

    async def model(self, request: Request) -> Response:
        """The one model, with the schema of its inputs."""
        _authorise(request)
        self._check_model(request)
        model = self._contender.model
        url = f"{base_of(request)}/v1/models/{model}"
        return JSONResponse(describe(model, self._version, url, self._provider.tally.requests))

    async def prediction(self, request: Request) -> Response:
        """How a prediction stands."""
        return JSONResponse(self._told(request, self._find(request)))

    async def cancel(self, request: Request) -> Response:
        """Stop a prediction; one that is over stays as it is."""
        job = self._find(request)
        if self._jobs.cancel(job):
            await job.ended.wait()
        return JSONResponse(self._told(request, job))

    async def create(self, request: Request) -> Response:
        """Start a prediction, and hold the answer if that is asked for."""
        tally = self._provider.tally
        tally.requests += 1
        try:
            _authorise(request)
            fields = await self._read(request)
            inputs = parse_input(fields["input"])
            fields["cancel_after_s"] = deadline_s(request.headers.get("cancel-after", ""))
            order = await self._order(inputs)
        except ProblemError as refused:
            tally.refusals["unauthorized" if refused.status == 401 else "invalid"] += 1
            raise
        ticket = self._provider.admit()
        if ticket is None:
            return self._refuse("rate_limited")
        spoilt = await spoiled(self._provider, ticket, self._refuse)
        return await self._started(request, order, ticket, fields) if spoilt is None else spoilt

    async def _started(self, request: Request, order: Order, ticket: Ticket, fields: dict[str, object]) -> Response:
        job = self._jobs.start(request, order, ticket, fields)
        if isinstance(limit_s := fields["cancel_after_s"], int):
            asyncio.get_running_loop().call_later(limit_s, self._jobs.cancel, job)
        held_s: float = hold_s(request.headers.get("prefer", ""))
        quirks = self._contender.quirks
        if held_s and "short_hold" in quirks:
            held_s = min(held_s, (ticket.queue_s + ticket.latency_s) / 2)
        ended = bool(held_s) and await self._jobs.wait(job, held_s)
        told = self._told(request, job)
        if ended and job.state == "succeeded" and "output_before_metrics" in quirks:
            told |= {"status": "processing"}
            del told["metrics"], told["completed_at"]
        status = 201 if ended or not held_s else 202
        return JSONResponse(told, status, {"location": _address(request, job)})

    def _refuse(self, fault: Fault) -> Response:
        if fault == "rate_limited":
            return throttled(in_words_only="throttled_in_words" in self._contender.quirks)
        return fault_response(fault)

    def _find(self, request: Request) -> Job:
        _authorise(request)
        job = self._jobs.find(request.path_params["id"])
        if job is None:
            raise ProblemError(404, "Not found", "There is no such prediction.")
        return job

    def _check_model(self, request: Request) -> None:
        asked = f"{request.path_params['owner']}/{request.path_params['name']}"
        if asked != self._contender.model:
            raise ProblemError(404, "Not found", f"The model {asked} could not be found.")

    async def _read(self, request: Request) -> dict[str, object]:
        """The fields of the body, with the version that will run; ProblemError if they are unusable."""
        try:
            body = json.loads(await request.body())
        except ValueError as error:
            raise ProblemError(400, "Bad request", "The body of the request is not valid JSON.") from error
        given = body.get("input") if isinstance(body, dict) else None
        if not isinstance(given, dict):
            missing = {"type": "required", "field": "input", "description": "input is required"}
            raise ProblemError(422, "Input validation failed", "- input is required", missing)
        if "owner" in request.path_params:
            self._check_model(request)
            return {"input": given, "version": "hidden"}
        model = self._contender.model
        if body.get("version") not in {model, f"{model}:{self._version}", self._version}:
            raise ProblemError(422, "Invalid version or not permitted", "There is no such version.")
        return {"input": given, "version": self._version}

    async def _order(self, inputs: KleinInput) -> Order:
        mode = Mode.EDIT if inputs.images else Mode.TEXT_TO_IMAGE
        try:
            if mode not in self._contender.modes:
                raise BadImageError(f"the model does not support {mode}")
            sources = await open_sources(self._provider, [decode_data_uri(text) for text in inputs.images])
        except BadImageError as error:
            problem = {"type": "invalid", "field": "input.images", "description": str(error)}
            raise ProblemError(422, "Input validation failed", f"- input.images: {error}", problem) from error
        width_px, height_px = inputs.size_px(sources[0].size if sources else None)
        image_format = "jpeg" if inputs.output_format == "jpg" else inputs.output_format
        return Order(inputs.prompt, width_px, height_px, inputs.seed, 1, image_format, sources)

    def _told(self, request: Request, job: Job) -> dict[str, object]:
        """A prediction as it is sent; what is not known yet is left out."""
        address = _address(request, job)
        status = STATUSES[job.state]
        if job.fault == "start_timeout" or (job.state == "canceled" and job.started_at is None):
            status = "aborted"
        told: dict[str, object] = {
            "id": job.id,
            "model": self._contender.model,
            "version": job.fields["version"],
            "input": job.fields["input"],
            "logs": f"Using seed: {seed_of(job.order, job.ticket)}\n" if job.started_at else "",
            "output": job.addresses if job.state == "succeeded" else None,
            "data_removed": False,
            "error": job_error(job.fault),
            "source": "api",
            "status": status,
            "created_at": _iso(job.created_at),
            "urls": {"get": address, "cancel": f"{address}/cancel", "web": f"{base_of(request)}/p/{job.id}"},
        }
        if isinstance(limit_s := job.fields["cancel_after_s"], int):
            told["deadline"] = _iso(job.created_at + limit_s)
        if job.started_at is not None and status != "aborted":
            told["started_at"] = _iso(job.started_at)
        if job.ended_at is not None:
            told["completed_at"] = _iso(job.ended_at)
            told["metrics"] = {"total_time": job.ended_at - job.created_at}
            if job.compute_s is not None and status != "aborted":
                told["metrics"] = {"predict_time": job.compute_s, "total_time": job.ended_at - job.created_at}
        return told


def _authorise(request: Request) -> None:
    if request.headers.get("authorization") == "Bearer invalid":
        raise ProblemError(401, "Unauthenticated", "The token is not valid.")


def _address(request: Request, job: Job) -> str:
    return f"{base_of(request)}/v1/predictions/{job.id}"


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
