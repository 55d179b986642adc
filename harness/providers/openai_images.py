"""The OpenAI-compatible images API: OpenAI itself, gateways, and self-hosted servers that speak it.

https://platform.openai.com/docs/api-reference/images - `POST {base}/images/generations` as JSON and `POST
{base}/images/edits` as multipart. Hosts differ in which further fields they take, so that is data: `options.fields`
maps a canonical field to the host's name for it, or to "" where the host does not take it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from arena.domain.failure import FailureKind
from arena.domain.outcome import CallPurpose
from arena.domain.request import Mode
from arena.units import parse_usd
from harness.providers import wire
from harness.providers.base import (
    Answer,
    Done,
    Exchange,
    FilePart,
    FormBody,
    ImageAddress,
    InlineImage,
    Job,
    JsonBody,
    Support,
    WireCall,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from pydantic import JsonValue

    from arena.domain.endpoint import Endpoint

DEFAULT_FIELDS = {
    "n": "n",
    "delivery": "response_format",
    "format": "output_format",
    "seed": "",
    "steps": "",
    "guidance": "",
}


class OpenAIImages:
    """Blocking call; the answer carries the images or their addresses."""

    def parameters(self, endpoint: Endpoint) -> Mapping[str, Support]:
        """From `options.fields` over the protocol's own."""
        return {
            name: wire.support(name, wire_name)
            for name, wire_name in wire.field_names(endpoint, DEFAULT_FIELDS).items()
        }

    def build(self, job: Job) -> WireCall:
        """A JSON generation, or a multipart edit with `image`, or repeated `image[]` when there are several."""
        values = _values(job)
        base, auth = job.endpoint.base_url, wire.bearer(job)
        if job.request.mode is Mode.TEXT_TO_IMAGE:
            return WireCall(CallPurpose.SUBMIT, "POST", f"{base}/images/generations", body=JsonBody(values), auth=auth)
        part = "image" if len(job.request.images) == 1 else "image[]"
        files = tuple(FilePart(part, i.name, i.media_type, i.data) for i in job.request.images)
        form = FormBody(tuple((name, str(value)) for name, value in values.items()), files)
        return WireCall(CallPurpose.SUBMIT, "POST", f"{base}/images/edits", body=form, auth=auth)

    def parse(self, job: Job, exchange: Exchange) -> Answer:
        """Images from `data[]`, timings where a host adds them, or the failure that the error envelope describes."""
        if exchange.status >= 300:
            return wire.rejected_by_status(exchange)
        reply = wire.table(wire.read_json(exchange.body))
        entries = reply.get("data")
        if not isinstance(entries, list):
            return wire.rejected(exchange, FailureKind.BAD_RESPONSE, "the answer is no JSON object with a list `data`")
        images = [_image(wire.table(entry), job.endpoint.base_url) for entry in entries]
        found = tuple(image for image in images if image is not None)
        if not found or len(found) < len(images):
            return wire.rejected(exchange, FailureKind.BAD_RESPONSE, "an entry of `data` has neither b64_json nor url")
        return Done(
            found,
            server_ms=wire.milliseconds(reply.get("timings_ms")),
            cost_usd=_reported_cost(job.endpoint, exchange),
            seed=wire.integer(reply.get("seed")),
            model=wire.label(reply.get("model")),
            request_id=wire.request_id(exchange.headers),
        )


def _values(job: Job) -> dict[str, JsonValue]:
    request, fields = job.request, wire.field_names(job.endpoint, DEFAULT_FIELDS)
    values: dict[str, JsonValue] = {
        "model": job.endpoint.model,
        "prompt": request.prompt,
        "size": str(request.size),
    }
    optional: dict[str, JsonValue] = {
        "n": request.n,
        "delivery": (request.delivery or job.endpoint.delivery).value,
        "format": request.format.value,
        "seed": request.seed,
        "steps": request.steps,
        "guidance": request.guidance,
    }
    for name, value in optional.items():
        if value is not None and fields[name]:
            values[fields[name]] = value
    return values


def _image(entry: Mapping[str, JsonValue], base_url: str) -> InlineImage | ImageAddress | None:
    inline = wire.text(entry.get("b64_json"))
    return InlineImage(inline) if inline else wire.image_reference(entry.get("url"), base_url)


def _reported_cost(endpoint: Endpoint, exchange: Exchange) -> Decimal | None:
    """Gateways report the cost in a header whose name is the endpoint's `options.cost_header`."""
    header = wire.text(endpoint.options.get("cost_header"))
    return parse_usd(exchange.headers[header.lower()]) if header and header.lower() in exchange.headers else None
