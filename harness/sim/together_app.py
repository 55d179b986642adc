"""Simulated providers that speak Together AI's images protocol.

Always: base64 is asked for as `base64` and comes as `b64_json`, limits are told in `x-ratelimit-*` headers and nowhere
else, files are refused to clients without a User-Agent, and neither seed nor timings nor cost are told.
"""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field, field_validator
from starlette.datastructures import Headers
from starlette.responses import JSONResponse, PlainTextResponse, Response

from harness.sim.cog_wire import decode_data_uri
from harness.sim.faults import RETRY_AFTER_S
from harness.sim.openai_app import ImagesApi
from harness.sim.openai_wire import DEFAULT_SIZE_PX, ImagesBody, RefusedError, drawable
from harness.sim.work import BadImageError, open_sources

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp, Receive, Scope, Send

    from harness.sim.contender import Fault
    from harness.sim.openai_app import Work
    from harness.sim.state import Provider
    from harness.sim.work import Order

NSFW = "The request was rejected: NSFW content detected."


def together_app(provider: Provider) -> ASGIApp:
    """The ASGI app of one contender, to be mounted under its name."""
    return _Cdn(_Together(provider).app())


class _Cdn:
    """`app`, whose files only clients get that say who they are."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse."""
        nameless = scope["type"] == "http" and not Headers(scope=scope).get("user-agent")
        refused = nameless and "/files/" in scope["path"]
        await (PlainTextResponse("Forbidden", 403) if refused else self._app)(scope, receive, send)


class _Body(ImagesBody):
    """The fields of a request, in Together's names and bounds."""

    n: int = Field(default=1, ge=1, le=4)
    width: int = DEFAULT_SIZE_PX[0]
    height: int = DEFAULT_SIZE_PX[1]
    num_inference_steps: int | None = Field(default=None, ge=1, le=50, alias="steps")
    reference_images: list[str] = Field(default_factory=list)
    image_url: str | None = None
    disable_safety_checker: bool = False

    @field_validator("response_format", mode="before")
    @classmethod
    def _base64(cls, value: object) -> object:
        if value not in {"base64", "url", None}:
            raise ValueError("Input should be 'base64' or 'url'")
        return "b64_json" if value == "base64" else value

    @field_validator("output_format")
    @classmethod
    def _no_webp(cls, value: object) -> object:
        if value == "webp":
            raise ValueError("Input should be 'jpeg' or 'png'")
        return value

    def given(self) -> list[str]:
        """The input images."""
        return self.reference_images + ([self.image_url] if self.image_url else [])

    def size_px(self, automatic: tuple[int, int] = DEFAULT_SIZE_PX) -> tuple[int, int]:
        """Width and height; there is always one."""
        return drawable(f"{self.width}x{self.height}", (self.width, self.height))


class _Together(ImagesApi):
    """The handlers of one contender."""

    name_header: ClassVar[str] = ""
    body_type: ClassVar[type[ImagesBody]] = _Body
    edits: ClassVar[bool] = False

    async def models(self, request: Request) -> Response:
        """The one model that is served, in a bare list."""
        try:
            self.authorise(request)
        except RefusedError as refused:
            return self.refuse(refused)
        entry = {"id": self.contender.model, "object": "model", "created": 0, "type": "image"}
        return JSONResponse([entry])

    async def read_json(self, request: Request) -> tuple[ImagesBody, Order]:
        """The fields, and what they ask for; the first input image is the one that is changed."""
        body, order = await super().read_json(request)
        given = body.given() if isinstance(body, _Body) else []
        try:
            sources = await open_sources(self.provider, [decode_data_uri(image) for image in given])
        except BadImageError as error:
            raise RefusedError(400, f"Invalid image: {error}.", "invalid_image", "reference_images") from error
        return body, replace(order, sources=sources)

    def refuse(self, error: RefusedError) -> Response:
        """An error in Together's envelope."""
        told = {"message": error.message, "type": error.kind, "param": error.param, "code": error.code}
        content = {"id": _name(), "error": told}
        return JSONResponse(content, error.status, self._limits() if error.status == 429 else None)

    def fault(self, fault: Fault) -> RefusedError:
        """The error of a fault; what was refused, prompt or image, is not told."""
        moderated = RefusedError(422, NSFW, "nsfw_content")
        refused = {
            "server_error": RefusedError(500, "Internal server error.", kind="server_error"),
            "unavailable": RefusedError(503, "The model is overloaded, try again later.", kind="service_unavailable"),
            "rate_limited": RefusedError(
                429, "You are sending requests faster than your rate allows.", kind="dynamic_request_limited"
            ),
            "moderated": moderated,
            "moderated_output": moderated,
            "job_failed": RefusedError(500, "The model failed.", kind="server_error"),
            "start_timeout": RefusedError(504, "The request was not started in time.", kind="timeout"),
            "payment": RefusedError(402, "You have no credit left.", kind="credit_limit"),
        }
        return refused[fault]

    def content(self, work: Work, data: list[dict[str, object]]) -> dict[str, object]:
        """The body of an answer."""
        entries = [{"index": index, "type": next(iter(entry)), **entry} for index, entry in enumerate(data)]
        return {"id": _name(), "model": work.body.model, "object": "list", "data": entries}

    def headers(self, _work: Work, _images: int) -> dict[str, str]:
        """How much more may be asked for."""
        return self._limits()

    def _limits(self) -> dict[str, str]:
        most, busy = self.contender.max_in_flight, self.provider.in_flight
        return {
            "x-ratelimit-limit": str(most),
            "x-ratelimit-remaining": str(max(0, most - busy)),
            "x-ratelimit-reset": str(RETRY_AFTER_S),
        }


def _name() -> str:
    return f"sim-{uuid.uuid4().hex[:12]}"
