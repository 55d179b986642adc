"""Simulated providers that speak EmpirioLabs' protocol: OpenAI's path, answered with a job unless `sync` is sent.

Always: a job comes with the path where it is asked for; WebP where no `format` is told; `output_format` is ignored;
edits are generations with `image`; what a model takes is told at `/models/{id}`. A job whose start fails makes the
questions for it time out. How errors of jobs look is not documented: they have the codes of the documented ones.
"""

from __future__ import annotations

import base64
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field, field_validator
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from harness.sim.cog_wire import decode_data_uri
from harness.sim.jobs import Jobs, spoiled
from harness.sim.openai_app import ImagesApi
from harness.sim.openai_wire import DEFAULT_SIZE_PX, ImagesBody, RefusedError, drawable
from harness.sim.work import BadImageError, Format, Order, open_sources, seed_of

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp

    from harness.sim.contender import Fault
    from harness.sim.jobs import Job
    from harness.sim.openai_app import Work
    from harness.sim.state import Provider

MOST_PIXELS = 1_048_576
STATUSES = {"queued": "queued", "running": "processing", "succeeded": "completed", "failed": "failed"}
PARAMETERS = ("prompt", "size", "num_inference_steps", "guidance_scale", "seed", "n", "format", "response_format")
RATIOS_PX = {
    "1:1": (1024, 1024),
    "16:9": (1344, 768),
    "9:16": (768, 1344),
    "4:3": (1152, 864),
    "3:4": (864, 1152),
    "3:2": (1216, 832),
    "2:3": (832, 1216),
}


def empiriolabs_app(provider: Provider) -> ASGIApp:
    """The ASGI app of one contender, to be mounted under its name."""
    return _EmpirioLabs(provider).app()


class _Body(ImagesBody):
    """The fields of a request, in EmpirioLabs' names and bounds."""

    n: int = Field(default=1, ge=1, le=4)
    width: int | None = Field(default=None, ge=256, le=2048)
    height: int | None = Field(default=None, ge=256, le=2048)
    aspect_ratio: str = "1:1"
    num_inference_steps: int | None = Field(default=None, ge=1, le=12)
    guidance_scale: float | None = Field(default=None, ge=0, le=8)
    output_format: Format | None = Field(default=None, alias="format")
    image: list[str] = Field(default=[], max_length=4)
    sync: bool = False

    @field_validator("output_format", mode="before")
    @classmethod
    def _jpg(cls, value: object) -> object:
        return "jpeg" if value == "jpg" else value

    @field_validator("aspect_ratio")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in RATIOS_PX:
            raise ValueError(f"Input should be one of {', '.join(RATIOS_PX)}")
        return value

    def size_px(self, automatic: tuple[int, int] = DEFAULT_SIZE_PX) -> tuple[int, int]:
        """Width and height by `size`, by the sides, or by the ratio; no more pixels than the model makes."""
        by_sides = (self.width, self.height) if self.width and self.height else RATIOS_PX[self.aspect_ratio]
        size = super().size_px(automatic=by_sides)
        if size[0] * size[1] > MOST_PIXELS:
            message = f"Width x height must be at most {MOST_PIXELS} pixels."
            raise RefusedError(400, message, "invalid_value", "size")
        return drawable(f"{size[0]}x{size[1]}", size)


