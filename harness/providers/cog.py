"""cog's prediction API, as spoken by self-hosted containers: https://cog.run/http/

A blocking `POST {base}/predictions`; a failure inside the model is still HTTP 200, with `status: "failed"`. Inputs are
whatever the container's predictor declares: `options.fields` maps canonical fields to its names ("" where it has none),
`options.input` adds constant inputs. The asynchronous form is not used: the only way to ask for a result would be to
repeat the creating PUT, which starts a second prediction when the first has just ended.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from arena.domain.failure import FailureKind
from arena.domain.outcome import CallPurpose
from arena.domain.request import Mode
from harness.providers import wire
from harness.providers.base import Answer, Done, Exchange, How, Job, JsonBody, Probed, Provider, Support, WireCall

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import JsonValue, SecretStr

    from arena.domain.endpoint import Endpoint

DEFAULT_FIELDS = {
    "width": "width",
    "height": "height",
    "seed": "seed",
    "steps": "num_inference_steps",
    "guidance": "guidance_scale",
    "format": "output_format",
    "n": "",
    "safety": "",
    "images": "images",
}


class Cog(Provider):
    """Blocking call; images come back as data URIs, or as addresses where the container uploads them."""

    options = frozenset({"fields", "input"})

    def parameters(self, endpoint: Endpoint) -> Mapping[str, Support]:
        """From `options.fields` over the usual names."""
        fields = wire.field_names(endpoint, DEFAULT_FIELDS)
        sized = Support(How.CONVERTED, f"input.{fields['width']}, input.{fields['height']}")
        return {
            "prompt": Support(How.RENAMED, "input.prompt"),
            "mode": Support(How.CONVERTED, f"input.{fields['images']}", "an edit is a prediction with images"),
            **({"size": sized, "ratio": sized, "input_size": sized} if fields["width"] and fields["height"] else {}),
            "images": Support(How.CONVERTED, f"input.{fields['images']}", "data URIs"),
            **{n: wire.support(n, fields[n]) for n in ("seed", "steps", "guidance", "format", "n", "safety")},
            # Inline or address is the container's choice; Arena takes either, so the wish is met without being sent.
            "delivery": Support(How.EMULATED, "", "the container's choice; both are taken"),
        }

    def build(self, job: Job) -> WireCall:
        """One prediction."""
        request, fields = job.request, wire.field_names(job.endpoint, DEFAULT_FIELDS)
        values: dict[str, JsonValue] = {
            "width": request.size.width_px,
            "height": request.size.height_px,
            "seed": request.seed,
            "steps": request.steps,
            "guidance": request.guidance,
            "format": request.format.value,
            "n": request.n,
            "safety": request.safety,
        }
        inputs: dict[str, JsonValue] = {
            **wire.table(job.endpoint.options.get("input")),
            "prompt": request.prompt,
        }
        inputs |= {fields[name]: value for name, value in values.items() if value is not None and fields[name]}
        if request.mode is Mode.EDIT:
            inputs[fields["images"]] = [wire.data_uri(image) for image in request.images]
        return WireCall(
            CallPurpose.SUBMIT,
            "POST",
            f"{job.endpoint.base_url}/predictions",
            body=JsonBody({"input": inputs}),
            auth=wire.bearer(job),
        )

    def parse(self, job: Job, exchange: Exchange) -> Answer:
        """Images from `output`, the model's own time from `metrics`, or the failure."""
        if exchange.status >= 300:
            return wire.rejected_by_status(exchange)
        reply = wire.table(wire.read_json(exchange.body))
        status = wire.text(reply.get("status"))
        if status in {"failed", "canceled"}:
            return _failed(exchange, reply, status)
        output = reply.get("output")
        entries = output if isinstance(output, list) else [output]
        images = [wire.image_reference(entry, job.endpoint.base_url) for entry in entries]
        found = tuple(image for image in images if image is not None)
        if status != "succeeded" or not found or len(found) < len(images):
            message = f"the answer has status {status!r} and no usable `output`"
            return wire.rejected(exchange, FailureKind.BAD_RESPONSE, message)
        return Done(
            found,
            server_ms=wire.seconds_as_ms(predict=wire.table(reply.get("metrics")).get("predict_time")),
            request_id=wire.label(reply.get("id")) or wire.request_id(exchange.headers),
        )

    def probe(self, endpoint: Endpoint, key: SecretStr | None) -> WireCall | None:
        """The container's health."""
        auth = wire.auth_header("Authorization", "Bearer ", key)
        return WireCall(CallPurpose.RESULT, "GET", f"{endpoint.base_url}/health-check", auth=auth)

    def read_probe(self, endpoint: Endpoint, exchange: Exchange) -> Probed:
        """READY and BUSY are good; anything else is said as it is."""
        status = wire.label(wire.table(wire.read_json(exchange.body)).get("status")) or f"HTTP {exchange.status}"
        return Probed(status in {"READY", "BUSY"}, f"the container is {status}")


def _failed(exchange: Exchange, reply: Mapping[str, JsonValue], status: str) -> Answer:
    message = wire.text(reply.get("error")) or f"the prediction {status}"
    kind = FailureKind.CANCELED if status == "canceled" else FailureKind.PROVIDER_ERROR
    if wire.says_moderated(message):
        kind = FailureKind.MODERATED_OUTPUT
    return wire.rejected(exchange, kind, message)
