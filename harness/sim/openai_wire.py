"""Reading requests of the OpenAI images protocol, and refusing them in its envelope."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints, ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.responses import JSONResponse, Response

from harness.sim.faults import RETRY_AFTER_S
from harness.sim.work import LARGEST_PX, SMALLEST_PX, Format

if TYPE_CHECKING:
    from harness.sim.contender import Fault

_DEFAULT_SIZE_PX = (1024, 1024)


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

    def size_px(self, automatic: tuple[int, int] = _DEFAULT_SIZE_PX) -> tuple[int, int]:
        """Width and height in pixels, `automatic` if it is left open; RefusedError if unusable."""
        if self.size == "auto":
            return automatic
        match = re.fullmatch(r"(\d{1,5})x(\d{1,5})", self.size)
        size = (int(match[1]), int(match[2])) if match else (0, 0)
        if not all(SMALLEST_PX <= side <= LARGEST_PX for side in size):
            message = f"Invalid size {self.size!r}: use WIDTHxHEIGHT with sides from {SMALLEST_PX} to {LARGEST_PX}."
            raise RefusedError(400, message, "invalid_size", "size")
        return size


class RefusedError(Exception):
    """A request that gets an error; `code`, `param` and `kind` (the type) are the envelope's."""

    def __init__(
        self,
        status: int,
        message: str,
        code: str | None = None,
        param: str | None = None,
        kind: str = "invalid_request_error",
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.code, self.param, self.kind = status, message, code, param, kind

    def response(self) -> Response:
        """The error as it is sent."""
        error = {"message": self.message, "type": self.kind, "code": self.code, "param": self.param}
        headers = {"retry-after": str(RETRY_AFTER_S)} if self.status == 429 else None
        return JSONResponse({"error": error}, self.status, headers)


def parse_body(fields: object) -> ImagesBody:
    """The fields of a request, or RefusedError with status 400 that names the first wrong one."""
    try:
        return ImagesBody.model_validate(fields)
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


def fault_response(fault: Fault) -> Response:
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
            "The image was withheld by the safety system: content_policy_violation.",
            "content_policy_violation",
            kind="image_generation_user_error",
        ),
        "job_failed": RefusedError(500, "The model failed.", kind="server_error"),
        "start_timeout": RefusedError(504, "The request was not started in time.", kind="server_error"),
        "payment": RefusedError(402, "You have no credit left.", "insufficient_quota", kind="insufficient_quota"),
    }
    return refused[fault].response()
