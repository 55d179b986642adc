"""SGLang-diffusion, a self-hosted server: https://docs.sglang.ai/

The OpenAI paths with a few odd things. A generation that does not say `response_format` asks for an address, which is
refused with 400 unless the server keeps its images, so base64 is always asked for; `options.fields = { delivery =
"response_format" }` is for a server that does keep them. An address is a path on the server. `n` is clamped to 1–10
without a word, and the model's name is not looked at. Errors are FastAPI's `{detail}`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from harness.providers import wire
from harness.providers.openai_images import DEFAULT_FIELDS, Extras, OpenAIImages

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import JsonValue

    from harness.providers.base import Exchange, Job


class SGLang(OpenAIImages):
    """Blocking call, images in base64 unless the endpoint's data say that the server keeps them."""

    fields: ClassVar[Mapping[str, str]] = {
        **DEFAULT_FIELDS,
        "delivery": "",
        "seed": "seed",
        "steps": "num_inference_steps",
        "guidance": "guidance_scale",
    }
    constants: ClassVar[Mapping[str, JsonValue]] = {"response_format": "b64_json"}
    notes: ClassVar[Mapping[str, str]] = {"delivery": "inside the answer, unless the server keeps its images"}

    def extras(self, job: Job, reply: Mapping[str, JsonValue], exchange: Exchange) -> Extras:
        """`inference_time_s` is the model's time."""
        return Extras(wire.seconds_as_ms(predict=reply.get("inference_time_s")))
