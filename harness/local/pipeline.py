"""Loading a FLUX.2 [klein] pipeline and generating images with it, timed by stage.

Importing this module does not import torch; loading does.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from arena.units import format_ms
from harness.local.clock import StageClock
from harness.local.embeddings import EmbeddingCache
from harness.local.energy import energy_counter
from harness.local.faults import (
    DeviceMemoryError,
    InterruptedJobError,
    device_fault,
    is_device_fault,
    is_out_of_memory,
    missing_package,
)
from harness.local.loading import load_pipe, origin, target
from harness.local.speed import CompiledShapes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import torch
    from diffusers import Flux2KleinPipeline
    from PIL.Image import Image

    from harness.local.settings import LocalSettings

logger = logging.getLogger(__name__)

_BYTES_PER_MB = 1_000_000


@dataclass(frozen=True, slots=True)
class LocalJob:
    """One job: `n` images with the seeds `seed`, `seed` + 1, …; `images` are the references of an edit.

    Sides are multiples of 16 pixels; references are RGB.
    """

    prompt: str
    width_px: int
    height_px: int
    seed: int
    steps: int
    guidance: float
    n: int = 1
    images: tuple[Image, ...] = ()

    @property
    def shape(self) -> tuple[int, int, int, float] | None:
        """Jobs of equal shape may share a batch; None for an edit, whose references are its own."""
        return None if self.images else (self.width_px, self.height_px, self.steps, self.guidance)


@dataclass(frozen=True, slots=True)
class LocalResult:
    """The images of a job and where the time went.

    `timings_ms` has `text_encode`; `denoise`, which includes encoding the references; `decode`; `transfer`, the copy of
    the pixels from the device; `generate`, the whole; `device`, the job's share of the whole by its images, where
    others were in the batch; and `step_1` and so on, the denoising steps, of which the first includes what precedes
    it: noise, positions and references. Several images that are not one batch are added up. `peak_memory_mb` is the
    most memory that was allocated on a CUDA device meanwhile, and `energy_j` the job's share of what the card
    consumed; None where it is not known. `embedding_cached` says that the prompt's embedding was kept from before.
    `batch_images` is how many images ran together at most.
    """

    images: tuple[Image, ...]
    timings_ms: dict[str, float] = field(default_factory=dict)
    peak_memory_mb: float | None = None
    energy_j: float | None = None
    embedding_cached: bool = False
    batch_images: int = 1


class ImagePipeline(Protocol):
    """What a server needs of a pipeline."""

    @property
    def device(self) -> str:
        """The torch device that it runs on, such as `cuda`."""

    @property
    def dtype(self) -> str:
        """The number format of the weights, such as `bfloat16`."""

    @property
    def simulated(self) -> bool:
        """Whether the weights are random and the images mean nothing."""

    def run(self, jobs: Sequence[LocalJob]) -> tuple[LocalResult, ...]:
        """Run jobs of one shape. Raises `DeviceMemoryError`, `InterruptedJobError` or `DeviceFaultError`."""

    def interrupt(self) -> None:
        """Make the running jobs and all later ones give up at the next step; may be called from any thread."""

    def restart(self) -> None:
        """Make it usable again after a `DeviceFaultError`; raises `ArenaError` when that is not possible."""


@dataclass(frozen=True, slots=True)
class LocalPipeline:
    """A loaded pipeline on one device; one thread, always the same, may generate."""

    pipe: Flux2KleinPipeline
    device: str
    dtype: str
    simulated: bool
    max_batch: int = 1
    compiled: CompiledShapes | None = None
    embeddings: EmbeddingCache = field(default_factory=lambda: EmbeddingCache(0))
    energy_j: Callable[[], float | None] = lambda: None
    _interrupted: threading.Event = field(default_factory=threading.Event)

    def interrupt(self) -> None:
        """Make the running jobs and all later ones give up at the next step; may be called from any thread."""
        self._interrupted.set()

    def generate(self, job: LocalJob) -> LocalResult:
        """Run one job; raises as `run` does."""
        return self.run([job])[0]

    def run(self, jobs: Sequence[LocalJob]) -> tuple[LocalResult, ...]:
        """Run jobs of one shape, at most `max_batch` images at a time; an edit runs alone.

        An image depends on its own seed alone: the second of two is the one that a call with the next seed gives. In a
        batch it is the same but for rounding, since other kernels may compute it.

        Raises `DeviceMemoryError` when the device has too little memory even for one image at a time, after freeing
        what the jobs held, `InterruptedJobError` once `interrupt` was called, and `DeviceFaultError` when the driver
        reports a fault.
        """
        at_once = self.max_batch
        while True:
            try:
                return self._run(jobs, at_once)
            except Exception as error:
                if not is_out_of_memory(error):
                    if is_device_fault(error):
                        raise device_fault(error, self.device) from error
                    raise
            # Only here, outside the handler, has the exception let go of the tensors in its frames.
            self._free_memory()
            images = min(at_once, sum(job.n for job in jobs))
            if images == 1:
                raise DeviceMemoryError(
                    f"{self.device} ran out of memory at {jobs[0].width_px}x{jobs[0].height_px} pixels "
                    f"with {len(jobs[0].images)} reference images; ask for a smaller size or fewer references"
                )
            at_once = images // 2
            logger.warning("%s: a batch of %d images does not fit; trying %d at a time", self.device, images, at_once)

    def _run(self, jobs: Sequence[LocalJob], at_once: int) -> tuple[LocalResult, ...]:
        import torch

        device = torch.device(self.device)
        clock = StageClock(device)
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        before_j = self.energy_j()
        with torch.no_grad(), clock.stage("generate"):
            with clock.stage("text_encode"):
                embedded = [self._embed(job) for job in jobs]
            each = [
                (job.seed + i, embedding)
                for job, (embedding, _) in zip(jobs, embedded, strict=True)
                for i in range(job.n)
            ]
            batches = [each[i : i + at_once] for i in range(0, len(each), at_once)]
            pixels = [self._batch(jobs[0], batch, clock) for batch in batches]
        # The one place where the host waits for the device: all before is queued ahead of it.
        timings_ms = clock.timings_ms()
        after_j = self.energy_j()
        images = [image for levels in pixels for image in _images(levels)]
        used_j = None if before_j is None or after_j is None else after_j - before_j
        peak_mb = torch.cuda.max_memory_allocated(device) / _BYTES_PER_MB if device.type == "cuda" else None
        results = []
        for job, (_, was_cached) in zip(jobs, embedded, strict=True):
            share = job.n / len(each)
            results.append(
                LocalResult(
                    images=tuple(images[: job.n]),
                    timings_ms={**timings_ms, "device": round(timings_ms["generate"] * share, 3)},
                    peak_memory_mb=peak_mb,
                    energy_j=None if used_j is None else used_j * share,
                    embedding_cached=was_cached,
                    batch_images=len(batches[0]),
                )
            )
            del images[: job.n]
        return tuple(results)

    def _embed(self, job: LocalJob) -> tuple[dict[str, torch.Tensor], bool]:
        """The embeddings of a job, and whether the prompt's was kept from before; each prompt is encoded by itself."""
        prompt, was_cached = self.embeddings.get(job.prompt, self._encode)
        if job.guidance <= 1 or self.pipe.config.is_distilled:
            return {"prompt_embeds": prompt}, was_cached
        negative, _ = self.embeddings.get("", self._encode)
        return {"prompt_embeds": prompt, "negative_prompt_embeds": negative}, was_cached

    def _encode(self, prompt: str) -> torch.Tensor:
        embedding: torch.Tensor = self.pipe.encode_prompt(prompt)[0]
        return embedding

    def _batch(
        self, job: LocalJob, batch: list[tuple[int, dict[str, torch.Tensor]]], clock: StageClock
    ) -> torch.Tensor:
        """The pixels of images that are computed together, in the host's memory: N x height x width x 3, 0 to 255.

        On a CUDA device they are there once the device has come to the end of what is queued.
        """
        import torch

        def after_step(
            _pipe: Flux2KleinPipeline, step: int, _timestep: torch.Tensor, kept: dict[str, torch.Tensor]
        ) -> dict[str, torch.Tensor]:
            if self._interrupted.is_set():
                raise InterruptedJobError("the server is being stopped and gave up this job; send it to another one")
            clock.lap(f"step_{step + 1}")
            return kept

        if self.compiled is not None:
            self.compiled.meet(job.width_px, job.height_px, len(batch), tuple(each.size for each in job.images))
        with clock.stage("denoise"):
            clock.begin_laps()
            latents = self.pipe(
                **{name: torch.cat([embedding[name] for _, embedding in batch]) for name in batch[0][1]},
                image=list(job.images) or None,
                width=job.width_px,
                height=job.height_px,
                num_inference_steps=job.steps,
                guidance_scale=job.guidance,
                # Drawn on the CPU, the noise of a seed is the same whatever the device.
                generator=[torch.Generator("cpu").manual_seed(seed) for seed, _ in batch],
                callback_on_step_end=after_step,
                output_type="latent",
            ).images
        with clock.stage("decode"):
            decoded = self.pipe.vae.decode(latents.to(self.pipe.vae.dtype), return_dict=False)[0]
            levels = _levels(decoded)
        with clock.stage("transfer"):
            return _on_host(levels)

    def _free_memory(self) -> None:
        import torch

        self.embeddings.clear()
        gc.collect()
        if self.device.startswith("cuda"):
            torch.cuda.empty_cache()
        elif self.device == "mps":
            torch.mps.empty_cache()


