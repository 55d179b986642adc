"""The OpenAI-compatible images API: OpenAI itself, gateways, and self-hosted servers that speak it.

https://platform.openai.com/docs/api-reference/images - `POST {base}/images/generations` as JSON and `POST
{base}/images/edits` as multipart. Hosts differ in which further fields they take, so that is data: `options.fields`
maps a canonical field to the host's name for it, or to "" where the host does not take it; `options.extra` adds
constant fields. Hosts that differ in more have a file of their own, which builds on this one.

OpenAI's own GPT image models take neither seed nor steps, and always answer in base64: they refuse `response_format`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
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
    Rejected,
    Support,
    WireCall,
    once_per_endpoint,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from decimal import Decimal

    from pydantic import JsonValue, SecretStr

    from arena.domain.endpoint import Endpoint
    from arena.domain.failure import Failure

DEFAULT_FIELDS = {
    "n": "n",
    "delivery": "response_format",
    "format": "output_format",
    "seed": "",
    "steps": "",
    "guidance": "",
    "safety": "",
}
MOST_ERROR_BYTES = 200_000


@dataclass(frozen=True, slots=True)
class Extras:
    """What a host says beside the images."""

    server_ms: Mapping[str, float] = field(default_factory=dict)
    cost_usd: Decimal | None = None
    model: str | None = None
    remarks: tuple[str, ...] = ()


class OpenAIImages(Provider):
    """Blocking call; the answer carries the images or their addresses."""

    options = frozenset({"cost_header", "extra", "fields"})

    fields: ClassVar[Mapping[str, str]] = DEFAULT_FIELDS
    """The names of the optional fields; "" for one that is not taken."""
    constants: ClassVar[Mapping[str, JsonValue]] = {}
    """Fields that go with every call; `options.extra` adds to them."""
    headers: ClassVar[tuple[tuple[str, str], ...]] = ()
    """Headers that go with every call."""
    notes: ClassVar[Mapping[str, str]] = {}
    """What there is to know about single fields."""
    single_image: ClassVar[str] = "image"
    """The name of the part of a multipart body that holds the only input image."""
    request_id_header: ClassVar[str] = "x-request-id"

    @once_per_endpoint
    def parameters(self, endpoint: Endpoint) -> Mapping[str, Support]:
        """From `options.fields` over the protocol's own."""
        named = {
            name: wire.support(name, wire_name) for name, wire_name in wire.field_names(endpoint, self.fields).items()
        }
        table = {
            "prompt": PASSTHROUGH,
            "mode": Support(How.CONVERTED, "", "/images/generations or /images/edits"),
            "size": Support(How.CONVERTED, "size", "WIDTHxHEIGHT"),
            "ratio": Support(How.CONVERTED, "size", "computed WIDTHxHEIGHT"),
            "input_size": Support(How.CONVERTED, "size", "computed WIDTHxHEIGHT"),
            "images": Support(How.RENAMED, self.single_image, "multipart; several as image[]"),
            **named,
        }
        return {name: replace(taken, note=self.notes.get(name, taken.note)) for name, taken in table.items()}

    def build(self, job: Job) -> WireCall:
        """A JSON generation, or a multipart edit with `image`, or repeated `image[]` when there are several."""
        values = self.values(job)
        if job.request.mode is Mode.TEXT_TO_IMAGE:
            return self.call(job, "images/generations", JsonBody(values))
        part = self.single_image if len(job.request.images) == 1 else "image[]"
        files = tuple(FilePart(part, i.name, i.media_type, i.data) for i in job.request.images)
        form = FormBody(tuple((name, form_text(value)) for name, value in values.items()), files)
        return self.call(job, "images/edits", form)

    def call(self, job: Job, path: str, body: JsonBody | FormBody) -> WireCall:
        """A submitting call."""
        url = f"{job.endpoint.base_url}/{path}"
        return WireCall(CallPurpose.SUBMIT, "POST", url, self.headers, body, wire.bearer(job))

    def parse(self, job: Job, exchange: Exchange) -> Answer:
        """Images from `data[]`, timings where a host adds them, or the failure that the error envelope describes."""
        if exchange.status >= 300:
            return self.refused(exchange)
        reply = wire.table(wire.read_json(exchange.body))
        images = images_of(reply, job.endpoint.base_url)
        request_id = self.request_id(exchange) or wire.label(reply.get("id"))
        if isinstance(images, str):
            return replace(wire.rejected(exchange, FailureKind.BAD_RESPONSE, images), request_id=request_id)
        extras = self.extras(job, reply, exchange)
        return Done(
            images,
            server_ms=extras.server_ms,
            cost_usd=extras.cost_usd,
            seed=wire.integer(reply.get("seed")),
            model=extras.model or wire.label(reply.get("model")),
            request_id=request_id,
            remarks=extras.remarks,
        )

    def refused(self, exchange: Exchange) -> Rejected:
        """The failure that an error status and its envelope describe."""
        told = wire.rejected_by_status(exchange)
        error = wire.table(wire.table(wire.read_json(exchange.body[:MOST_ERROR_BYTES])).get("error"))
        failure = told.failure.model_copy(update={"kind": self.kind_of(told.failure, error)})
        return replace(told, failure=failure, request_id=self.request_id(exchange))

    def kind_of(self, failure: Failure, error: Mapping[str, JsonValue]) -> FailureKind:
        """The kind of a failure; what its `error` object tells beyond status and message refines it."""
        # OpenAI's client knows these details from the image tool of another route; here they are not confirmed.
        stage = wire.table(error.get("moderation_details")).get("moderation_stage")
        if failure.kind is FailureKind.MODERATED_INPUT and stage == "output":
            return FailureKind.MODERATED_OUTPUT
        return failure.kind

    def request_id(self, exchange: Exchange) -> str | None:
        """The host's own name for the request, from its headers."""
        return wire.label(exchange.headers.get(self.request_id_header)) or wire.request_id(exchange.headers)

    def values(self, job: Job) -> dict[str, JsonValue]:
        """The fields of the call, in the host's names."""
        fields = wire.field_names(job.endpoint, self.fields)
        request = job.request
        values: dict[str, JsonValue] = {
            "model": job.endpoint.model,
            "prompt": request.prompt,
            **self.size_fields(job),
            **self.constants,
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

    def size_fields(self, job: Job) -> dict[str, JsonValue]:
        """The fields that tell the size."""
        return {"size": self.sizing(job).wire}

    def extras(self, job: Job, reply: Mapping[str, JsonValue], exchange: Exchange) -> Extras:
        """What a host says beside the images: `timings_ms`, and the cost in the header named `options.cost_header`.

        OpenAI itself is known to tell its whole time in a header; it is not documented, and other hosts rarely do.
        """
        whole = wire.milliseconds({"total": wire.header_number(exchange.headers.get("openai-processing-ms"))})
        return Extras({**whole, **wire.milliseconds(reply.get("timings_ms"))}, header_cost(job.endpoint, exchange))

    def probe(self, endpoint: Endpoint, key: SecretStr | None) -> WireCall | None:
        """The list of models, which every host of this protocol has."""
        auth = wire.auth_header("Authorization", "Bearer ", key)
        return WireCall(CallPurpose.RESULT, "GET", f"{endpoint.base_url}/models", auth=auth)

    def read_probe(self, endpoint: Endpoint, exchange: Exchange) -> Probed:
        """Whether the model is in the list."""
        return read_model_list({endpoint.model}, exchange)


def form_text(value: JsonValue) -> str:
    """A value as text of a multipart body: `true`, not `True`."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


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


def read_model_list(names: Collection[str], exchange: Exchange) -> Probed:
    """Whether `data[].id`, or a bare list of such entries, holds the model under one of its names."""
    if exchange.status >= 300:
        return Probed(False if exchange.status in {401, 403} else None, f"HTTP {exchange.status}")
    reply = wire.read_json(exchange.body)
    entries = reply if isinstance(reply, list) else wire.table(reply).get("data")
    if not isinstance(entries, list):
        return Probed(None, "answers, but with no list of models")
    ids = {wire.text(wire.table(entry).get("id")) for entry in entries}
    listed = not ids.isdisjoint(names)
    return Probed(listed, "the model is listed" if listed else f"{min(names)} is not in its list of models")
