"""Black Forest Labs' own API: https://docs.bfl.ai/quick_start/generating_images

`POST {base}/{model}`, one address for both modes, answers with a `polling_url`, which is followed exactly as it is: it
may be on a host of the region that took the task. The key goes along in `x-key`, to hosts of the endpoint only. Odd
things:

- A task that was just accepted may be unknown where it is asked for, told as a status or as a 404. That is waited for
  as long as `options.unknown_s` says, 5 seconds unless told.
- The cost, in credits of a cent, may be told at once, at the end, or twice.
- Prompt and image are moderated apart, and told apart.
- There are no steps, no guidance and no number of images on [klein]; `options.fields` names them for models with them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from arena.domain.failure import FailureKind
from arena.domain.outcome import CallPurpose
from arena.domain.request import Mode
from harness.providers import wire
from harness.providers.base import (
    PASSTHROUGH,
    Answer,
    Exchange,
    How,
    Job,
    JsonBody,
    Probed,
    Provider,
    Support,
    WireCall,
)
from harness.providers.bfl_answers import accepted, key_header, refused, task

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import JsonValue, SecretStr

    from arena.domain.endpoint import Endpoint

DEFAULT_TOLERANCE, MOST_TOLERANCE = 2, 5


class Bfl(Provider):
    """Submitted, then polled; the image comes as an address that is good for ten minutes."""

    options = frozenset({"extra", "fields", "unknown_s"})

    fields: ClassVar[Mapping[str, str]] = {
        "seed": "seed",
        "steps": "",
        "guidance": "",
        "n": "",
        "format": "output_format",
        "safety": "safety_tolerance",
    }
    """The names of FLUX.2 [klein]; "" for what it does not take."""

    def parameters(self, endpoint: Endpoint) -> Mapping[str, Support]:
        """From `options.fields` over the names above."""
        names = wire.field_names(endpoint, self.fields)
        sized = Support(How.CONVERTED, "width, height")
        levels = f"on: {DEFAULT_TOLERANCE}, the default; off: {MOST_TOLERANCE}, the most tolerant there is"
        table = {
            "prompt": PASSTHROUGH,
            "mode": Support(How.CONVERTED, "input_image", "an edit is a request with input images"),
            "size": sized,
            "ratio": sized,
            "input_size": sized,
            "delivery": Support(How.EMULATED, "", "always an address, which is downloaded"),
            "images": Support(How.CONVERTED, "input_image, input_image_2, …", "base64"),
            **{name: wire.support(name, wire_name) for name, wire_name in names.items()},
        }
        if names["safety"]:
            table["safety"] = Support(How.CONVERTED, names["safety"], levels)
        return table

    def build(self, job: Job) -> WireCall:
        """One task."""
        request, names = job.request, wire.field_names(job.endpoint, self.fields)
        tolerance = DEFAULT_TOLERANCE if request.safety else MOST_TOLERANCE
        optional: dict[str, JsonValue] = {
            "seed": request.seed,
            "steps": request.steps,
            "guidance": request.guidance,
            "n": request.n,
            "format": request.format.value,
            "safety": None if request.safety is None else tolerance,
        }
        body: dict[str, JsonValue] = {
            **wire.table(job.endpoint.options.get("extra")),
            "prompt": request.prompt,
            "width": request.size.width_px,
            "height": request.size.height_px,
            **{names[name]: value for name, value in optional.items() if value is not None and names[name]},
        }
        if request.mode is Mode.EDIT:
            for number, image in enumerate(request.images, start=1):
                # Base64 without a data URI's prefix: whether one is tolerated is not confirmed.
                body["input_image" if number == 1 else f"input_image_{number}"] = wire.plain_base64(image)
        url = f"{job.endpoint.base_url}/{job.endpoint.model}"
        return WireCall(CallPurpose.SUBMIT, "POST", url, body=JsonBody(body), auth=key_header(job.key))

    def parse(self, job: Job, exchange: Exchange) -> Answer:
        """Where to ask for an accepted task, or how a task stands."""
        if exchange.call.purpose is not CallPurpose.SUBMIT:
            return task(job, exchange)
        return refused(exchange) if exchange.status >= 300 else accepted(job, exchange)

    def probe(self, endpoint: Endpoint, key: SecretStr | None) -> WireCall | None:
        """The balance."""
        return WireCall(CallPurpose.RESULT, "GET", f"{endpoint.base_url}/credits", auth=key_header(key))

    def read_probe(self, endpoint: Endpoint, exchange: Exchange) -> Probed:
        """Whether the key is good and there is credit; of the model it says nothing."""
        if exchange.status >= 300:
            bad_key = refused(exchange).failure.kind is FailureKind.AUTH
            return Probed(False if bad_key else None, f"HTTP {exchange.status}")
        credits_left = wire.number(wire.table(wire.read_json(exchange.body)).get("credits"))
        if credits_left is None:
            return Probed(None, "answers, but with no balance")
        says = f"the key is good; {credits_left:g} credits are left"
        return Probed(None if credits_left > 0 else False, f"{says}; of the model nothing is said")
