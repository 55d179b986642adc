"""Together AI's images API: https://docs.together.ai/reference/post-images-generations

One blocking `POST {base}/images/generations` for both modes: an edit is a generation with references. Odd things:

- Base64 is asked for as `base64` and answered as `b64_json`.
- Limits move with one's own traffic. A 429 says in `x-ratelimit-reset` when to come back; a 503 is the platform's lack
  of room, not ours.
- The answer tells neither seed nor timings nor cost, and a moderated request is a 422 that does not tell whether the
  prompt or the image was refused.
- Addresses are served only to clients that send a User-Agent.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from arena.domain.request import Delivery, Mode
from harness.providers import wire
from harness.providers.base import How, JsonBody, Rejected, Support
from harness.providers.openai_images import OpenAIImages

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import JsonValue

    from arena.domain.endpoint import Endpoint
    from harness.providers.base import Exchange, Job, WireCall

ONE_IMAGE = "image_url"
"""The field of models that take a single input image, not in a list."""


class Together(OpenAIImages):
    """Blocking call; the answer carries the images or their addresses."""

    fields: ClassVar[Mapping[str, str]] = {
        "n": "n",
        "delivery": "response_format",
        "format": "output_format",
        "seed": "seed",
        "steps": "steps",
        "guidance": "guidance_scale",
        "safety": "disable_safety_checker",
        "images": "reference_images",
    }

    def parameters(self, endpoint: Endpoint) -> Mapping[str, Support]:
        """From `options.fields` over the names above."""
        names = wire.field_names(endpoint, self.fields)
        sized = Support(How.CONVERTED, "width, height")
        converted = {
            "delivery": Support(How.CONVERTED, names["delivery"], "b64_json is called base64"),
            "safety": Support(How.CONVERTED, names["safety"], "the opposite"),
        }
        return {
            **super().parameters(endpoint),
            "mode": Support(How.CONVERTED, names["images"], "an edit is a generation with input images"),
            "size": sized,
            "ratio": sized,
            "input_size": sized,
            # The documentation speaks of addresses; that data URIs are taken, too, is not confirmed.
            "images": Support(How.CONVERTED, names["images"], "data URIs"),
            **{name: taken for name, taken in converted.items() if names[name]},
        }

    def build(self, job: Job) -> WireCall:
        """A JSON body in either mode."""
        return self.call(job, "images/generations", JsonBody(self.values(job)))

    def values(self, job: Job) -> dict[str, JsonValue]:
        """The protocol's, with delivery and filter in the host's words, and the input images."""
        names, request = wire.field_names(job.endpoint, self.fields), job.request
        values = super().values(job)
        if names["delivery"]:
            inline = (request.delivery or job.endpoint.delivery) is Delivery.INLINE
            values[names["delivery"]] = "base64" if inline else "url"
        if names["safety"] and request.safety is not None:
            values[names["safety"]] = not request.safety
        if request.mode is Mode.EDIT:
            images: list[JsonValue] = [wire.data_uri(image) for image in request.images]
            values[names["images"]] = images[0] if names["images"] == ONE_IMAGE else images
        return values

    def size_fields(self, job: Job) -> dict[str, JsonValue]:
        """Width and height."""
        return {"width": job.request.size.width_px, "height": job.request.size.height_px}

    def objection(self, job: Job) -> str | None:
        """Several images where the model takes one."""
        name = wire.field_names(job.endpoint, self.fields)["images"]
        if name == ONE_IMAGE and len(job.request.images) > 1:
            return f"takes one input image in {ONE_IMAGE}, not {len(job.request.images)}"
        return None

    def refused(self, exchange: Exchange) -> Rejected:
        """The failure, with the wait that the host suggests in a header of its own."""
        told = super().refused(exchange)
        wait_s = _suggested_wait_s(exchange)
        if wait_s is None or told.failure.retry_after_s is not None:
            return told
        return replace(told, failure=told.failure.model_copy(update={"retry_after_s": wait_s}))


def _suggested_wait_s(exchange: Exchange) -> float | None:
    """Seconds from `x-ratelimit-reset`; that it is in seconds is not confirmed, so a point in time is not believed."""
    said = exchange.headers.get("x-ratelimit-reset", "").strip()
    if exchange.status != 429 or not re.fullmatch(r"\d{1,5}(\.\d{1,6})?s?", said):
        return None
    return float(said.rstrip("s"))
