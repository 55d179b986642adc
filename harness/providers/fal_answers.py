"""What fal's endpoints answer: results, typed problems, billed units."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from arena.domain.failure import FailureKind
from arena.units import parse_usd
from harness.providers import wire
from harness.providers.base import Answer, Done, Exchange, Rejected

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from pydantic import JsonValue

    from arena.domain.endpoint import Endpoint

_KIND_BY_TYPE = {
    "content_policy_violation": FailureKind.MODERATED_INPUT,
    "no_media_generated": FailureKind.PROVIDER_ERROR,
    "generation_timeout": FailureKind.PROVIDER_ERROR,
    "runner_connection_timeout": FailureKind.PROVIDER_ERROR,
    "runner_connection_refused": FailureKind.PROVIDER_ERROR,
    "runner_connection_error": FailureKind.PROVIDER_ERROR,
    "runner_disconnected": FailureKind.PROVIDER_ERROR,
}
"""Error types that mean another thing than their HTTP status does elsewhere."""
_UNPAID = re.compile(r"\b(?:balance|exhausted|locked|top[_ -]?up)\b", re.IGNORECASE)


def result(endpoint: Endpoint, exchange: Exchange) -> Answer:
    """The images of a successful answer, unless the safety checker has flagged one."""
    reply = wire.table(wire.read_json(exchange.body))
    flags = reply.get("has_nsfw_concepts")
    if flags is True or any(flag is True for flag in entries(flags)):
        message = "has_nsfw_concepts is true: the image was withheld or altered"
        flagged = rejected(exchange, FailureKind.MODERATED_OUTPUT, message)
        return replace(flagged, cost_usd=_cost_usd(endpoint, exchange))
    addresses = [wire.table(entry).get("url") for entry in entries(reply.get("images"))]
    images = [wire.image_reference(address, endpoint.base_url) for address in addresses]
    found = tuple(image for image in images if image is not None)
    if not found or len(found) < len(images):
        message = "the answer has no list `images` whose entries all have a usable `url`"
        return rejected(exchange, FailureKind.BAD_RESPONSE, message)
    return Done(
        found,
        server_ms=_timings(reply),
        cost_usd=_cost_usd(endpoint, exchange),
        seed=wire.integer(reply.get("seed")),
        request_id=request_id(exchange),
    )


def refused(endpoint: Endpoint, exchange: Exchange) -> Rejected:
    """A model's list of typed problems, or the platform's flat text with an error type."""
    told = wire.rejected_by_status(exchange)
    reply = wire.table(wire.read_json(exchange.body[:200_000]))
    types = [wire.table(problem).get("type") for problem in entries(reply.get("detail"))]
    types += [reply.get("error_type"), exchange.headers.get("x-fal-error-type")]
    kind = next((_KIND_BY_TYPE[t] for t in types if isinstance(t, str) and t in _KIND_BY_TYPE), told.failure.kind)
    if kind is FailureKind.AUTH and exchange.status == 403 and _UNPAID.search(told.failure.message):
        kind = FailureKind.PAYMENT
    failure = told.failure.model_copy(update={"kind": kind})
    return Rejected(failure, _cost_usd(endpoint, exchange), request_id(exchange))


def rejected(exchange: Exchange, kind: FailureKind, message: str) -> Rejected:
    """A rejection for a reason that the body does not name as an error."""
    return replace(wire.rejected(exchange, kind, message), request_id=request_id(exchange))


def request_id(exchange: Exchange, reply: Mapping[str, JsonValue] | None = None) -> str | None:
    """fal's name for the request, from the answer or from its header."""
    return wire.label((reply or {}).get("request_id")) or wire.label(exchange.headers.get("x-fal-request-id"))


def entries(value: JsonValue) -> list[JsonValue]:
    """`value` if it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def _timings(reply: Mapping[str, JsonValue]) -> dict[str, float]:
    """`timings` is a free table of seconds; `inference` is the model's."""
    seconds = list(wire.table(reply.get("timings")).items())[: wire.MAX_TIMINGS]
    told = wire.milliseconds(wire.seconds_as_ms(**dict(seconds)))
    return {"predict" if name == "inference" else name: ms for name, ms in told.items()}


def _cost_usd(endpoint: Endpoint, exchange: Exchange) -> Decimal | None:
    """Billed units times what the endpoint's data says that one costs."""
    units = parse_usd(exchange.headers.get("x-fal-billable-units"))
    unit_usd = parse_usd(endpoint.options.get("unit_usd"))
    return None if units is None or unit_usd is None else parse_usd(units * unit_usd)
