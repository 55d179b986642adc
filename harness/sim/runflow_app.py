"""Simulated providers that speak Runflow's protocol: submit, then poll.

`output_images`: the output has `images[]`, as the models of the underlying API answer; `output_image_urls`: it has
`image_urls[]`; otherwise it is the normalized `outputs[]`. `nsfw_flag`: an image that is withheld comes with a flag in
a run that succeeded. A contender that only edits is of the sort of FLUX.2 [klein] 4B's edit: it takes prompt, images,
steps and seed, ignores whatever else is sent, and makes a JPEG of 1024x1024. The codes of failed runs are examples:
there is no public list of them. A refusal for the rate has a Retry-After, which one of two pages about it denies.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from arena.domain.request import Mode
from harness.sim.cog_wire import decode_data_uri
from harness.sim.files import base_of, files_route
from harness.sim.jobs import Jobs, spoiled
from harness.sim.runflow_wire import (
    SIZES_PX,
    KleinInput,
    RefusedError,
    ShortInput,
    authorise,
    fault_response,
    invalid,
)
from harness.sim.work import BadImageError, Order, open_sources, seed_of

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp

    from harness.sim.contender import Fault
    from harness.sim.jobs import Job
    from harness.sim.state import Provider

STATUSES = ("queued", "dispatching", "running", "succeeded", "failed", "canceled", "partial_succeeded")
FAILURES: dict[Fault | None, tuple[str, str, str]] = {
    "moderated": ("CONTENT_MODERATED", "preprocess", "the prompt was refused"),
    "moderated_output": ("CONTENT_MODERATED", "postprocess", "the image was withheld"),
    "job_failed": ("MODEL_ERROR", "execute", "the model failed"),
    "start_timeout": ("DISPATCH_TIMEOUT", "dispatch", "no worker became free in time"),
}
"""Code, stage and message of a failed run."""


def runflow_app(provider: Provider) -> ASGIApp:
    """The ASGI app of one contender, whose model is `owner/name`, to be mounted under its name."""
    api = _Api(provider)
    return Starlette(
        routes=[
            Route("/v1/models/{model:path}/runs", api.create, methods=["POST"]),
            Route("/v1/runs/statuses", api.statuses),
            Route("/v1/runs/{id}", api.run),
            Route("/v1/billing/balance", api.balance),
            Route("/v1/health", api.health),
            files_route(provider),
        ],
        exception_handlers={RefusedError: _refused, HTTPException: _http_error},
    )


class _Api:
    """The handlers of one contender."""

    def __init__(self, provider: Provider) -> None:
        self._provider, self._contender, self._jobs = provider, provider.contender, Jobs(provider)

    async def health(self, _request: Request) -> Response:
        """It is up."""
        return JSONResponse({"status": "ok"})

    async def statuses(self, request: Request) -> Response:
        """The statuses that a run can have."""
        authorise(request)
        return JSONResponse({"items": [{"code": code} for code in STATUSES]})

    async def balance(self, request: Request) -> Response:
        """What is left to spend."""
        authorise(request)
        return JSONResponse({"balance": format(100 - self._provider.tally.billed_usd, "f"), "currency": "USD"})

    async def create(self, request: Request) -> Response:
        """Start a run."""
        tally = self._provider.tally
        tally.requests += 1
        try:
            authorise(request)
            given = await self._read(request)
            order = await self._order(given, request.path_params["model"])
        except RefusedError as refused:
            tally.refusals["unauthorized" if refused.status == 401 else "invalid"] += 1
            raise
        ticket = self._provider.admit()
        if ticket is None:
            return fault_response("rate_limited")
        spoilt = await spoiled(self._provider, ticket, fault_response)
        if spoilt is not None:
            return spoilt
        return JSONResponse(self._told(request, self._jobs.start(request, order, ticket, given)), 201)

    async def run(self, request: Request) -> Response:
        """How a run stands."""
        authorise(request)
        job = self._jobs.find(request.path_params["id"].replace("-", ""))
        if job is None:
            raise RefusedError(404, "RUN_NOT_FOUND", "There is no such run.")
        job.asked += 1
        return JSONResponse(self._told(request, job))

    async def _read(self, request: Request) -> dict[str, object]:
        try:
            body = json.loads(await request.body())
        except ValueError as error:
            raise RefusedError(400, "BAD_REQUEST", "The body of the request is not valid JSON.") from error
        given = body.get("input") if isinstance(body, dict) else None
        if not isinstance(given, dict):
            raise invalid("input", "Field required")
        return given

    async def _order(self, given: dict[str, object], asked: str) -> Order:
        edits = asked == f"{self._contender.model}/edit"
        if asked != self._contender.model and not edits:
            raise RefusedError(404, "NOT_FOUND", f"There is no model {asked}.")
        if (Mode.EDIT if edits else Mode.TEXT_TO_IMAGE) not in self._contender.modes:
            raise RefusedError(404, "NOT_FOUND", f"There is no model {asked}.")
        try:
            inputs = self._inputs(given)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            raise invalid(str(first["loc"][0]), first["msg"]) from error
        if edits != bool(inputs.image_urls):
            raise invalid("image_urls", "Field required" if edits else "Unexpected field")
        try:
            blobs = [decode_data_uri(image) for image in inputs.image_urls]
            sources = await open_sources(self._provider, blobs)
        except BadImageError as error:
            raise invalid("image_urls", str(error)) from error
        width_px, height_px = inputs.size_px(sources[0].size if sources else SIZES_PX["landscape_4_3"])
        return Order(inputs.prompt, width_px, height_px, inputs.seed, inputs.num_images, inputs.output_format, sources)

    def _inputs(self, given: dict[str, object]) -> KleinInput:
        if self._contender.modes != {Mode.EDIT}:
            return KleinInput.model_validate(given)
        short = ShortInput.model_validate(given)
        told = short.model_dump(include={"prompt", "image_urls", "seed"})
        return KleinInput.model_validate({**told, "image_size": "square_hd", "output_format": "jpeg"})

    def _told(self, request: Request, job: Job) -> dict[str, object]:
        """A run as it is sent."""
        run_id, never_started = str(UUID(job.id)), job.fault == "start_timeout"
        flagged = job.fault == "moderated_output" and "nsfw_flag" in self._contender.quirks
        status = "dispatching" if job.state == "queued" and job.asked else job.state
        code, stage, message = (None, None, None) if flagged else FAILURES.get(job.fault, (None, None, None))
        ended = job.ended_at is not None
        charged = self._contender.reports_cost and job.state == "succeeded"
        return {
            "id": run_id,
            "target_type": "model",
            "status_code": "succeeded" if flagged else status,
            "input": job.fields,
            "output": self._output(job, flagged=flagged) if job.state == "succeeded" or flagged else None,
            "created_at": _iso(job.created_at),
            "started_at": None if never_started else _iso(job.started_at),
            "completed_at": _iso(job.ended_at),
            "duration_ms": None if job.compute_s is None or never_started else round(job.compute_s * 1000),
            "cost": format(self._contender.price_usd * job.order.images, "f") if charged and ended else None,
            "request_id": f"req_{job.id[:12]}",
            "failure_code": code,
            "failure_stage_code": stage,
            "failure_message": message,
            "links": {"self": f"{base_of(request)}/v1/runs/{run_id}"},
        }

    def _output(self, job: Job, *, flagged: bool) -> dict[str, object]:
        order, seed = job.order, seed_of(job.order, job.ticket)
        if "output_image_urls" in self._contender.quirks:
            return {"image_urls": job.addresses, "seed": seed, "nsfw_detected": flagged}
        if "output_images" in self._contender.quirks:
            size = {"width": order.width_px, "height": order.height_px, "content_type": f"image/{order.format}"}
            images = [{"url": address, **size} for address in job.addresses]
            timings = {"inference": job.compute_s}
            return {"images": images, "seed": seed, "has_nsfw_concepts": [flagged] * order.images, "timings": timings}
        outputs = [{"url": address, "type": "image"} for address in job.addresses]
        return {"outputs": outputs, "seed": seed, "timing": None, "nsfw_detected": flagged or None}


async def _refused(_request: Request, error: Exception) -> Response:
    return error.response() if isinstance(error, RefusedError) else Response(status_code=500)


async def _http_error(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return RefusedError(status, "NOT_FOUND" if status == 404 else "BAD_REQUEST", str(error)).response()


def _iso(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
