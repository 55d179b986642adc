"""Requests of Replicate's protocol, and refusing them as problem objects."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.responses import JSONResponse, Response

from harness.sim.faults import RETRY_AFTER_S

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from harness.sim.contender import Fault

LONGEST_HOLD_S, SHORTEST_DEADLINE_S = 60, 5
_GRID_PX = 16
_UNIT_S = {"s": 1, "m": 60, "h": 3600}


class KleinInput(BaseModel):
    """The inputs that the model declares; others are ignored without a word."""

    model_config = ConfigDict(strict=True)

    prompt: str
    images: list[str] = Field(default=[], max_length=5)
    aspect_ratio: Literal[
        "1:1", "16:9", "9:16", "3:2", "2:3", "4:3", "3:4", "5:4", "4:5", "21:9", "9:21", "match_input_image"
    ] = "1:1"
    output_megapixels: Literal["0.25", "0.5", "1", "2", "4"] = "1"
    seed: int | None = Field(default=None, ge=0, lt=2**63)
    go_fast: bool = False
    output_format: Literal["jpg", "png", "webp"] = "jpg"
    output_quality: int = Field(default=95, ge=0, le=100)
    disable_safety_checker: bool = False

    def size_px(self, source: tuple[int, int] | None) -> tuple[int, int]:
        """The pixels that this model chooses: so many megapixels in that shape, cut to its grid."""
        width, height = self._sides(source)
        scale = math.sqrt(float(self.output_megapixels) * 2**20 / (width * height))
        return _on_grid(width * scale), _on_grid(height * scale)

    def _sides(self, source: tuple[int, int] | None) -> tuple[int, int]:
        if self.aspect_ratio == "match_input_image":
            return source or (1, 1)
        width, _, height = self.aspect_ratio.partition(":")
        return int(width), int(height)


def _on_grid(side_px: float) -> int:
    return max(_GRID_PX, int(side_px + 1e-6) // _GRID_PX * _GRID_PX)


class ProblemError(Exception):
    """A request that gets a problem object."""

    def __init__(self, status: int, title: str, detail: str, *invalid_fields: dict[str, str]) -> None:
        super().__init__(detail)
        self.status, self.title, self.detail, self.invalid_fields = status, title, detail, invalid_fields

    def response(self, headers: dict[str, str] | None = None) -> Response:
        """The problem as it is sent."""
        content: dict[str, object] = {"title": self.title, "detail": self.detail, "status": self.status}
        if self.invalid_fields:
            content["invalid_fields"] = self.invalid_fields
        return JSONResponse(content, self.status, headers, "application/problem+json")


def parse_input(fields: object) -> KleinInput:
    """The inputs of a request, or ProblemError that names what is wrong with them."""
    try:
        return KleinInput.model_validate(fields)
    except ValidationError as error:
        problems = [_invalid_field(found) for found in error.errors(include_url=False)]
        detail = "\n".join(f"- {problem['field']}: {problem['description']}" for problem in problems)
        raise ProblemError(422, "Input validation failed", detail, *problems) from error


def _invalid_field(found: ErrorDetails) -> dict[str, str]:
    name = ".".join(["input", *(str(part) for part in found["loc"])])
    return {
        "type": "required" if found["type"] == "missing" else found["type"],
        "field": name,
        "description": found["msg"],
    }


def hold_s(prefer: str) -> int:
    """For how many seconds `Prefer` asks the answer to be held; 0 if it does not."""
    found = re.fullmatch(r"wait(?:=(\d{1,3}))?", prefer.strip())
    return min(LONGEST_HOLD_S, int(found[1] or LONGEST_HOLD_S)) if found else 0


def deadline_s(cancel_after: str) -> int | None:
    """The seconds of `Cancel-After`; None if it is not given. ProblemError if it cannot be kept to."""
    if not cancel_after:
        return None
    found = re.fullmatch(r"(\d{1,5})([smh]?)", cancel_after)
    seconds = int(found[1]) * _UNIT_S[found[2] or "s"] if found else 0
    if seconds < SHORTEST_DEADLINE_S:
        raise ProblemError(422, "Invalid Cancel-After", f"Cancel-After: needs {SHORTEST_DEADLINE_S} seconds or more")
    return seconds


def describe(model: str, version: str, url: str, runs: int) -> dict[str, object]:
    """A model, with the schema of its inputs."""
    owner, _, name = model.partition("/")
    schemas = {"Input": KleinInput.model_json_schema(), "Output": {"type": "array", "items": {"type": "string"}}}
    return {
        "url": url,
        "owner": owner,
        "name": name,
        "description": "A simulated model.",
        "visibility": "public",
        "is_official": True,
        "run_count": runs,
        "latest_version": {
            "id": version,
            "created_at": "2026-01-01T00:00:00.000000Z",
            "cog_version": "0.16.0",
            "openapi_schema": {"openapi": "3.0.2", "components": {"schemas": schemas}},
        },
        **dict.fromkeys(("github_url", "paper_url", "license_url", "cover_image_url", "default_example")),
    }


def throttled(*, in_words_only: bool) -> Response:
    """The refusal for the rate, which says in words when to come back and need not say it in a header."""
    detail = f"Request was throttled. Your rate limit resets in ~{RETRY_AFTER_S}s."
    headers = None if in_words_only else {"retry-after": str(RETRY_AFTER_S)}
    return ProblemError(429, "Too many requests", detail).response(headers)


def fault_response(fault: Fault) -> Response:
    """The problem of a fault that spoils the submitting call."""
    problems: dict[Fault, tuple[int, str, str]] = {
        "server_error": (500, "Internal server error", "The simulated provider failed."),
        "unavailable": (503, "Service unavailable", "The simulated provider takes no requests now."),
        "payment": (402, "Insufficient credit", "There is no credit left to run this model."),
    }
    return ProblemError(*problems[fault]).response()


def job_error(fault: Fault | None) -> str | None:
    """What a prediction says that ended with a fault."""
    errors: dict[Fault, str] = {
        "moderated": "This input was flagged as sensitive (E005)",
        "moderated_output": "NSFW content was found in the image",
        "job_failed": "CUDA out of memory",
    }
    return errors.get(fault) if fault else None
