"""Replicate's predictions API: https://replicate.com/docs/reference/http

`POST {base}/models/{owner}/{name}/predictions` for official models, `POST {base}/predictions` where `options.version`
pins one. With `Prefer: wait=N` the answer is held for up to N seconds (`options.hold_s`, 60 unless told; 0 asks for no
hold), and what is not there by then is polled at `urls.get`. Odd things:

- A held answer may carry the output while it still says `processing`, without metrics. The image is delivered then;
  `lookups` asks for the metrics later.
- Inputs that a model does not declare are ignored, so a wrong field name fails silently. Names are data
  (`options.fields`), `probe` compares them with the schema that the model declares, and delivered pixels are checked.
- There is no width and height: see `replicate_shape`.
- Moderation shows as a prediction that failed, and does not tell whether of the prompt or of the image.

`options.input` adds constant inputs, `options.cancel_after_s` (5 or more) a deadline that the host keeps to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar
from urllib.parse import quote

from arena.domain.outcome import CallPurpose
from arena.domain.request import ImageFormat, Mode
from harness.providers import wire
from harness.providers.base import (
    Answer,
    Done,
    Exchange,
    How,
    Job,
    JsonBody,
    Lookup,
    Pending,
    Probed,
    Provider,
    Sizing,
    Support,
    WireCall,
)
from harness.providers.replicate_reply import Prediction, declared_inputs
from harness.providers.replicate_shape import MATCH_INPUT, objection_to, shape_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import JsonValue, SecretStr

    from arena.domain.endpoint import Endpoint

LONGEST_HOLD_S, SHORTEST_DEADLINE_S = 60, 5


class Replicate(Provider):
    """Held or polled; images come as addresses that are gone after an hour."""

    options = frozenset({"aspect_ratios", "cancel_after_s", "fields", "hold_s", "input", "megapixels", "version"})

    fields: ClassVar[Mapping[str, str]] = {
        "aspect_ratio": "aspect_ratio",
        "megapixels": "output_megapixels",
        "images": "images",
        "seed": "seed",
        "steps": "",
        "guidance": "",
        "n": "",
        "format": "output_format",
        "safety": "disable_safety_checker",
    }
    """The names of FLUX.2 [klein] 4B; "" for what it does not take, which a size and images cannot be."""
    constants: ClassVar[Mapping[str, JsonValue]] = {"go_fast": False}
    """Sent with every request, so that no host's default trades the model's numerics for speed."""

    def parameters(self, endpoint: Endpoint) -> Mapping[str, Support]:
        """From `options.fields` over the names above."""
        names = wire.field_names(endpoint, self.fields)
        told = f"{names['aspect_ratio']}, {names['megapixels']}"
        nearest = Support(How.CONVERTED, told, "the nearest of those on offer; the host chooses the pixels")
        converted = {
            "format": Support(How.CONVERTED, names["format"], "jpeg is called jpg"),
            "safety": Support(How.CONVERTED, names["safety"], "the opposite"),
        }
        return {
            "prompt": Support(How.RENAMED, "input.prompt"),
            "mode": Support(How.CONVERTED, names["images"], "an edit is a prediction with images"),
            "size": nearest,
            "ratio": nearest,
            "input_size": Support(How.CONVERTED, told, f"{MATCH_INPUT}, and the nearest megapixels on offer"),
            "images": Support(How.CONVERTED, names["images"], "data URIs"),
            **{name: wire.support(name, names[name]) for name in ("seed", "steps", "guidance", "n")},
            **{name: support for name, support in converted.items() if names[name]},
            "delivery": Support(How.EMULATED, "", "always an address, which is downloaded"),
        }

    def sizing(self, job: Job) -> Sizing:
        """The nearest ratio and megapixels on offer; only two squares are known to the pixel."""
        shape = shape_of(job.endpoint, job.request)
        return Sizing(str(shape), shape.size, exact=shape.exact)

    def objection(self, job: Job) -> str | None:
        """A shape or an area that nothing on offer is near to."""
        return objection_to(job.endpoint, job.request)

    def build(self, job: Job) -> WireCall:
        """One prediction: the inputs, and the version if one is pinned."""
        endpoint, hold_s = job.endpoint, _hold_s(job.endpoint)
        version = wire.text(endpoint.options.get("version"))
        path = "predictions" if version else f"models/{quote(endpoint.model)}/predictions"
        headers = [("Prefer", f"wait={hold_s}")] if hold_s else []
        deadline_s = wire.integer(endpoint.options.get("cancel_after_s"))
        if deadline_s is not None:
            headers.append(("Cancel-After", f"{max(SHORTEST_DEADLINE_S, deadline_s)}s"))
        pinned: dict[str, JsonValue] = {"version": version} if version else {}
        return WireCall(
            CallPurpose.SUBMIT,
            "POST",
            f"{endpoint.base_url}/{path}",
            headers=tuple(headers),
            body=JsonBody({**pinned, "input": self.inputs(job)}),
            auth=wire.bearer(job),
        )

    def inputs(self, job: Job) -> dict[str, JsonValue]:
        """What the model is told, in its own names."""
        request, names = job.request, wire.field_names(job.endpoint, self.fields)
        shape = shape_of(job.endpoint, request)
        values: dict[str, JsonValue] = {
            "aspect_ratio": shape.ratio,
            "megapixels": shape.megapixels,
            "seed": request.seed,
            "steps": request.steps,
            "guidance": request.guidance,
            "n": request.n,
            "format": "jpg" if request.format is ImageFormat.JPEG else request.format.value,
            "safety": None if request.safety is None else not request.safety,
            "images": [wire.data_uri(image) for image in request.images] if request.mode is Mode.EDIT else None,
        }
        named = {names[name]: value for name, value in values.items() if value is not None and names[name]}
        return {
            **self.constants,
            **wire.table(job.endpoint.options.get("input")),
            "prompt": request.prompt,
            **named,
        }

    def parse(self, job: Job, exchange: Exchange) -> Answer:
        """The output as soon as there is one, another look while there is none, or how the prediction ended."""
        if exchange.status >= 300:
            return wire.rejected_by_status(exchange)
        prediction = Prediction(wire.table(wire.read_json(exchange.body)))
        images = prediction.images(job.endpoint.base_url)
        if not images:
            address = prediction.poll_address(exchange)
            if address is None:
                return prediction.rejected(exchange)
            poll = WireCall(CallPurpose.POLL, "GET", address, auth=wire.bearer(job))
            return Pending(poll, provider_status=prediction.status, request_id=prediction.id)
        late = exchange.call.purpose is CallPurpose.POLL and _hold_s(job.endpoint) > 0
        return Done(
            images,
            server_ms=prediction.timings_ms(),
            seed=prediction.seed(),
            model=prediction.model,
            request_id=prediction.id,
            remarks=("the hold ended before the image was there",) if late else (),
        )

    def lookups(self, endpoint: Endpoint, key: SecretStr | None, request_id: str) -> tuple[WireCall, ...]:
        """The prediction once more, now that its metrics are there; it is kept for an hour."""
        url = f"{endpoint.base_url}/predictions/{quote(request_id, safe='')}"
        return (WireCall(CallPurpose.RESULT, "GET", url, auth=wire.auth_header("Authorization", "Bearer ", key)),)

    def read_lookup(self, endpoint: Endpoint, exchange: Exchange) -> Lookup:
        """Its timings."""
        prediction = Prediction(wire.table(wire.read_json(exchange.body)))
        return Lookup(prediction.timings_ms() if exchange.status < 300 else {})

    def probe(self, endpoint: Endpoint, key: SecretStr | None) -> WireCall | None:
        """The description of the model, which takes a good key to see."""
        url = f"{endpoint.base_url}/models/{quote(endpoint.model)}"
        return WireCall(CallPurpose.RESULT, "GET", url, auth=wire.auth_header("Authorization", "Bearer ", key))

    def read_probe(self, endpoint: Endpoint, exchange: Exchange) -> Probed:
        """Whether the model is there, and whether it declares every input that it would be sent."""
        if exchange.status >= 300:
            return Probed(False if exchange.status in {401, 403, 404} else None, f"HTTP {exchange.status}")
        reply = wire.table(wire.read_json(exchange.body))
        if wire.text(reply.get("name")) is None:
            return Probed(None, "answers, but describes no model")
        declared = declared_inputs(reply)
        ignored = [name for name in wire.field_names(endpoint, self.fields).values() if name and name not in declared]
        warning = f", but ignores {', '.join(ignored)} (see options.fields)" if declared and ignored else ""
        return Probed(True, f"the model is there{warning}")


def _hold_s(endpoint: Endpoint) -> int:
    asked = wire.integer(endpoint.options.get("hold_s"))
    return LONGEST_HOLD_S if asked is None else min(LONGEST_HOLD_S, max(0, asked))