def _levels(decoded: torch.Tensor) -> torch.Tensor:
    """N x 3 x height x width from -1 to 1 as N x height x width x 3 bytes, rounded as diffusers' own postprocessing."""
    import torch

    levels = (decoded.float() * 0.5 + 0.5).clamp(0, 1).mul(255).round().to(torch.uint8)
    return levels.permute(0, 2, 3, 1).contiguous()


def _on_host(levels: torch.Tensor) -> torch.Tensor:
    """A copy in the host's memory, on a CUDA device queued after what computes `levels` rather than waited for."""
    import torch

    if levels.device.type != "cuda":
        return levels.cpu()
    # Into page-locked memory: from any other the copy could not be queued.
    return torch.empty(levels.shape, dtype=levels.dtype, pin_memory=True).copy_(levels, non_blocking=True)


def _images(levels: torch.Tensor) -> list[Image]:
    from PIL import Image

    return [Image.fromarray(each) for each in levels.numpy()]


@contextlib.contextmanager
def _quiet_imports() -> Iterator[None]:
    # diffusers imports torchao where it is installed, and both warn of each other's age on the way.
    loggers = [logging.getLogger(name) for name in ("torch.utils._pytree", "diffusers.quantizers.torchao")]
    levels = [each.level for each in loggers]
    for each in loggers:
        each.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for each, level in zip(loggers, levels, strict=True):
            each.setLevel(level)


def load(settings: LocalSettings) -> LocalPipeline:
    """Load the pipeline that `settings` name onto its device; weights that are not cached are downloaded.

    Raises `ConfigError` when libraries, device, weights or what `settings.speed` asks for are not to be had, and
    `DeviceMemoryError` when the weights do not fit.
    """
    try:
        import torch  # noqa: F401

        with _quiet_imports():
            from diffusers import Flux2KleinPipeline  # noqa: F401
    except (ImportError, RuntimeError) as error:
        raise missing_package(error) from error
    chosen = target(settings)
    logger.info("loading %s on %s as %s from %s", settings.served_name, chosen.device, chosen.dtype, origin(settings))
    begin_s = time.perf_counter()
    pipe, simulated = load_pipe(settings, chosen)
    logger.info("loaded in %s", format_ms((time.perf_counter() - begin_s) * 1000))
    speed = settings.speed
    return LocalPipeline(
        pipe,
        chosen.device,
        chosen.dtype,
        simulated,
        speed.max_batch,
        None if speed.compile == "off" else CompiledShapes(chosen.device),
        EmbeddingCache(speed.embedding_cache),
        energy_counter(chosen.device),
    )
