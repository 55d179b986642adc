"""What is measured: diffusers' own pipeline as its documentation uses it, and the one that this server serves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from arena.errors import ArenaError
from harness.local.loading import load_pipe, target
from harness.local.pipeline import LocalJob, load
from harness.local.settings import Speed

if TYPE_CHECKING:
    from collections.abc import Callable

    from diffusers import Flux2KleinPipeline
    from PIL.Image import Image

    from harness.local.settings import LocalSettings


@dataclass(frozen=True, slots=True)
class Subject:
    """A loaded pipeline: `generate` makes the images of a job, and `stages_ms` tells where the last one's time went."""

    generate: Callable[[LocalJob], tuple[Image, ...]]
    pipe: Flux2KleinPipeline
    device: str
    dtype: str
    simulated: bool
    stages_ms: Callable[[], dict[str, float]]


def engine(settings: LocalSettings) -> Subject:
    """The pipeline that `arena local serve` would serve under these settings; raises what `load` raises."""
    pipeline = load(settings)
    last: dict[str, float] = {}

    def generate(job: LocalJob) -> tuple[Image, ...]:
        result = pipeline.generate(job)
        if job.n > 1 and result.batch_images < job.n:
            raise ArenaError(f"{job.n} images at a time do not fit; {result.batch_images} do")
        last.update(result.timings_ms)
        return result.images

    return Subject(generate, pipeline.pipe, pipeline.device, pipeline.dtype, pipeline.simulated, lambda: dict(last))


def defaults(settings: LocalSettings) -> Subject:
    """diffusers' own: `from_pretrained` in the dtype of the weights, `.to(device)`, and one call with a prompt.

    The dtype is bfloat16 on an accelerator, as on the model's card, and float32 on a CPU. Of the settings' speed only
    `offload` counts, which is diffusers' own, too. Raises `ConfigError` or `DeviceMemoryError`.
    """
    import torch

    plain = settings.model_copy(update={"speed": Speed(offload=settings.speed.offload)})
    chosen = target(plain)
    pipe, simulated = load_pipe(plain, chosen)

    def generate(job: LocalJob) -> tuple[Image, ...]:
        return tuple(
            pipe(
                prompt=job.prompt,
                width=job.width_px,
                height=job.height_px,
                num_inference_steps=job.steps,
                guidance_scale=job.guidance,
                num_images_per_prompt=job.n,
                generator=[torch.Generator("cpu").manual_seed(job.seed + i) for i in range(job.n)],
            ).images
        )

    return Subject(generate, pipe, chosen.device, chosen.dtype, simulated, dict)
