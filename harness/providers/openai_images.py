"""The OpenAI-compatible images API: OpenAI itself, gateways, and self-hosted servers that speak it.

https://platform.openai.com/docs/api-reference/images - `POST {base}/images/generations` as JSON and `POST
{base}/images/edits` as multipart. Hosts differ in which further fields they take, so that is data: `options.fields`
maps a canonical field to the host's name for it, or to "" where the host does not take it; `options.extra` adds
constant fields. Hosts that differ in more have a file of their own, which builds on this one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from arena.domain.failure import FailureKind
from arena.domain.outcome import CallPurpose
from arena.domain.request import Mode
from arena.units import parse_usd
from harness.providers import wire
from harness.providers.base import (
    PASSTHROUGH,
    Answer,
    Done,
    Exchange,
    FilePart,
    FormBody,
    How,
    ImageAddress,
    InlineImage,
    Job,
    JsonBody,
    Probed,
    Provider,
    Support,
    WireCall,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from pydantic import JsonValue, SecretStr

    from arena.domain.endpoint import Endpoint

DEFAULT_FIELDS = {
    "n": "n",
    "delivery": "response_format",
    "format": "output_format",
    "seed": "",
    "steps": "",
    "guidance": "",
    "safety": "",
}


@dataclass(frozen=True, slots=True)
class Extras:
    """What a host says beside the images."""

    server_ms: Mapping[str, float] = field(default_factory=dict)
    cost_usd: Decimal | None = None
    remarks: tuple[str, ...] = ()


class OpenAIImages(Provider):
    """Blocking call; the answer carries the images or their addresses."""

    fields: ClassVar[Mapping[str, str]] = DEFAULT_FIELDS
    """The names of the optional fields; "" for one that is not taken."""

    def parameters(self, endpoint: Endpoint) -> Mapping[str, Support]:
        """From `options.fields` over the protocol's own."""
        named = {
            name: wire.support(name, wire_name) for name, wire_name in wire.field_names(endpoint, self.fields).items()
        }
        return {
            "prompt": PASSTHROUGH,
            "mode": Support(How.CONVERTED, "", "/images/generations or /images/edits"),
            "size": Support(How.CONVERTED, "size", "WIDTHxHEIGHT"),
            "ratio": Support(How.CONVERTED, "size", "computed WIDTHxHEIGHT"),
            "input_size": Support(How.CONVERTED, "size", "computed WIDTHxHEIGHT"),
            "images": Support(How.RENAMED, "image", "multipart; several as image[]"),
            **named,
        }

    def build(self, job: Job) -> WireCall:
        """A JSON generation, or a multipart edit with `image`, or repeated `image[]` when there are several."""
        values = self.values(job)
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
        images = images_of(reply, job.endpoint.base_url)
        if isinstance(images, str):
            return wire.rejected(exchange, FailureKind.BAD_RESPONSE, images)
        extras = self.extras(job, reply, exchange)
        return Done(
            images,
            server_ms=extras.server_ms,
            cost_usd=extras.cost_usd,
            seed=wire.integer(reply.get("seed")),
            model=wire.label(reply.get("model")),
            request_id=wire.request_id(exchange.headers),
            remarks=extras.remarks,
        )

    def values(self, job: Job) -> dict[str, JsonValue]:
        """The fields of the call, in the host's names."""
        fields = wire.field_names(job.endpoint, self.fields)
        request = job.request
        values: dict[str, JsonValue] = {
            "model": job.endpoint.model,
            "prompt": request.prompt,
            "size": self.sizing(job).wire,
            **wire.table(job.endpoint.options.get("extra")),
        }
        optional: dict[str, JsonValue] = {
            "n": request.n,
            "delivery": (request.delivery or job.endpoint.delivery).value,
            "format": request.format.value,
            "seed": request.seed,
            "steps": request.steps,
            "guidance": request.guidance,
            "safety": request.safety,
        }
        for name, value in optional.items():
            if value is not None and fields[name]:
                values[fields[name]] = value
        return values

    def extras(self, job: Job, reply: Mapping[str, JsonValue], exchange: Exchange) -> Extras:
        """What a host says beside the images: `timings_ms`, and the cost in the header named `options.cost_header`."""
        return Extras(wire.milliseconds(reply.get("timings_ms")), header_cost(job.endpoint, exchange))

    def probe(self, endpoint: Endpoint, key: SecretStr | None) -> WireCall | None:
        """The list of models, which every host of this protocol has."""
        auth = wire.auth_header("Authorization", "Bearer ", key)
        return WireCall(CallPurpose.RESULT, "GET", f"{endpoint.base_url}/models", auth=auth)

    def read_probe(self, endpoint: Endpoint, exchange: Exchange) -> Probed:
        """Whether the model is in the list."""
        return read_model_list(endpoint.model, exchange)


def images_of(reply: Mapping[str, JsonValue], base_url: str) -> tuple[InlineImage | ImageAddress, ...] | str:
    """The images of `data[]`, or what is wrong with it."""
    entries = reply.get("data")
    if not isinstance(entries, list):
        return "the answer is no JSON object with a list `data`"
    images = [_image(wire.table(entry), base_url) for entry in entries]
    found = tuple(image for image in images if image is not None)
    if not found or len(found) < len(images):
        return "an entry of `data` has neither b64_json nor url"
    return found


def _image(entry: Mapping[str, JsonValue], base_url: str) -> InlineImage | ImageAddress | None:
    inline = wire.text(entry.get("b64_json"))
    return InlineImage(inline) if inline else wire.image_reference(entry.get("url"), base_url)


def header_cost(endpoint: Endpoint, exchange: Exchange) -> Decimal | None:
    """The cost in dollars from the header whose name is the endpoint's `options.cost_header`."""
    header = wire.text(endpoint.options.get("cost_header"))
    return parse_usd(exchange.headers[header.lower()]) if header and header.lower() in exchange.headers else None


def read_model_list(model: str, exchange: Exchange) -> Probed:
    """Whether `data[].id`, or a bare list of such entries, holds the model."""
    if exchange.status >= 300:
        return Probed(False if exchange.status in {401, 403} else None, f"HTTP {exchange.status}")
    reply = wire.read_json(exchange.body)
    entries = reply if isinstance(reply, list) else wire.table(reply).get("data")
    if not isinstance(entries, list):
        return Probed(None, "answers, but with no list of models")
    ids = {wire.text(wire.table(entry).get("id")) for entry in entries}
    return (
        Probed(True, "the model is listed") if model in ids else Probed(False, f"{model} is not in its list of models")
    )
