"""fal's platform API, as far as it tells of finished requests and of prices.

Otherwise than the real one, it tells whoever asks without a key, and shows charges to any key but a bad one.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from harness.sim.fal_wire import RefusedError, check_key

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

    from starlette.requests import Request

_KEPT = 1024


@dataclass(frozen=True)
class Record:
    """What is known of one request; instants are seconds since the epoch, `units` what was billed."""

    endpoint_id: str
    sent_at: float
    started_at: float | None
    ended_at: float | None = None
    status_code: int | None = None
    units: int = 0


class Platform:
    """The records of one contender, and the routes that show them."""

    def __init__(self, endpoint_ids: tuple[str, ...], unit_usd: Decimal) -> None:
        self._endpoint_ids, self._unit_usd = endpoint_ids, unit_usd
        self._records: OrderedDict[str, Callable[[], Record]] = OrderedDict()

    def keep(self, request_id: str, record: Callable[[], Record]) -> None:
        """Remember a request; what is known of it is asked when it is to be shown."""
        self._records[request_id] = record
        while len(self._records) > _KEPT:
            self._records.popitem(last=False)

    def routes(self) -> list[Route]:
        """To be put under the app of the contender."""
        base = "/platform/v1/models"
        return [
            Route(f"{base}/pricing", self.pricing),
            Route(f"{base}/requests/by-endpoint", self.requests),
            Route(f"{base}/billing-events", self.billing),
        ]

    async def pricing(self, request: Request) -> Response:
        """The price of a unit, here of an image, at each endpoint that is asked for."""
        asked = _several(request, "endpoint_id")
        refused = _refused(request) or self._unknown(asked)
        if refused is not None:
            return refused
        price = {"unit_price": float(self._unit_usd), "unit": "image", "currency": "USD"}
        return _page(prices=[{"endpoint_id": endpoint_id, **price} for endpoint_id in asked])

    async def requests(self, request: Request) -> Response:
        """The requests to some endpoints that have started."""
        asked = _several(request, "endpoint_id")
        refused = _refused(request) or self._unknown(asked)
        if refused is not None:
            return refused
        items = [
            {
                "request_id": request_id,
                "endpoint_id": record.endpoint_id,
                "sent_at": _stamp(record.sent_at),
                "started_at": _stamp(record.started_at),
                "ended_at": None if record.ended_at is None else _stamp(record.ended_at),
                "status_code": record.status_code,
                "duration": None if record.ended_at is None else round(record.ended_at - record.sent_at, 3),
            }
            for request_id, record in self._shown(request)
            if record.endpoint_id in asked and record.started_at is not None
        ]
        return _page(items=items)

    async def billing(self, request: Request) -> Response:
        """What was charged."""
        refused = _refused(request)
        if refused is not None:
            return refused
        events = []
        for request_id, record in self._shown(request):
            usd = self._unit_usd * record.units
            event = {"request_id": request_id, "endpoint_id": record.endpoint_id, "timestamp": _stamp(record.sent_at)}
            price = {"output_units": record.units, "unit_price": float(self._unit_usd), "percent_discount": None}
            total = {"cost_subtotal": float(usd), "cost_discount": 0, "cost_total": float(usd)}
            if record.units:
                events.append({**event, **price, **total, "cost_estimate_nano_usd": int(usd * 10**9)})
        return _page(billing_events=events)

    def _shown(self, request: Request) -> list[tuple[str, Record]]:
        wanted = _several(request, "request_id")
        return [(name, record()) for name, record in self._records.items() if not wanted or name in wanted]

    def _unknown(self, asked: list[str]) -> Response | None:
        if not asked:
            return _error(400, "validation_error", "endpoint_id is required")
        missing = [endpoint_id for endpoint_id in asked if endpoint_id not in self._endpoint_ids]
        return _error(404, "not_found", f"there is no endpoint {missing[0]}") if missing else None


def _several(request: Request, name: str) -> list[str]:
    """Values given by commas or by repetition."""
    return [part for value in request.query_params.getlist(name) for part in value.split(",") if part]


def _refused(request: Request) -> Response | None:
    try:
        check_key(request)
    except RefusedError as refused:
        return _error(401, "authorization_error", refused.problem.words)
    return None


def _page(**lists: object) -> Response:
    return JSONResponse({**lists, "next_cursor": None, "has_more": False})


def _error(status: int, kind: str, message: str) -> Response:
    return JSONResponse({"error": {"type": kind, "message": message}}, status)


def _stamp(seconds: float | None) -> str:
    return datetime.fromtimestamp(seconds or 0, UTC).isoformat().replace("+00:00", "Z")
