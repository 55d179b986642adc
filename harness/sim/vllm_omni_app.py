"""Simulated servers that speak vLLM-Omni's dialect of the OpenAI images protocol.

Always: base64 only, one model a server, `size: auto` is the input image's, no word about the seed, and what each stage
took if that is asked for.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, StringConstraints

from harness.sim.fastapi_images import FastApiImages
from harness.sim.openai_wire import DEFAULT_SIZE_PX, ImagesBody, RefusedError, drawable, sides_px

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp

    from arena.domain.request import Mode
    from harness.sim.openai_app import Work
    from harness.sim.state import Provider
    from harness.sim.work import Order

STAGES = {"text_encoder.forward": 0.1, "diffuse": 0.8, "vae.decode": 0.1}
"""The share that each stage has of the time."""


class VllmOmniBody(ImagesBody):
    """Its fields; a model need not be named."""

    model: str = ""
    size: Annotated[str, StringConstraints(pattern="x|^auto$")] = "auto"
    response_format: Literal["b64_json"] | None = None
    num_inference_steps: int | None = Field(default=None, ge=1, le=200)
    guidance_scale: float | None = Field(default=None, ge=0, le=20)
    return_stage_metrics: bool = False

    def size_px(self, automatic: tuple[int, int] = DEFAULT_SIZE_PX) -> tuple[int, int]:
        """As asked for."""
        if self.size == "auto":
            return automatic
        size = sides_px(self.size)
        if size is None:
            raise RefusedError(400, f"Invalid size format: {self.size!r}. Expected 'WIDTHxHEIGHT'.")
        return drawable(self.size, size)


class VllmOmniImages(FastApiImages):
    """One server with one model."""

    body_type = VllmOmniBody

    def check(self, body: ImagesBody, mode: Mode) -> None:
        """Another model is a bad request."""
        if body.model not in {"", self.contender.model}:
            served = f"request specifies '{body.model}' but server is running '{self.contender.model}'"
            raise RefusedError(400, f"Model mismatch: {served}.")
        if mode not in self.contender.modes:
            raise RefusedError(400, "This model does not take input images.")

    async def read_form(self, request: Request) -> tuple[ImagesBody, Order]:
        """As the protocol's, but for two statuses."""
        try:
            return await super().read_form(request)
        except RefusedError as error:
            if error.param == "response_format":
                raise RefusedError(400, "Only response_format 'b64_json' is supported now.") from error
            if error.code == "missing_required_parameter" and error.param == "image":
                raise RefusedError(422, "Field 'image' or 'url' is required") from error
            raise

    def content(self, work: Work, data: list[dict[str, object]]) -> dict[str, object]:
        """Without a seed, with what it was asked to measure."""
        order, generate_s = work.order, work.generate_s()
        staged = isinstance(work.body, VllmOmniBody) and work.body.return_stage_metrics
        stages = {f"Flux2KleinPipeline.{name}": round(share * generate_s, 6) for name, share in STAGES.items()}
        return {
            "created": int(time.time()),
            "data": [{**entry, "url": None, "revised_prompt": None} for entry in data],
            "output_format": order.format,
            "size": f"{order.width_px}x{order.height_px}",
            "cot_output": None,
            "metrics": {"stage_durations": stages, "peak_memory_mb": 8192.0} if staged else None,
        }

    def headers(self, _work: Work, _images: int) -> dict[str, str]:
        """None."""
        return {}


def vllm_omni_app(provider: Provider) -> ASGIApp:
    """The ASGI app of one contender."""
    return VllmOmniImages(provider).app()
