"""Reading requests of Black Forest Labs' protocol, and its answers."""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING

from pydantic import BaseModel, Field, ValidationError, field_validator
from starlette.responses import JSONResponse, Response

from harness.sim.faults import RETRY_AFTER_S
from harness.sim.work import BadImageError, Format

if TYPE_CHECKING:
    from PIL import Image

    from harness.sim.contender import Fault
    from harness.sim.work import Order

MOST_PIXELS, MP = 2048 * 2048, 2**20
SMALLEST_PX, LARGEST_PX, GRID_PX = 64, 4096, 16


class RefusedError(Exception):
    """A request that gets an error; `detail` is text, or a list of what is wrong with single fields."""

    def __init__(self, status: int, detail: object) -> None:
        super().__init__()
        self.status, self.detail = status, detail

    def response(self) -> Response:
        """The error as it is sent."""
        headers = {"retry-after": str(RETRY_AFTER_S)} if self.status == 429 else None
        return JSONResponse({"detail": self.detail}, self.status, headers)


class TaskBody(BaseModel):
    """The fields of a request; others are ignored. A side of None is left to the provider."""

    prompt: str
    input_image: str | None = None
    input_image_2: str | None = None
    input_image_3: str | None = None
    input_image_4: str | None = None
    seed: int | None = None
    width: int | None = Field(default=None, ge=SMALLEST_PX, le=LARGEST_PX)
    height: int | None = Field(default=None, ge=SMALLEST_PX, le=LARGEST_PX)
    safety_tolerance: int = Field(default=2, ge=0, le=5)
    output_format: Format | None = None

    @field_validator("width", "height")
    @classmethod
    def _multiple(cls, value: int | None) -> int | None:
        if value is not None and value % GRID_PX:
            raise ValueError(f"{value} is not a multiple of {GRID_PX}")
        return value

    def images(self) -> list[str]:
        """The input images, in base64."""
        given = [self.input_image, self.input_image_2, self.input_image_3, self.input_image_4]
        return [image for image in given if image]

    def size_px(self, sources: tuple[Image.Image, ...]) -> tuple[int, int]:
        """Width and height; what is not told is the first input image's, or 1024."""
        width_px, height_px = sources[0].size if sources else (1024, 1024)
        size = self.width or _on_grid(width_px), self.height or _on_grid(height_px)
        if size[0] * size[1] > MOST_PIXELS:
            raise invalid("width", f"{size[0]}x{size[1]} is more than 4 megapixels")
        return size


def read_body(body: bytes) -> TaskBody:
    """The fields of a request; RefusedError names the first wrong one."""
    try:
        return TaskBody.model_validate(json.loads(body))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = str(first["loc"][0]) if first["loc"] else ""
        raise invalid(name, first["msg"], first["type"]) from error
    except ValueError as error:
        raise invalid("", "JSON decode error", "json_invalid") from error


def decoded(image: str) -> bytes:
    """The bytes of an input image; nothing is downloaded."""
    try:
        return base64.b64decode(image, validate=True)
    except binascii.Error as error:
        raise BadImageError("input images must be base64") from error


def _on_grid(side_px: int) -> int:
    return min(LARGEST_PX, max(SMALLEST_PX, side_px // GRID_PX * GRID_PX))


def invalid(field: str, message: str, kind: str = "value_error", where: str = "body") -> RefusedError:
    """The refusal of one field."""
    return RefusedError(422, [{"loc": [where, field] if field else [where], "msg": message, "type": kind}])


def megapixels(order: Order) -> dict[str, float]:
    """What is counted for the price."""
    given = sum(source.width * source.height for source in order.sources)
    return {"input_mp": round(given / MP, 2), "output_mp": round(order.width_px * order.height_px / MP, 2)}


def told(task_id: str, status: str, result: object = None, details: object = None) -> dict[str, object]:
    """The answer to a question for a task."""
    answer = {"id": task_id, "status": status, "result": result, "progress": None, "details": details, "preview": None}
    return {**answer, "progress": 1.0} if status == "Ready" else answer


def fault_response(fault: Fault) -> Response:
    """The error of a fault that is not a task's."""
    errors: dict[Fault, tuple[int, str]] = {
        "server_error": (500, "Internal Server Error"),
        "unavailable": (503, "Service temporarily unavailable"),
        "rate_limited": (429, "Too many active tasks"),
        "payment": (402, "Insufficient credits"),
        "start_timeout": (504, "The task was not started in time"),
    }
    return RefusedError(*errors[fault]).response()
