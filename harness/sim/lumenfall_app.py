"""Simulated gateways that speak Lumenfall's dialect of the OpenAI images protocol.

Always: sizes are those of a table, of which the nearest is taken and rounded down to the model's grid; an address
unless base64 is asked for; who answered and what it cost is in `metadata` and in headers; `?dryRun=true` estimates;
finished requests can be asked for under `/v1/requests/{id}`. Quirk `rerouted`: another vendor than the pinned one
answers.
"""

from __future__ import annotations

import math
import re
import time
from collections import OrderedDict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import StringConstraints
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from harness.sim.openai_app import ImagesApi
from harness.sim.openai_wire import DEFAULT_SIZE_PX, ImagesBody, RefusedError, sides_px

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp

    from arena.domain.request import Mode
    from harness.sim.contender import Fault
    from harness.sim.openai_app import Work
    from harness.sim.state import Provider

TIERS_PX = {
    "1:1": (1024, 1024),
    "4:3": (1183, 887),
    "3:4": (887, 1182),
    "5:4": (1145, 916),
    "4:5": (916, 1145),
    "3:2": (1254, 836),
    "2:3": (836, 1254),
    "16:9": (1365, 768),
    "9:16": (768, 1365),
    "21:9": (1563, 670),
    "9:21": (670, 1564),
}
LARGEST_SIDE_PX = 14142
GRID_PX = 16
_REMEMBERED = 512


class LumenfallBody(ImagesBody):
    """Its fields; `size` wins over ratio and resolution."""

    prompt: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000)]
    size: str = ""
    response_format: Literal["url", "b64_json"] | None = "url"
    aspect_ratio: str = "auto"
    resolution: Literal["auto", "1K"] = "auto"

    def size_px(self, automatic: tuple[int, int] = DEFAULT_SIZE_PX) -> tuple[int, int]:
        """A size of the table, on the grid."""
        asked = self.size or self.aspect_ratio
        size = automatic if asked == "auto" else _asked(asked)
        width, height = min(TIERS_PX.values(), key=lambda tier: abs(math.log(tier[0] * size[1] / tier[1] / size[0])))
        return width // GRID_PX * GRID_PX, height // GRID_PX * GRID_PX


