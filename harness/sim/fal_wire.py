"""Reading requests of fal's endpoints, and what they answer."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Literal

from PIL import Image
from pydantic import BaseModel, Field, ValidationError
from starlette.responses import JSONResponse, Response

from arena.domain.request import Mode
from harness.sim.cog_wire import data_uri, decode_data_uri
from harness.sim.faults import RETRY_AFTER_S
from harness.sim.work import LARGEST_PX, SMALLEST_PX, BadImageError, Format, Order, encode, open_sources

if TYPE_CHECKING:
    from starlette.requests import Request

    from harness.sim.contender import Fault
    from harness.sim.state import Provider

BILLED = "x-fal-billable-units"
PRESETS = {
    "square_hd": (1024, 1024),
    "square": (512, 512),
    "portrait_4_3": (768, 1024),
    "portrait_16_9": (576, 1024),
    "landscape_4_3": (1024, 768),
    "landscape_16_9": (1024, 576),
}
Side = Annotated[int, Field(ge=SMALLEST_PX, le=LARGEST_PX)]
Preset = Literal["square_hd", "square", "portrait_4_3", "portrait_16_9", "landscape_4_3", "landscape_16_9"]


class ImageSize(BaseModel):
    """A size in pixels."""

    width: Side
    height: Side


class TextInput(BaseModel):
    """The arguments that are understood; others are ignored."""

    prompt: str = Field(min_length=1)
    image_size: ImageSize | Preset | None = None
    num_inference_steps: int = Field(default=4, ge=4, le=8)
    num_images: int = Field(default=1, ge=1, le=4)
    seed: int | None = Field(default=None, ge=0, lt=2**63)
    output_format: Format | None = None
    enable_safety_checker: bool = True
    sync_mode: bool = False

    def size_px(self, default: tuple[int, int]) -> tuple[int, int]:
        """Width and height in pixels."""
        if isinstance(self.image_size, ImageSize):
            return self.image_size.width, self.image_size.height
        return PRESETS[self.image_size] if self.image_size else default


class EditInput(TextInput):
    """The arguments of an edit; without a size it is the input image's."""

    image_urls: list[str] = Field(min_length=1, max_length=4)


@dataclass(frozen=True)
class Problem:
    """An answer that brings no image; `words` and `kind` are what the status of a queued request says of it."""

    status: int
    content: object
    words: str
    kind: str | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def response(self) -> Response:
        """As it is sent; nothing is billed."""
        told = {"x-fal-error-type": self.kind} if self.kind else {}
        return JSONResponse(self.content, self.status, {BILLED: "0", **told, **self.headers})


class RefusedError(Exception):
    """A request that cannot be served."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.words)
        self.problem = problem


def flat(status: int, words: str, kind: str | None = None, **headers: str) -> Problem:
    """A problem as the platform tells it: a text, and for its own failures a type."""
    content = {"detail": words, "error_type": kind} if kind else {"detail": words}
    return Problem(status, content, words, kind, {name.replace("_", "-"): value for name, value in headers.items()})


def typed(kind: str, words: str, loc: tuple[str | int, ...], status: int = 422, **more: object) -> Problem:
    """A problem as a model tells it: a list of typed entries."""
    entry = {"loc": ["body", *loc], "msg": words, "type": kind, "url": f"https://docs.fal.ai/errors#{kind}", **more}
    return Problem(status, {"detail": [entry]}, words)


def check_key(request: Request) -> None:
    """RefusedError for a bad key; a request without one is let in, as fal does for public models."""
    key = request.headers.get("authorization", "Key ")
    if key.partition(" ")[0] not in {"Key", "Bearer"} or key.endswith(" invalid"):
        raise RefusedError(flat(401, "There is no such key."))


async def read(provider: Provider, body: bytes, mode: Mode) -> tuple[TextInput, Order]:
    """The arguments of a request and what they ask for; RefusedError as the model would put it."""
    try:
        given = (EditInput if mode is Mode.EDIT else TextInput).model_validate(json.loads(body))
    except ValidationError as error:
        raise RefusedError(_validation(error)) from error
    except ValueError as error:
        raise RefusedError(typed("json_invalid", "JSON decode error", ())) from error
    try:
        blobs = [decode_data_uri(url) for url in given.image_urls] if isinstance(given, EditInput) else []
        sources = await open_sources(provider, blobs)
    except BadImageError as error:
        raise RefusedError(typed("file_download_error", str(error), ("image_urls",))) from error
    width_px, height_px = given.size_px(sources[0].size if sources else PRESETS["landscape_4_3"])
    image_format = given.output_format or provider.contender.output_format
    return given, Order(given.prompt, width_px, height_px, given.seed, given.num_images, image_format, sources)


def _validation(error: ValidationError) -> Problem:
    entries = [
        {**found, "url": f"https://docs.fal.ai/errors#{found['type']}", "loc": ["body", *found["loc"]]}
        for found in json.loads(error.json(include_url=False))
    ]
    return Problem(422, {"detail": entries}, str(entries[0]["msg"]))


def problem_of(fault: Fault) -> Problem:
    """How a fault is told."""
    problems = {
        "server_error": flat(500, "Something went wrong inside the platform.", "internal_error"),
        "unavailable": flat(503, "No runner could be had.", "runner_scheduling_failure"),
        "rate_limited": flat(429, "Too many requests at once.", retry_after=str(RETRY_AFTER_S)),
        "payment": flat(403, "User is locked. Reason: Exhausted balance."),
        "moderated": typed("content_policy_violation", "The prompt was flagged by a content checker.", ("prompt",)),
        "moderated_output": typed("content_policy_violation", "The image was flagged by a content checker.", ()),
        "job_failed": flat(500, "The runner failed.", "runner_server_error"),
        "start_timeout": flat(504, "It was not started in time.", "request_timeout", x_fal_request_timeout_type="user"),
    }
    return problems[fault]


def addresses_of(base_url: str, model: str, request_id: str) -> dict[str, object]:
    """The addresses of a queued request, which name the app and not the endpoint."""
    url = f"{base_url}/{'/'.join(model.split('/')[:2])}/requests/{request_id}"
    addresses = {"response_url": url, "status_url": f"{url}/status", "cancel_url": f"{url}/cancel"}
    return {"request_id": request_id, **addresses}


def output(
    order: Order, seed: int, images: list[bytes], addresses: list[str], inference_s: float, *, flagged: bool = False
) -> dict[str, object]:
    """The body of a result; without `addresses` the images are inside."""
    urls = addresses or [data_uri(image, order.format) for image in images]
    return {
        "images": [
            {
                "url": url,
                "width": order.width_px,
                "height": order.height_px,
                "content_type": f"image/{order.format}",
                "file_name": url.rpartition("/")[2] if addresses else None,
                "file_size": len(image) if addresses else None,
            }
            for url, image in zip(urls, images, strict=True)
        ],
        "timings": {"inference": round(inference_s, 6)},
        "seed": seed,
        "has_nsfw_concepts": [flagged] * len(images),
        "prompt": order.prompt,
    }


def blacked_out(order: Order) -> list[bytes]:
    """What is left of images that the checker has flagged; whether fal does so is not confirmed."""
    return [encode(Image.new("RGB", (order.width_px, order.height_px)), order.format)] * order.images
