"""fal's platform API, which is asked about finished requests and about prices: https://docs.fal.ai/platform-apis

Its address is `options.platform_url`, which may be relative to the endpoint's base URL. Charges are shown to admin keys
alone, and both lists reach back 24 hours.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

from arena.domain.outcome import CallPurpose
from arena.domain.request import Mode
from arena.units import parse_usd
from harness.providers import wire
from harness.providers.base import Exchange, Lookup, Probed, SecretHeader, WireCall
from harness.providers.fal_answers import entries

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import JsonValue, SecretStr

    from arena.domain.endpoint import Endpoint

PLATFORM_URL = "https://api.fal.ai/v1"


def auth(key: SecretStr | None) -> SecretHeader | None:
    """`Authorization: Key …`, the same for models and platform."""
    return wire.auth_header("Authorization", "Key ", key)


def path_of(endpoint: Endpoint, mode: Mode) -> str:
    """The id of the fal endpoint that serves a mode."""
    if mode is Mode.TEXT_TO_IMAGE:
        return endpoint.model
    return wire.text(endpoint.options.get("edit_path")) or f"{endpoint.model}/edit"


def questions(endpoint: Endpoint, key: SecretStr | None, request_id: str) -> tuple[WireCall, ...]:
    """When a request was sent, started and ended, and what was charged for it."""
    return (
        _asking(endpoint, key, "models/requests/by-endpoint", endpoint_id=_ids(endpoint), request_id=request_id),
        _asking(endpoint, key, "models/billing-events", request_id=request_id),
    )


def answered(exchange: Exchange) -> Lookup:
    """The times, or the charge, of the request that was asked about."""
    if exchange.status >= 300:
        return Lookup()
    reply = wire.table(wire.read_json(exchange.body))
    asked = parse_qs(urlsplit(exchange.call.url).query).get("request_id")
    listed = [wire.table(e) for e in [*entries(reply.get("items")), *entries(reply.get("billing_events"))]]
    about = [entry for entry in listed if [entry.get("request_id")] == asked]
    charges = [parse_usd(entry["cost_total"]) for entry in about if "cost_total" in entry]
    known = [usd for usd in charges if usd is not None]
    server_ms = _times(about[0]) if about else {}
    return Lookup(server_ms, sum(known, Decimal(0)) if known and len(known) == len(charges) else None)


def price_question(endpoint: Endpoint, key: SecretStr | None) -> WireCall:
    """The price of what the endpoint uses, which takes a good key to see."""
    return _asking(endpoint, key, "models/pricing", endpoint_id=_ids(endpoint))


def priced(endpoint: Endpoint, exchange: Exchange) -> Probed:
    """Whether the key is good and everything is there, and its price."""
    if exchange.status >= 300:
        return Probed(False if exchange.status in {401, 403, 404} else None, f"HTTP {exchange.status}")
    prices = [wire.table(price) for price in entries(wire.table(wire.read_json(exchange.body)).get("prices"))]
    told = {price.get("endpoint_id"): price for price in prices if isinstance(price.get("endpoint_id"), str)}
    paths = [path_of(endpoint, mode) for mode in endpoint.modes]
    missing = [path for path in paths if path not in told]
    if missing:
        return Probed(None, f"answers, but tells no price of {', '.join(missing)}")
    words = [f"{p.get('unit_price')} {p.get('currency')} per {p.get('unit')}" for p in map(told.__getitem__, paths)]
    return Probed(True, wire.label(f"the key is good; {', '.join(words)}") or "the key is good")


def _ids(endpoint: Endpoint) -> str:
    return ",".join(path_of(endpoint, mode) for mode in endpoint.modes)


def _asking(endpoint: Endpoint, key: SecretStr | None, path: str, **query: str) -> WireCall:
    base_url = urljoin(f"{endpoint.base_url}/", wire.text(endpoint.options.get("platform_url")) or PLATFORM_URL)
    return WireCall(CallPurpose.RESULT, "GET", f"{base_url}/{path}?{urlencode(query)}", auth=auth(key))


def _times(entry: Mapping[str, JsonValue]) -> dict[str, float]:
    sent, started, ended = (entry.get(f"{name}_at") for name in ("sent", "started", "ended"))
    return wire.spans(queue=(sent, started), total=(sent, ended)) | wire.seconds_as_ms(total=entry.get("duration"))
