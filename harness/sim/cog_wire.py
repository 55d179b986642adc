"""Reading requests of the cog protocol, and its replies."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import BaseModel
from starlette.responses import JSONResponse, PlainTextResponse, Response

from harness.sim.faults import RETRY_AFTER_S
from harness.sim.work import LARGEST_PX, SMALLEST_PX, BadImageError, Format

if TYPE_CHECKING:
    from harness.sim.contender import Fault

NSFW = "NSFW content detected. Try running it again, or try a different prompt."


class CogInput(BaseModel):
    """The inputs that the model declares; unknown ones are dropped, as cog does."""

    prompt: str
    width: int = 1024
    height: int = 1024
    seed: int | None = None
    num_inference_steps: int = 4
    guidance: float = 1.0
    output_format: Format | None = None
    images: list[str] = []


@dataclass(frozen=True)
class Bounds:
    """The JSON type of an input with its limits."""

    type: str
    least: float | None = None
    most: float | None = None
    choices: tuple[str, ...] = ()


_INPUTS: dict[str, Bounds] = {
    "prompt": Bounds("string"),
    "width": Bounds("integer", SMALLEST_PX, LARGEST_PX),
    "height": Bounds("integer", SMALLEST_PX, LARGEST_PX),
    "seed": Bounds("integer", 0, 2**63 - 1),
    "num_inference_steps": Bounds("integer", 1, 500),
    "guidance": Bounds("number", 0, 100),
    "output_format": Bounds("string", choices=("png", "jpeg", "webp")),
    "images": Bounds("array"),
}
_PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "array": (list,),
}


class UnusableError(Exception):
    """A request that is refused before it becomes a prediction; `response` is what is sent."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


def parse_request(body: bytes, url_id: str | None) -> tuple[CogInput, str | None]:
    """The inputs and the identifier of a prediction request; UnusableError if cog would not take it."""
    try:
        fields = json.loads(body)
    except ValueError as error:
        raise UnusableError(PlainTextResponse(f"Failed to parse the request body as JSON: {error}", 400)) from error
    if not isinstance(fields, dict):
        raise UnusableError(
            PlainTextResponse("Failed to deserialize the JSON body into the target type: expected an object", 422)
        )
    body_id = fields.get("id")
    if url_id is not None and body_id not in {None, url_id}:
        message = "prediction ID must match the ID supplied in the URL"
        raise _invalid([_detail(["body", "id"], message)])
    inputs = fields.get("input") or {}
    problems = _problems(inputs if isinstance(inputs, dict) else {})
    if problems:
        raise _invalid(problems)
    known = {name: value for name, value in inputs.items() if name in _INPUTS}
    return CogInput.model_validate(known), url_id or (body_id if isinstance(body_id, str) else None)


def _invalid(details: list[dict[str, object]]) -> UnusableError:
    return UnusableError(JSONResponse({"detail": details}, 422))


def _detail(loc: list[str], message: str, kind: str = "value_error") -> dict[str, object]:
    return {"loc": loc, "msg": message, "type": kind}


def _problems(inputs: dict[str, object]) -> list[dict[str, object]]:
    found = [
        _detail(["body", "input", name], problem)
        for name, bounds in _INPUTS.items()
        if name in inputs and (problem := _problem(inputs[name], bounds))
    ]
    if "prompt" not in inputs:
        found.append(_detail(["body", "input", "prompt"], "Field required", "value_error.missing"))
    return found


def _problem(value: object, bounds: Bounds) -> str | None:
    shown = json.dumps(value)
    if isinstance(value, bool) or not isinstance(value, _PYTHON_TYPES[bounds.type]):
        return f'{shown} is not of type "{bounds.type}"'
    if isinstance(value, list):
        wrong = next((item for item in value if not isinstance(item, str)), None)
        return None if wrong is None else f'{json.dumps(wrong)} is not of type "string"'
    if bounds.choices and value not in bounds.choices:
        return f"{shown} is not one of {json.dumps(bounds.choices, separators=(',', ':'))}"
    if isinstance(value, int | float):
        if bounds.least is not None and value < bounds.least:
            return f"{shown} is less than the minimum of {bounds.least}"
        if bounds.most is not None and value > bounds.most:
            return f"{shown} is greater than the maximum of {bounds.most}"
    return None


def decode_data_uri(text: str) -> bytes:
    """The bytes of a data URI; BadImageError for anything else, for nothing is downloaded."""
    head, _, data = text.partition(",")
    if not head.startswith("data:") or not head.endswith(";base64"):
        raise BadImageError("input images must be data URIs")
    try:
        return base64.b64decode(data, validate=True)
    except binascii.Error as error:
        raise BadImageError("the data URI is not valid base64") from error


def data_uri(image: bytes, image_format: Format) -> str:
    """`image` as a data URI."""
    return f"data:image/{image_format};base64,{base64.b64encode(image).decode()}"


def failure(status: int, error: str) -> Response:
    """A reply without a prediction, as cog words it."""
    headers = {"retry-after": str(RETRY_AFTER_S)} if status == 429 else None
    return JSONResponse({"error": error, "status": "failed"}, status, headers)


def at_capacity() -> Response:
    """The reply when every slot is busy."""
    return failure(409, "At capacity - all prediction slots busy")


def fault_response(fault: Fault) -> Response:
    """The error of a fault that is not a prediction's."""
    errors: dict[Fault, tuple[int, str]] = {
        "server_error": (500, "Internal server error"),
        "unavailable": (503, "Setup has not finished"),
        "rate_limited": (429, "Too many requests"),
        "job_failed": (500, "The prediction failed"),
        "start_timeout": (504, "The prediction was not started in time"),
        "payment": (402, "No credit left"),
    }
    return failure(*errors[fault])
