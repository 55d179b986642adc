"""LocalAI, a self-hosted server: https://localai.io/features/image-generation/

Generations as OpenAI has them; there is no `/images/edits`. An edit is a generation with `ref_images`, plain base64
without a data URI's prefix; what it cannot decode it ignores without a word. The number of steps is `step`; the image
is always a PNG; a size that it cannot read becomes 512x512 without a word; the same seed goes to every image of a call.
Everything after a `|` in the prompt is taken for the negative prompt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from arena.domain.request import Mode
from harness.providers import wire
from harness.providers.base import How, Job, JsonBody, Support, WireCall
from harness.providers.openai_images import DEFAULT_FIELDS, OpenAIImages

if TYPE_CHECKING:
    from collections.abc import Mapping

    from arena.domain.endpoint import Endpoint


class LocalAI(OpenAIImages):
    """Blocking call; images in base64 or by address."""

    fields: ClassVar[Mapping[str, str]] = {**DEFAULT_FIELDS, "format": "", "seed": "seed", "steps": "step"}
    notes: ClassVar[Mapping[str, str]] = {"format": "always PNG", "guidance": "set in the model's configuration"}

    def parameters(self, endpoint: Endpoint) -> Mapping[str, Support]:
        """As the protocol's, but for edits."""
        return {
            **super().parameters(endpoint),
            "mode": Support(How.CONVERTED, "ref_images", "an edit is a generation with ref_images"),
            "images": Support(How.CONVERTED, "ref_images", "plain base64"),
        }

    def build(self, job: Job) -> WireCall:
        """A JSON generation, with the input images in it if there are any."""
        values = self.values(job)
        if job.request.mode is Mode.EDIT:
            values["ref_images"] = [wire.plain_base64(image) for image in job.request.images]
        return self.call(job, "images/generations", JsonBody(values))

    def objection(self, job: Job) -> str | None:
        """A prompt that would be split."""
        return "takes what follows a | in a prompt for the negative prompt" if "|" in job.request.prompt else None
