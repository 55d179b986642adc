"""Reading the answers of Black Forest Labs' API; `harness.providers.bfl` says what is odd about them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING

from arena.domain.failure import FailureKind
from arena.domain.outcome import CallPurpose
from arena.units import parse_usd
from harness.providers import wire
from harness.providers.base import Answer, Done, Exchange, Job, Pending, Rejected, WireCall

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import JsonValue, SecretStr

    from harness.providers.base import SecretHeader

UNKNOWN_S = 5.0
CREDITS_PER_USD = 100
NOT_FOUND = "Task not found"
ENDED = {
    "Request Moderated": FailureKind.MODERATED_INPUT,
    "Content Moderated": FailureKind.MODERATED_OUTPUT,
    "Error": FailureKind.PROVIDER_ERROR,
}


@dataclass(frozen=True, slots=True)
class Poll(WireCall):
    """A question for a task, with the seconds for which the task has been unknown; only the call itself is sent."""

    unknown_s: float = 0.0


def key_header(key: SecretStr | None) -> SecretHeader | None:
    """The header that carries the key."""
    return wire.auth_header("x-key", "", key)


def accepted(job: Job, exchange: Exchange) -> Answer:
    """What the answer to a submission says: where to ask."""
    reply = wire.table(wire.read_json(exchange.body))
    address = wire.text(reply.get("polling_url"))
    if address is None:
        return wire.rejected(exchange, FailureKind.BAD_RESPONSE, "the answer has no `polling_url`")
    poll = Poll(CallPurpose.POLL, "GET", address, auth=key_header(job.key))
    return Pending(poll, request_id=wire.label(reply.get("id")), cost_usd=_cost_usd(reply))


def task(job: Job, exchange: Exchange) -> Answer:
    """What the answer to a question says: how the task stands."""
    reply = wire.table(wire.read_json(exchange.body))
    if exchange.status == 404 or (exchange.status < 300 and reply.get("status") == NOT_FOUND):
        return _unknown(job, exchange)
    return refused(exchange) if exchange.status >= 300 else _stands(exchange, reply)


def _unknown(job: Job, exchange: Exchange) -> Answer:
    """Ask again for a while: the task was accepted, and where it is asked for may not have heard of it yet."""
    asked, most_s = exchange.call, wire.number(job.endpoint.options.get("unknown_s"))
    waited_s = asked.unknown_s if isinstance(asked, Poll) else 0.0
    if waited_s >= (UNKNOWN_S if most_s is None else most_s):
        message = f"the task was accepted and is not found after {waited_s:g} s"
        return wire.rejected(exchange, FailureKind.PROVIDER_ERROR, message)
    waited_s += job.endpoint.poll_interval_s
    return Pending(Poll(CallPurpose.POLL, "GET", asked.url, auth=asked.auth, unknown_s=waited_s), None, NOT_FOUND)


def _stands(exchange: Exchange, reply: Mapping[str, JsonValue]) -> Answer:
    status, task_id = wire.label(reply.get("status")) or "", wire.label(reply.get("id"))
    if status and status not in {"Ready", *ENDED}:  # `Pending`, and whatever else may be said of a task under way
        asked = exchange.call
        again = Poll(CallPurpose.POLL, "GET", asked.url, auth=asked.auth)
        return Pending(again, provider_status=status, request_id=task_id, cost_usd=_cost_usd(reply))
    if status == "Ready":
        return _ready(exchange, reply)
    kind = ENDED.get(status, FailureKind.BAD_RESPONSE)
    message = f"{status or 'no status'}: {_details(reply)}".removesuffix(": ")
    cost_usd = _cost_usd(reply)
    if cost_usd is None and status in ENDED:
        cost_usd = Decimal(0)  # documented: only what becomes ready is charged, whatever the receipt said
    return replace(wire.rejected(exchange, kind, message), cost_usd=cost_usd, request_id=task_id)


def _ready(exchange: Exchange, reply: Mapping[str, JsonValue]) -> Answer:
    """Image and timings; which of these a model tells differs, so nothing but the image must be there."""
    result = wire.table(reply.get("result"))
    image = wire.image_reference(result.get("sample"), exchange.call.url)
    if image is None:
        told = wire.rejected(exchange, FailureKind.BAD_RESPONSE, "the task is ready and has no `sample`")
        return replace(told, cost_usd=_cost_usd(reply))
    begun_to_ended = wire.spans(predict=(result.get("start_time"), result.get("end_time")))
    return Done(
        (image,),
        server_ms={**begun_to_ended, **wire.seconds_as_ms(predict=result.get("duration"))},
        cost_usd=_cost_usd(reply),
        seed=wire.integer(result.get("seed")),
        request_id=wire.label(reply.get("id")),
    )


def _cost_usd(reply: Mapping[str, JsonValue]) -> Decimal | None:
    credits_charged = wire.number(reply.get("cost"))
    cost_usd = None if credits_charged is None else parse_usd(credits_charged)
    return None if cost_usd is None else cost_usd / CREDITS_PER_USD


def _details(reply: Mapping[str, JsonValue]) -> str:
    """`details`, a table of which only `Moderation Reasons` is known, in words."""
    told = []
    for name, value in list(wire.table(reply.get("details")).items())[:5]:
        texts = [wire.text(entry) for entry in (value if isinstance(value, list) else [value])[:10]]
        told.append(f"{name}: {', '.join(text for text in texts if text)}")
    return "; ".join(told)


def refused(exchange: Exchange) -> Rejected:
    """By its status; a key that is none is told as a value that is none."""
    told = wire.rejected_by_status(exchange)
    if exchange.status == 422 and "invalid api key" in told.failure.message.lower():
        return replace(told, failure=told.failure.model_copy(update={"kind": FailureKind.AUTH}))
    return told
