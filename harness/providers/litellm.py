"""A LiteLLM proxy: https://docs.litellm.ai/docs/proxy/response_headers

The OpenAI protocol; what the proxy adds is in headers: cost, its own and the total duration, how often it tried again
and fell back to another model. Both would spoil a measurement. Retries are switched off by a header; falling back by a
field that it understands in JSON only, so that in an edit it can but be noticed. Input images are `image[]`, also a
single one; `image` and `image[]` together are refused. A model that it does not know is a 400, as is a spent budget.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from arena.domain.failure import FailureKind
from arena.domain.request import Mode
from arena.units import parse_usd
from harness.providers import wire
from harness.providers.openai_images import DEFAULT_FIELDS, Extras, OpenAIImages

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import JsonValue

    from arena.domain.failure import Failure
    from harness.providers.base import Exchange, Job

HEADERS = "x-litellm-"
TIMING = f"{HEADERS}timing-"
"""How headers begin that tell of single steps, such as `x-litellm-timing-llm-api-ms`; only detailed timing has them."""


class LiteLLM(OpenAIImages):
    """Blocking call; whether images come inside the answer is up to the model behind the proxy."""

    # Which of these reach the model depends on what is behind the proxy; `options.fields` says otherwise.
    fields: ClassVar[Mapping[str, str]] = {
        **DEFAULT_FIELDS,
        "seed": "seed",
        "steps": "num_inference_steps",
        "guidance": "guidance_scale",
    }
    headers: ClassVar[tuple[tuple[str, str], ...]] = ((f"{HEADERS}num-retries", "0"),)
    notes: ClassVar[Mapping[str, str]] = dict.fromkeys(("seed", "steps", "guidance"), "if the model behind takes it")
    single_image: ClassVar[str] = "image[]"
    request_id_header: ClassVar[str] = f"{HEADERS}call-id"

    def values(self, job: Job) -> dict[str, JsonValue]:
        """The protocol's, and no falling back; text of a form would not be understood as `true`."""
        values = super().values(job)
        return {**values, "disable_fallbacks": True} if job.request.mode is Mode.TEXT_TO_IMAGE else values

    def kind_of(self, failure: Failure, error: Mapping[str, JsonValue]) -> FailureKind:
        """An unknown model and a spent budget are told apart from bad requests."""
        if error.get("type") == "budget_exceeded":
            return FailureKind.PAYMENT
        if failure.http_status == 400 and "Invalid model name" in failure.message:
            return FailureKind.NOT_FOUND
        return super().kind_of(failure, error)

    def extras(self, job: Job, reply: Mapping[str, JsonValue], exchange: Exchange) -> Extras:
        """Durations, cost, retries and fallbacks, all from headers."""
        headers = exchange.headers

        def said(name: str) -> float | None:
            return wire.header_number(headers.get(HEADERS + name))

        whole = {"total": said("response-duration-ms"), "overhead": said("overhead-duration-ms")}
        steps = {
            name[len(TIMING) : -len("-ms")]: wire.header_number(value)
            for name, value in headers.items()
            if name.startswith(TIMING) and name.endswith("-ms")
        }
        retries, fallbacks = said("attempted-retries") or 0, said("attempted-fallbacks") or 0
        remarks = [f"the proxy tried again {retries:.0f}×"] if retries else []
        if fallbacks:
            base = wire.label(headers.get(f"{HEADERS}model-api-base"))
            remarks.append(f"the proxy fell back {fallbacks:.0f}×, answered by {base or 'another model'}")
        return Extras(
            wire.milliseconds({**whole, **steps, **whole}),  # the whole first, and never one of its steps
            cost_usd=parse_usd(headers.get(f"{HEADERS}response-cost")),
            remarks=tuple(remarks),
        )