class _EmpirioLabs(ImagesApi):
    """The handlers of one contender."""

    name_header: ClassVar[str] = ""
    body_type: ClassVar[type[ImagesBody]] = _Body
    edits: ClassVar[bool] = False

    def __init__(self, provider: Provider) -> None:
        super().__init__(provider)
        self._jobs = Jobs(provider)

    def routes(self, prefix: str) -> list[BaseRoute]:
        """The usual ones, and those of jobs and single models."""
        more = [Route(f"{prefix}/jobs/{{id}}", self.job), Route(f"{prefix}/models/{{id}}", self.model)]
        return [*super().routes(prefix), *more]

    async def model(self, request: Request) -> Response:
        """The one model that is served, with what it takes."""
        try:
            self.authorise(request)
            if request.path_params["id"] != self.contender.model:
                raise RefusedError(404, "There is no such model.", "model_not_found")
        except RefusedError as refused:
            return self.refuse(refused)
        taken = [{"name": name} for name in PARAMETERS]
        return JSONResponse({"id": self.contender.model, "object": "model", "supported_parameters": taken})

    async def job(self, request: Request) -> Response:
        """How a job stands."""
        try:
            self.authorise(request)
            job = self._jobs.find(request.path_params["id"].removeprefix("job_"))
            if job is None:
                raise RefusedError(404, "There is no such job.", "job_not_found")
            if job.fault == "start_timeout":
                raise self.fault("start_timeout")
        except RefusedError as refused:
            return self.refuse(refused)
        return JSONResponse(self._told(job))

    async def read_json(self, request: Request) -> tuple[ImagesBody, Order]:
        """The fields, and what they ask for; the first input image is the one that is changed."""
        body, order = await super().read_json(request)
        given = body.image if isinstance(body, _Body) else []
        try:
            sources = await open_sources(self.provider, [decode_data_uri(image) for image in given])
        except BadImageError as error:
            raise RefusedError(400, f"Invalid image: {error}.", "invalid_image", "image") from error
        return body, replace(order, sources=sources)

    async def _admitted(self, request: Request, body: ImagesBody, order: Order) -> Response:
        if isinstance(body, _Body) and body.sync:
            return await super()._admitted(request, body, order)
        ticket = self.provider.admit()
        if ticket is None:
            return self._fault("rate_limited")
        spoilt = await spoiled(self.provider, ticket, self._fault)
        if spoilt is not None:
            return spoilt
        job = self._jobs.start(request, order, ticket, {"inline": body.response_format == "b64_json"})
        return JSONResponse(
            {**self._told(job), "poll_url": f"{request.scope.get('root_path', '')}/v1/jobs/job_{job.id}"}, 202
        )

    def _fault(self, fault: Fault) -> Response:
        return self.refuse(self.fault(fault))

    def fault(self, fault: Fault) -> RefusedError:
        """The error of a fault, in the documented codes as far as there are any."""
        refused = {
            "server_error": RefusedError(500, "Something went wrong.", "internal_error", kind="server_error"),
            "unavailable": RefusedError(
                503, "The model's worker is offline.", "model_unavailable", kind="server_error"
            ),
            "rate_limited": RefusedError(429, "The account is over its RPM limit.", "rate_limit_exceeded"),
            "moderated": RefusedError(400, "The prompt was refused.", "content_policy_violation", "prompt"),
            "moderated_output": RefusedError(400, "The image was withheld.", "content_policy_violation"),
            "job_failed": RefusedError(502, "The model failed.", "upstream_error", kind="server_error"),
            "start_timeout": RefusedError(504, "No worker took it in time.", "timeout", kind="server_error"),
            "payment": RefusedError(402, "The account needs more credits.", "insufficient_credits"),
        }
        return refused[fault]

    def content(self, work: Work, data: list[dict[str, object]]) -> dict[str, object]:
        """The body of a held answer."""
        return {"created": int(time.time()), "model": work.body.model, "data": data}

    def _told(self, job: Job) -> dict[str, object]:
        """A job as it is sent."""
        error = self.fault(job.fault) if job.fault else None
        return {
            "job_id": f"job_{job.id}",
            "status": STATUSES.get(job.state, "failed"),
            "progress": {"queued": 0.0, "running": 0.5}.get(job.state, 1.0),
            "created_at": _iso(job.created_at),
            "completed_at": None if job.ended_at is None else _iso(job.ended_at),
            "result": self._result(job) if job.state == "succeeded" else None,
            "error": None if error is None else {"code": error.code, "message": error.message},
        }

    def _result(self, job: Job) -> dict[str, object]:
        by_address: list[dict[str, object]] = [{"url": address} for address in job.addresses]
        inline: list[dict[str, object]] = [{"b64_json": base64.b64encode(image).decode()} for image in job.images]
        usage = {"billable_units": job.order.images, "billing_unit": "image"}
        data = inline if job.fields["inline"] else by_address
        return {"data": data, "seed": seed_of(job.order, job.ticket), "usage": usage}


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
