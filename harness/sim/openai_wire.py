"""Reading requests of the OpenAI images protocol, and refusing them in its envelope."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

from pydantic import BaseModel, Field, StringConstraints, ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.responses import JSONResponse, Response

from harness.sim.faults import RETRY_AFTER_S
from harness.sim.work import LARGEST_PX, SMALLEST_PX, Format

if TYPE_CHECKING:
    from harness.sim.contender import Fault

DEFAULT_SIZE_PX = (1024, 1024)


class ImagesBody(BaseModel):
    """The fields of a request that are understood, from JSON or from a form; others are ignored."""

    model: str
    prompt: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=32_000)]
    n: int = Field(default=1, ge=1, le=10)
    size: str = "auto"
    response_format: Literal["url", "b64_json"] | None = None
    output_format: Format | None = None
    seed: int | None = Field(default=None, ge=0, lt=2**63)
    num_inference_steps: int | None = Field(default=None, ge=1, le=500)
    guidance_scale: float | None = Field(default=None, ge=0, le=100)

    def size_px(self, automatic: tuple[int, int] = DEFAULT_SIZE_PX) -> tuple[int, int]:
        """Width and height in pixels, `automatic` if it is left open; RefusedError if unusable."""
        return automatic if self.size == "auto" else drawable(self.size, sides_px(self.size) or (0, 0))


Body = TypeVar("Body", bound=ImagesBody)


def sides_px(text: str) -> tuple[int, int] | None:
    """Width and height of `WIDTHxHEIGHT`, or None."""
    match = re.fullmatch(r"(\d{1,5})x(\d{1,5})", text)
    return (int(match[1]), int(match[2])) if match else None


def drawable(text: str, size: tuple[int, int]) -> tuple[int, int]:
    """A size that can be drawn; RefusedError with status 400 if it is beyond what the simulator draws."""
    if all(SMALLEST_PX <= side <= LARGEST_PX for side in size):
        return size
    message = f"Invalid size {text!r}: use WIDTHxHEIGHT with sides from {SMALLEST_PX} to {LARGEST_PX}."
    raise RefusedError(400, message, "invalid_size", "size")


class RefusedError(Exception):
    """A request that gets an error; `code`, `param`, `kind` (the type) and further `details` are the envelope's."""

    def __init__(
        self,
        status: int,
        message: str,
        code: str | None = None,
        param: str | None = None,
        kind: str = "invalid_request_error",
        details: dict[str, object] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.code, self.param, self.kind = status, message, code, param, kind
        self.details = details or {}

    def response(self) -> Response:
        """The error as OpenAI sends it."""
        error = {"message": self.message, "type": self.kind, "code": self.code, "param": self.param}
        return self.told({"error": {**error, **self.details}})

    def told(self, content: object) -> Response:
        """The error in an envelope of the host's own."""
        headers = {"retry-after": str(RETRY_AFTER_S)} if self.status == 429 else None
        return JSONResponse(content, self.status, headers)


def parse_body(fields: object, body_type: type[Body]) -> Body:
    """The fields of a request, or RefusedError with status 400 that names the first wrong one."""
    try:
        return body_type.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        param = str(first["loc"][0]) if first["loc"] else None
        code = "missing_required_parameter" if first["type"] == "missing" else "invalid_value"
        raise RefusedError(400, f"Invalid value for {param!r}: {first['msg']}.", code, param) from error


async def uploaded_images(form: FormData) -> list[bytes]:
    """The image parts of an edit, named `image` or `image[]`; RefusedError if there is none."""
    parts = [*form.getlist("image"), *form.getlist("image[]")]
    blobs = [await part.read() for part in parts if isinstance(part, UploadFile)]
    if not blobs:
        raise RefusedError(400, "At least one image file is required.", "missing_required_parameter", "image")
    return blobs


def fault_error(fault: Fault) -> RefusedError:
    """The error of a fault that the protocol has an envelope for."""
    refused = {
        "server_error": RefusedError(500, "The server had an error processing the request.", kind="server_error"),
        "unavailable": RefusedError(503, "The engine is overloaded, try again later.", kind="server_error"),
        "rate_limited": RefusedError(429, "Rate limit reached.", "rate_limit_exceeded", kind="requests"),
        "moderated": RefusedError(
            400,
            "The request was rejected by the safety system.",
            "moderation_blocked",
            kind="image_generation_user_error",
        ),
        "moderated_output": RefusedError(
            400,
            "The generated image was blocked by the safety system.",
            "moderation_blocked",
            kind="image_generation_user_error",
            details={"moderation_details": {"moderation_stage": "output", "categories": []}},
        ),
        "job_failed": RefusedError(500, "The model failed.", kind="server_error"),
        "start_timeout": RefusedError(504, "The request was not started in time.", kind="server_error"),
        "payment": RefusedError(402, "You have no credit left.", "insufficient_quota", kind="insufficient_quota"),
    }
    return refused[fault]
