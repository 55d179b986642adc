"""Reading requests of Runflow's protocol, and refusing them in its envelope."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints
from starlette.responses import JSONResponse, Response

from harness.sim.faults import RETRY_AFTER_S
from harness.sim.work import LARGEST_PX, SMALLEST_PX, Format

if TYPE_CHECKING:
    from starlette.requests import Request

    from harness.sim.contender import Fault

SIZES_PX = {
    "square_hd": (1024, 1024),
    "square": (512, 512),
    "portrait_4_3": (768, 1024),
    "portrait_16_9": (576, 1024),
    "landscape_4_3": (1024, 768),
    "landscape_16_9": (1024, 576),
}
Prompt = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class RefusedError(Exception):
    """A request that gets an error; `errors` are what is wrong with single fields."""

    def __init__(self, status: int, code: str, message: str, errors: list[dict[str, object]] | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.errors = status, code, message, errors

    def response(self) -> Response:
        """The error as it is sent."""
        headers = {"retry-after": str(RETRY_AFTER_S)} if self.status == 429 else None
        content = {"code": self.code, "message": self.message, "errors": self.errors}
        return JSONResponse(content, self.status, headers)


class _Size(BaseModel):
    """A size in pixels."""

    width: int = Field(ge=SMALLEST_PX, le=LARGEST_PX)
    height: int = Field(ge=SMALLEST_PX, le=LARGEST_PX)


class KleinInput(BaseModel):
    """The inputs of most models; unknown ones are ignored."""

    prompt: Prompt
    image_urls: list[str] = Field(default=[], max_length=4)
    image_size: (
        Literal["square_hd", "square", "portrait_4_3", "portrait_16_9", "landscape_4_3", "landscape_16_9"]
        | _Size
        | None
    ) = None
    num_images: int = Field(default=1, ge=1, le=4)
    num_inference_steps: int = Field(default=4, ge=1, le=50)
    seed: int | None = None
    output_format: Format = "png"
    enable_safety_checker: bool = True

    def size_px(self, automatic: tuple[int, int]) -> tuple[int, int]:
        """Width and height."""
        if isinstance(self.image_size, _Size):
            return self.image_size.width, self.image_size.height
        return SIZES_PX[self.image_size] if self.image_size else automatic


class ShortInput(BaseModel):
    """The inputs of the edit of FLUX.2 [klein] 4B; unknown ones are ignored."""

    prompt: Prompt
    image_urls: list[str] = Field(min_length=1, max_length=4)
    steps: int = Field(default=4, ge=1, le=25)
    seed: int | None = None


def authorise(request: Request) -> None:
    """RefusedError for the key `invalid`."""
    if request.headers.get("authorization") == "Bearer invalid":
        raise RefusedError(401, "UNAUTHORIZED", "The API key is not valid.")


def invalid(field: str, message: str) -> RefusedError:
    """The error for an input that cannot be used."""
    errors: list[dict[str, object]] = [{"field": f"input.{field}", "message": message}]
    return RefusedError(422, "VALIDATION_ERROR", f"input.{field}: {message}", errors)


def fault_response(fault: Fault) -> Response:
    """The answer to a call that a fault spoils."""
    refused = {
        "server_error": RefusedError(500, "INTERNAL_ERROR", "Something went wrong."),
        "unavailable": RefusedError(503, "MODEL_UNAVAILABLE", "The model is not available at the moment."),
        "rate_limited": RefusedError(429, "RATE_LIMITED", "Rate limit exceeded: too many requests."),
        "payment": RefusedError(402, "INSUFFICIENT_CREDIT", "The balance of the account is too low."),
    }
    return refused[fault].response()
