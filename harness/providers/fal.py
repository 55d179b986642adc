"""fal's model endpoints, called directly or through its queue: https://docs.fal.ai/model-apis

`fal` is one blocking `POST https://fal.run/{endpoint}`; `fal-queue` submits to `https://queue.fal.run/{endpoint}`,
polls `status_url` and then fetches `response_url`. Both take the same JSON. Odd things:

- An edit is another endpoint: that of the model with `/edit` behind it, or `options.edit_path`.
- The addresses of a queued request leave out the sub-path of its endpoint, so they are followed as they were returned.
- `COMPLETED` is said of failures, too: only the result tells.
- Moderation comes as 422 `content_policy_violation`, or as 200 with a true entry in `has_nsfw_concepts`.
- Without a balance the account is locked, which is a 403.
- What was billed comes as units in a header. They become dollars only where `options.unit_usd` says what one costs;
  otherwise the platform API is asked afterwards, whose host must be in `key_hosts`.

`options.fields` renames fields, `options.extra` adds constant ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from arena.domain.failure import FailureKind
from arena.domain.outcome import CallPurpose
from arena.domain.request import Delivery
from harness.providers import fal_answers, fal_platform, wire
from harness.providers.base import (
    PASSTHROUGH,
    Answer,
    Exchange,
    How,
    Job,
    JsonBody,
    Lookup,
    Pending,
    Probed,
    Provider,
    Support,
    WireCall,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import JsonValue, SecretStr

    from arena.domain.endpoint import Endpoint

DEFAULT_FIELDS = {
    "size": "image_size",
    "seed": "seed",
    "steps": "num_inference_steps",
    "guidance": "",
    "n": "num_images",
    "format": "output_format",
    "delivery": "sync_mode",
    "safety": "enable_safety_checker",
    "images": "image_urls",
}
"""The names of FLUX.2 [klein]; "" for what it does not take."""
ONE_ATTEMPT = (
    ("x-fal-no-retry", "1"),
    # fal's pages name this header in two ways; which of them works is not confirmed, so both are sent.
    ("x-app-fal-disable-fallback", "true"),
    ("x-fal-disable-fallbacks", "true"),
    ("X-Fal-Store-IO", "0"),
)
"""No retries, no other endpoint instead, nothing kept of the payloads."""


class Fal(Provider):
    """Blocking call; images come as addresses, or as data URIs with `sync_mode`."""

    options = frozenset({"edit_path", "extra", "fields", "platform_url", "unit_usd"})

    def parameters(self, endpoint: Endpoint) -> Mapping[str, Support]:
        """From `options.fields` over the names above."""
        names = wire.field_names(endpoint, DEFAULT_FIELDS)
        notes = {
            "size": "{width, height}",
            "delivery": "true: a data URI inside the answer",
            "images": "data URIs",
        }
        converted = {n: Support(How.CONVERTED, names[n], note) for n, note in notes.items() if names[n]}
        computed = Support(How.CONVERTED, names["size"], "computed {width, height}")
        return {
            "prompt": PASSTHROUGH,
            "mode": Support(How.CONVERTED, "", "an edit goes to an endpoint of its own"),
            **converted,
            **({"ratio": computed, "input_size": computed} if names["size"] else {}),
            **{n: wire.support(n, names[n]) for n in ("seed", "steps", "guidance", "n", "format", "safety")},
        }

    def build(self, job: Job) -> WireCall:
        """The arguments as JSON, to the endpoint of the mode."""
        return WireCall(
            CallPurpose.SUBMIT,
            "POST",
            f"{job.endpoint.base_url}/{fal_platform.path_of(job.endpoint, job.request.mode)}",
            headers=ONE_ATTEMPT,
            body=JsonBody(_arguments(job)),
            auth=fal_platform.auth(job.key),
        )

    def parse(self, job: Job, exchange: Exchange) -> Answer:
        """The images of an answer that carries them."""
        read = fal_answers.refused if exchange.status >= 300 else fal_answers.result
        return read(job.endpoint, exchange)

    def lookups(self, endpoint: Endpoint, key: SecretStr | None, request_id: str) -> tuple[WireCall, ...]:
        """The platform's record of the request, and its charge."""
        return fal_platform.questions(endpoint, key, request_id)

    def read_lookup(self, endpoint: Endpoint, exchange: Exchange) -> Lookup:
        """Queue time and duration, or the charge."""
        return fal_platform.answered(exchange)

    def probe(self, endpoint: Endpoint, key: SecretStr | None) -> WireCall | None:
        """The platform's price of the endpoint."""
        return fal_platform.price_question(endpoint, key)

    def read_probe(self, endpoint: Endpoint, exchange: Exchange) -> Probed:
        """Whether the key is good and the endpoint is there, and its price."""
        return fal_platform.priced(endpoint, exchange)


class FalQueue(Fal):
    """Submitted, polled until it says COMPLETED, then fetched."""

    def parse(self, job: Job, exchange: Exchange) -> Answer:
        """The next call while there is one to make, else what the result says."""
        if exchange.status >= 300 or exchange.call.purpose is CallPurpose.RESULT:
            return super().parse(job, exchange)
        reply = wire.table(wire.read_json(exchange.body))
        status = wire.label(reply.get("status"))
        if exchange.call.purpose is CallPurpose.SUBMIT:
            address = wire.text(reply.get("status_url"))
            if address is None:
                return fal_answers.rejected(exchange, FailureKind.BAD_RESPONSE, "no `status_url` to poll")
        elif status in {"IN_QUEUE", "IN_PROGRESS"}:
            address = exchange.call.url
        elif status == "COMPLETED":
            return _completed(job, exchange, reply)
        else:
            return fal_answers.rejected(exchange, FailureKind.BAD_RESPONSE, "no known `status`")
        poll = WireCall(CallPurpose.POLL, "GET", address, auth=fal_platform.auth(job.key))
        return Pending(poll, provider_status=status or "", request_id=fal_answers.request_id(exchange, reply))


def _arguments(job: Job) -> dict[str, JsonValue]:
    request, names = job.request, wire.field_names(job.endpoint, DEFAULT_FIELDS)
    values: dict[str, JsonValue] = {
        "size": {"width": request.size.width_px, "height": request.size.height_px},
        "seed": request.seed,
        "steps": request.steps,
        "guidance": request.guidance,
        "n": request.n,
        "format": request.format.value,
        "delivery": (request.delivery or job.endpoint.delivery) is Delivery.INLINE,
        "safety": request.safety,
        "images": [wire.data_uri(image) for image in request.images] or None,
    }
    named = {names[name]: value for name, value in values.items() if value is not None and names[name]}
    return {**wire.table(job.endpoint.options.get("extra")), "prompt": request.prompt, **named}


def _completed(job: Job, exchange: Exchange, reply: Mapping[str, JsonValue]) -> Pending:
    """On to the result at once; its address is that of the status without the last part where it is not repeated."""
    address = wire.text(reply.get("response_url")) or exchange.call.url.partition("?")[0].removesuffix("/status")
    result = WireCall(CallPurpose.RESULT, "GET", address, auth=fal_platform.auth(job.key))
    told = wire.table(reply.get("metrics")).get("inference_time")
    return Pending(
        result,
        after_s=0,
        provider_status="COMPLETED",
        request_id=fal_answers.request_id(exchange, reply),
        # The runner's time stands for the model's unless the result tells that, too.
        server_ms=wire.seconds_as_ms(inference_time=told, predict=told),
    )
