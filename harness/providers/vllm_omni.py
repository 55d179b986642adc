"""vLLM-Omni, a self-hosted server: https://docs.vllm.ai/projects/vllm-omni/en/stable/serving/image_generation_api/

The OpenAI paths with a few odd things. Images come inside the answer only: `response_format: url` is refused with 422
(edits: 400). A wrong model name is a 400, as one server serves one model. Errors are FastAPI's `{detail}`, and a
missing key `{"error": "Unauthorized"}`. Timings by stage come in seconds, where the server was started with its
pipeline profiler and the request asks for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from arena.domain.failure import FailureKind
from harness.providers import wire
from harness.providers.openai_images import DEFAULT_FIELDS, Extras, OpenAIImages

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import JsonValue

    from arena.domain.failure import Failure
    from harness.providers.base import Exchange, Job


class VllmOmni(OpenAIImages):
    """Blocking call, images in base64."""

    fields: ClassVar[Mapping[str, str]] = {
        **DEFAULT_FIELDS,
        "delivery": "",
        "seed": "seed",
        "steps": "num_inference_steps",
        "guidance": "guidance_scale",
    }
    constants: ClassVar[Mapping[str, JsonValue]] = {"response_format": "b64_json", "return_stage_metrics": True}
    notes: ClassVar[Mapping[str, str]] = {"delivery": "always inside the answer: an address is refused"}

    def kind_of(self, failure: Failure, error: Mapping[str, JsonValue]) -> FailureKind:
        """A model that the server does not serve is a 400 here."""
        if failure.http_status == 400 and failure.message.startswith("Model mismatch"):
            return FailureKind.NOT_FOUND
        return super().kind_of(failure, error)

    def extras(self, job: Job, reply: Mapping[str, JsonValue], exchange: Exchange) -> Extras:
        """`metrics.stage_durations`: one entry a stage, such as `Flux2KleinPipeline.vae.decode`, and their sum."""
        stages = wire.table(wire.table(reply.get("metrics")).get("stage_durations"))
        told = wire.milliseconds(wire.seconds_as_ms(**dict(list(stages.items())[: wire.MAX_TIMINGS])))
        by_stage: dict[str, float] = {}
        for name, ms in told.items():  # two pipelines may have a stage of one name
            short = name.partition(".")[2] or name
            by_stage[short] = by_stage.get(short, 0.0) + ms
        # The profiler's stages follow one another, so that their sum is what the model took.
        return Extras({**by_stage, "predict": sum(by_stage.values())} if by_stage else {})
