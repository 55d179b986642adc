"""Simulated LiteLLM proxies, in front of a model that speaks the OpenAI images protocol.

Always: what the proxy knows is in headers, `image` and `image[]` together are refused, an unknown model is a bad
request. Quirk `rerouted`: the model behind fails, and unless falling back is switched off in JSON another one answers.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from harness.sim.openai_app import ImagesApi
from harness.sim.openai_wire import ImagesBody, RefusedError

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp

    from arena.domain.request import Mode
    from harness.sim.contender import Fault
    from harness.sim.openai_app import Work
    from harness.sim.state import Provider
    from harness.sim.work import Order

OVERHEAD_MS = 4.0
HEADERS = "x-litellm-"


class LiteLLMBody(ImagesBody):
    """The protocol's fields, and the proxy's own; text such as `true` from a form is not what it looks for."""

    disable_fallbacks: object = None


class LiteLLMImages(ImagesApi):
    """One proxy with one model."""

    prefixes = ("/v1", "")
    name_header = f"{HEADERS}call-id"
    body_type = LiteLLMBody

    def refuse(self, error: RefusedError) -> Response:
        """OpenAI's envelope; the code is a text, by default that of the status."""
        if error.status == 422:
            return error.told({"detail": error.message})
        said = {"message": error.message, "type": error.kind, "param": error.param, "code": error.code}
        return error.told({"error": {**said, "code": error.code or str(error.status)}})

    def fault(self, fault: Fault) -> RefusedError:
        """The proxy puts the name of its exception before the message of the model behind."""
        error = super().fault(fault)
        if fault == "payment":
            spent = "Budget has been exceeded! Current cost: 1.02, Max budget: 1.0"
            return RefusedError(400, spent, kind="budget_exceeded")
        name = {400: "ContentPolicyViolationError", 429: "RateLimitError"}.get(error.status, "APIError")
        return RefusedError(error.status, f"litellm.{name}: OpenAIException - {error.message}", error.code)

    def check(self, body: ImagesBody, mode: Mode) -> None:
        """An unknown model is a bad request."""
        if body.model != self.contender.model:
            known = "Call `/v1/models` to view available models for your key."
            raise RefusedError(400, f"Invalid model name passed in model={body.model}. {known}", param="model")
        super().check(body, mode)

    async def read_form(self, request: Request) -> tuple[ImagesBody, Order]:
        """A form with one way of naming images."""
        form = await request.form()
        if {"image", "image[]"} <= set(form):
            raise RefusedError(422, "Cannot specify both 'image' and 'image[]'")
        return await super().read_form(request)

    def content(self, work: Work, data: list[dict[str, object]]) -> dict[str, object]:
        """Nothing of the proxy's own."""
        usage = dict.fromkeys(("input_tokens", "output_tokens", "total_tokens"), 0)
        return {"created": int(time.time()), "data": data, "usage": usage}

    def headers(self, work: Work, images: int) -> dict[str, str]:
        """All that the proxy tells."""
        body = work.body
        fell_back = "rerouted" in self.contender.quirks
        if isinstance(body, LiteLLMBody) and body.disable_fallbacks is True:
            fell_back = False
        total_ms = work.generate_s() * 1000 + work.ticket.queue_s * 1000 + OVERHEAD_MS
        said = {
            "model-id": "f" * 64 if fell_back else "a" * 64,
            "model-api-base": f"http://{'spare' if fell_back else 'main'}.sim.invalid/v1",
            "response-cost": str(float(self.contender.price_usd * images)),
            "response-duration-ms": str(round(total_ms, 3)),
            "overhead-duration-ms": str(OVERHEAD_MS),
            "callback-duration-ms": "None",
            "attempted-retries": "0",
            "attempted-fallbacks": str(int(fell_back)),
        }
        return {HEADERS + name: value for name, value in said.items()}


def litellm_app(provider: Provider) -> ASGIApp:
    """The ASGI app of one contender."""
    return LiteLLMImages(provider).app()