class LumenfallImages(ImagesApi):
    """One gateway with one model, which may be pinned to a vendor by a prefix."""

    prefixes = ("/openai/v1",)
    name_header = "x-lumenfall-request-id"
    body_type = LumenfallBody

    def __init__(self, provider: Provider) -> None:
        super().__init__(provider)
        self._pinned, _, self._model = provider.contender.model.rpartition("/")
        self._finished: OrderedDict[str, dict[str, object]] = OrderedDict()

    def routes(self, prefix: str) -> list[BaseRoute]:
        """With the gateway's native ones."""
        native = [Route("/v1/balance", self.balance), Route("/v1/requests/{id}", self.finished)]
        return [*super().routes(prefix), *native]

    async def models(self, _request: Request) -> Response:
        """The model without the vendor that it is pinned to."""
        entry = {"id": self._model, "object": "model", "created": 0, "owned_by": "simulator"}
        return JSONResponse({"object": "list", "data": [entry]})

    async def balance(self, _request: Request) -> Response:
        """There is always some money left."""
        available = {"amount": 12.5, "currency": "usd"}
        return JSONResponse({"object": "balance", "billing_type": "prepaid", "available": available})

    async def finished(self, request: Request) -> Response:
        """A finished request, as the gateway's log has it."""
        found = self._finished.get(request.path_params["id"])
        if found is None:
            return self.refuse(RefusedError(404, "Request not found.", "NOT_FOUND"))
        return JSONResponse(found)

    async def generate(self, request: Request) -> Response:
        """An image, or an estimate of what it would cost."""
        if request.query_params.get("dryRun") == "true":
            return self._estimate()
        return await super().generate(request)

    def authorise(self, request: Request) -> None:
        """RefusedError for the key `invalid`."""
        if request.headers.get("authorization") == "Bearer invalid":
            raise RefusedError(401, "Invalid API key.", "AUTHENTICATION_FAILED", kind="authentication_error")

    def check(self, body: ImagesBody, mode: Mode) -> None:
        """RefusedError for another model, and for what the contender does not do."""
        if body.model not in {self.contender.model, self._model}:
            raise RefusedError(404, f"Model '{body.model}' not found.", "MODEL_NOT_FOUND")
        if mode not in self.contender.modes:
            raise RefusedError(400, f"Model '{body.model}' does not support this mode.", "INVALID_REQUEST")

    def parse(self, fields: object) -> ImagesBody:
        """The fields as a body; RefusedError says what is wrong."""
        try:
            return super().parse(fields)
        except RefusedError as error:
            raise RefusedError(400, error.message, "INVALID_REQUEST", error.param) from error

    def fault(self, fault: Fault) -> RefusedError:
        """The gateway's codes; a failure of the vendor keeps its status."""
        usual = super().fault(fault)
        code, kind = {
            "server_error": ("ALL_PROVIDERS_EXHAUSTED", "upstream_error"),
            "rate_limited": ("RATE_LIMITED", "rate_limit_error"),
            "payment": ("INSUFFICIENT_BALANCE", "billing_error"),
            "moderated": ("CONTENT_POLICY_VIOLATION", "content_policy_error"),
            "moderated_output": ("CONTENT_POLICY_VIOLATION", "content_policy_error"),
        }.get(fault, ("UPSTREAM_ERROR", "upstream_error"))
        return RefusedError(502 if fault == "server_error" else usual.status, usual.message, code, kind=kind)

    def content(self, work: Work, data: list[dict[str, object]]) -> dict[str, object]:
        """With routing and cost."""
        vendor, cost = self._vendor(), float(self.contender.price_usd * len(data))
        rerouted = [{"provider": self._pinned, "status": "failed"}] if vendor != self._pinned else []
        self._remember(work, cost)
        metadata = {
            "model": self._model,
            "executed_model": f"{vendor}/{self._model}",
            "provider": vendor,
            "provider_name": vendor.title(),
            "cost": cost,
            "cost_currency": "USD",
            "attempts": [*rerouted, {"provider": vendor, "status": "completed"}],
        }
        size = f"{work.order.width_px}x{work.order.height_px}"
        return {"created": int(time.time()), "size": size, "data": data, "metadata": metadata}

    def headers(self, _work: Work, _images: int) -> dict[str, str]:
        """Who answered."""
        return {"x-lumenfall-provider": self._vendor(), "x-lumenfall-model": self._model}

    def _vendor(self) -> str:
        return "replicate" if "rerouted" in self.contender.quirks else self._pinned or "fal"

    def _remember(self, work: Work, cost: float) -> None:
        self._finished[work.name] = {
            "id": work.name,
            "object": "request",
            "created_at": datetime.now(UTC).isoformat(),
            "model": self._model,
            "status": "completed",
            "cost": cost,
            "currency": "usd",
            "duration_ms": round((work.generate_s() + work.ticket.queue_s) * 1000),
        }
        while len(self._finished) > _REMEMBERED:
            self._finished.popitem(last=False)

    def _estimate(self) -> Response:
        micros = round(float(self.contender.price_usd) * 1_000_000)
        said = {"estimated": True, "model": self._model, "provider": self._vendor(), "currency": "USD"}
        return JSONResponse({**said, "total_cost_micros": micros, "components": []})


def lumenfall_app(provider: Provider) -> ASGIApp:
    """The ASGI app of one contender."""
    return LumenfallImages(provider).app()


def _asked(text: str) -> tuple[int, int]:
    """Width and height, or their ratio; RefusedError if it is neither."""
    ratio = re.fullmatch(r"(\d{1,2}):(\d{1,2})", text)
    size = (int(ratio[1]), int(ratio[2])) if ratio else sides_px(text)
    if size is None or not all(1 <= side <= LARGEST_SIDE_PX for side in size):
        raise RefusedError(400, f"Invalid size: '{text}'. Use WIDTHxHEIGHT or W:H.", "INVALID_REQUEST", "size")
    return size
