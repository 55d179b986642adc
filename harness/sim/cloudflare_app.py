"""Simulated providers that speak Cloudflare Workers AI's protocol, as FLUX.2 is served there.

Always: everything comes in a multipart form, JSON is refused; the image is base64 in Cloudflare's envelope; input
images of 512 pixels a side or more are refused; one code, 3030, stands for all that is refused for its content; a
refusal for the rate, a day's allowance that is used up and a lack of capacity are all 429. Any account will do but the
one that says that none is set.
"""

from __future__ import annotations

import base64
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING

from pydantic import BaseModel, Field, ValidationError
from starlette.applications import Starlette
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from arena.domain.request import Mode
from harness.sim.faults import RETRY_AFTER_S, fulfil
from harness.sim.stamp import Stamped
from harness.sim.work import BadImageError, ClientGoneError, Order, open_sources, unless_gone

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp

    from harness.sim.contender import Fault
    from harness.sim.state import Provider

NO_ACCOUNT = "account-id-not-set"
INPUTS_BELOW_PX, MOST_INPUTS = 512, 4
FLAGGED = "AiError: AiError: Your output has been flagged. Please choose another prompt / input image combination"


def cloudflare_app(provider: Provider) -> ASGIApp:
    """The ASGI app of one contender, to be mounted under its name."""
    api, account = _Api(provider), "/client/v4/accounts/{account}/ai"
    app = Starlette(
        routes=[
            Route(f"{account}/run/{{model:path}}", api.run, methods=["POST"]),
            Route(f"{account}/models/search", api.search),
        ],
        exception_handlers={_RefusedError: _refused, HTTPException: _http_error},
    )
    return Stamped(app, lambda: [(b"cf-ray", f"{uuid.uuid4().hex[:16]}-SIM".encode())])


class _RefusedError(Exception):
    """A request that gets an error."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message

    def response(self) -> Response:
        """The error as it is sent."""
        headers = {"retry-after": str(RETRY_AFTER_S)} if self.status == 429 else None
        error = {"code": self.code, "message": self.message}
        return JSONResponse(_envelope(None, error), self.status, headers)


def _envelope(result: object, *errors: dict[str, object]) -> dict[str, object]:
    return {"result": result, "success": not errors, "errors": list(errors), "messages": []}


class _Fields(BaseModel):
    """The fields of a form; others are ignored, such as the steps, which are fixed."""

    prompt: str = Field(min_length=1)
    width: int = Field(default=1024, ge=256, le=1920)
    height: int = Field(default=1024, ge=256, le=1920)
    seed: int | None = Field(default=None, ge=0)


class _Api:
    """The handlers of one contender."""

    def __init__(self, provider: Provider) -> None:
        self._provider, self._contender = provider, provider.contender

    async def search(self, request: Request) -> Response:
        """The one model that is served, if it is what is searched for."""
        _authorise(request)
        model = self._contender.model
        entry = {"id": str(uuid.uuid5(uuid.NAMESPACE_URL, model)), "name": model, "task": {"name": "Text-to-Image"}}
        return JSONResponse(_envelope([entry] if request.query_params.get("search", "") in model else []))

    async def run(self, request: Request) -> Response:
        """Make or change an image."""
        tally = self._provider.tally
        tally.requests += 1
        try:
            _authorise(request)
            if request.path_params["model"] != self._contender.model:
                raise _RefusedError(400, 5007, f"No such model {request.path_params['model']} or task")
            order = await self._read(request)
        except _RefusedError as refused:
            tally.refusals["unauthorized" if refused.status == 401 else "invalid"] += 1
            raise
        except HTTPException:
            tally.refusals["invalid"] += 1
            raise
        ticket = self._provider.admit()
        if ticket is None:
            return _fault_response("unavailable")
        try:
            return await unless_gone(
                request.receive, lambda: fulfil(self._provider, order, ticket, _fault_response, _deliver)
            )
        except ClientGoneError:
            self._provider.tally.abandoned += 1
            return Response(status_code=499)
        finally:
            self._provider.leave()

    async def _read(self, request: Request) -> Order:
        if not request.headers.get("content-type", "").startswith("multipart/form-data"):
            raise _RefusedError(400, 5006, "AiError: AiError: Bad input: required properties at '/' are 'multipart'")
        async with request.form() as form:
            told = {name: value for name, value in form.multi_items() if isinstance(value, str)}
            blobs = await _input_images(form)
        try:
            fields = _Fields.model_validate(told)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            message = f"AiError: AiError: Bad input: {first['loc'][0]}: {first['msg']}"
            raise _RefusedError(400, 5006, message) from error
        if (Mode.EDIT if blobs else Mode.TEXT_TO_IMAGE) not in self._contender.modes:
            raise _RefusedError(400, 3030, "AiError: AiError: the model does not take this")
        order = Order(fields.prompt, fields.width, fields.height, fields.seed, 1, self._contender.output_format)
        try:
            sources = await open_sources(self._provider, blobs)
        except BadImageError as error:
            raise _RefusedError(400, 3030, f"AiError: AiError: input image: {error}") from error
        if any(max(source.size) >= INPUTS_BELOW_PX for source in sources):
            limit = f"{INPUTS_BELOW_PX}x{INPUTS_BELOW_PX}"
            raise _RefusedError(400, 3030, f"AiError: AiError: input images must be smaller than {limit}")
        return replace(order, sources=sources)


async def _input_images(form: FormData) -> list[bytes]:
    """The parts `input_image_0` and so on."""
    parts = [form.get(f"input_image_{number}") for number in range(MOST_INPUTS)]
    return [await part.read() for part in parts if isinstance(part, UploadFile)]


def _deliver(images: list[bytes]) -> Response:
    return JSONResponse(_envelope({"image": base64.b64encode(images[0]).decode()}))


def _authorise(request: Request) -> None:
    if request.headers.get("authorization") == "Bearer invalid":
        raise _RefusedError(401, 10000, "Authentication error")
    account = request.path_params["account"]
    if account == NO_ACCOUNT:
        message = f"Could not route to /client/v4/accounts/{account}, perhaps your object identifier is invalid?"
        raise _RefusedError(404, 7003, message)


def _fault_response(fault: Fault) -> Response:
    """The error of a fault, in the documented codes as far as there are any."""
    refused = {
        "server_error": _RefusedError(500, 3043, "AiError: AiError: Internal server error"),
        "unavailable": _RefusedError(429, 3040, "AiError: No more data centers to forward the request to"),
        "rate_limited": _RefusedError(429, 971, "Please wait and consider throttling your request speed"),
        "moderated": _RefusedError(400, 3030, "AiError: AiError: Input prompt contains NSFW content"),
        "moderated_output": _RefusedError(400, 3030, FLAGGED),
        "job_failed": _RefusedError(500, 3043, "AiError: AiError: Internal server error"),
        "start_timeout": _RefusedError(408, 3007, "AiError: Request timeout"),
        "payment": _RefusedError(429, 3036, "AiError: you have used up your daily free allocation"),
    }
    return refused[fault].response()


async def _refused(_request: Request, error: Exception) -> Response:
    return error.response() if isinstance(error, _RefusedError) else Response(status_code=500)


async def _http_error(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return _RefusedError(status, 7000 if status == 404 else 10001, str(getattr(error, "detail", error))).response()
