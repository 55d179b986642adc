"""Loading a FLUX.2 [klein] pipeline and generating images with it, timed by stage.

Importing this module does not import torch; loading does.
"""

from __future__ import annotations

import gc
import logging
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from arena.errors import ConfigError
from arena.units import format_ms
from harness.local.clock import StageClock
from harness.local.faults import (
    DeviceMemoryError,
    InterruptedJobError,
    is_out_of_memory,
    load_fault,
    missing_package,
)
from harness.local.tiny import MARKER_NAME, save_tiny_pipeline

if TYPE_CHECKING:
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


@dataclass(frozen=True, slots=True)
class LocalResult:
    """The images of a job and where the time went.

    `timings_ms` has `text_encode`, `denoise` (which includes encoding the references), `decode` and
    `generate`, the whole. `peak_memory_mb` is the most memory that was allocated on a CUDA device during the
    job, else None.
    """

    images: tuple[Image, ...]
    timings_ms: dict[str, float] = field(default_factory=dict)
    peak_memory_mb: float | None = None


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

    def generate(self, job: LocalJob) -> LocalResult:
        """Run one job. Raises `DeviceMemoryError` or `InterruptedJobError`."""

    def interrupt(self) -> None:
        """Make the running job and all later ones give up at the next step; may be called from any thread."""


@dataclass(frozen=True, slots=True)
class LocalPipeline:
    """A loaded pipeline on one device; one thread at a time may generate."""

    pipe: Flux2KleinPipeline
    device: str
    dtype: str
    simulated: bool
    _interrupted: threading.Event = field(default_factory=threading.Event)

    def interrupt(self) -> None:
        """Make the running job and all later ones give up at the next step; may be called from any thread."""
        self._interrupted.set()

    def generate(self, job: LocalJob) -> LocalResult:
        """Run one job.

        An image depends on its own seed alone: the second of two is the one that a call with the next seed
        gives. Raises `DeviceMemoryError` when the device has too little memory, after freeing what the job
        held, and `InterruptedJobError` once `interrupt` was called.
        """
        try:
            return self._generate(job)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
        # Only here, outside the handler, has the exception let go of the tensors in its frames.
        self._free_memory()
        raise DeviceMemoryError(
            f"{self.device} ran out of memory at {job.width_px}x{job.height_px} pixels "
            f"with {len(job.images)} reference images; ask for a smaller size or fewer references"
        )

    def _generate(self, job: LocalJob) -> LocalResult:
        import torch

        device = torch.device(self.device)
        clock = StageClock(device)
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        with torch.no_grad(), clock.stage("generate"):
            with clock.stage("text_encode"):
                embeddings = self._embed(job)
            images = tuple(self._image(job, job.seed + i, embeddings, clock) for i in range(job.n))
        timings_ms = clock.timings_ms()
        if device.type != "cuda":
            return LocalResult(images, timings_ms)
        return LocalResult(images, timings_ms, torch.cuda.max_memory_allocated(device) / _BYTES_PER_MB)

    def _embed(self, job: LocalJob) -> dict[str, torch.Tensor]:
        embeddings = {"prompt_embeds": self.pipe.encode_prompt(job.prompt)[0]}
        if job.guidance > 1 and not self.pipe.config.is_distilled:
            embeddings["negative_prompt_embeds"] = self.pipe.encode_prompt("")[0]
        return embeddings

    def _image(self, job: LocalJob, seed: int, embeddings: dict[str, torch.Tensor], clock: StageClock) -> Image:
        import torch

        with clock.stage("denoise"):
            latents = self.pipe(
                **embeddings,
                image=list(job.images) or None,
                width=job.width_px,
                height=job.height_px,
                num_inference_steps=job.steps,
                guidance_scale=job.guidance,
                # Drawn on the CPU, the noise of a seed is the same whatever the device.
                generator=torch.Generator("cpu").manual_seed(seed),
                callback_on_step_end=self._between_steps,
                output_type="latent",
            ).images
        with clock.stage("decode"):
            pixels = self.pipe.vae.decode(latents.to(self.pipe.vae.dtype), return_dict=False)[0]
            image: Image = self.pipe.image_processor.postprocess(pixels, output_type="pil")[0]
        return image

    def _between_steps(
        self, _pipe: Flux2KleinPipeline, _step: int, _timestep: torch.Tensor, kept: dict[str, torch.Tensor]
    ) -> dict[str, torch.Tensor]:
        if self._interrupted.is_set():
            raise InterruptedJobError("the server is being stopped and gave up this job; send it to another one")
        return kept

    def _free_memory(self) -> None:
        import torch

        gc.collect()
        if self.device.startswith("cuda"):
            torch.cuda.empty_cache()
        elif self.device == "mps":
            torch.mps.empty_cache()


def load(settings: LocalSettings) -> LocalPipeline:
    """Load the pipeline that `settings` name onto its device; weights that are not cached are downloaded.

    Raises `ConfigError` when libraries, device or weights are not to be had, and `DeviceMemoryError` when the
    weights do not fit.
    """
    try:
        import diffusers  # noqa: F401
        import torch  # noqa: F401
        from diffusers import Flux2KleinPipeline  # noqa: F401
    except (ImportError, RuntimeError) as error:
        raise missing_package(error) from error
    _quiet_progress_bars(settings)
    device = _device(settings)
    if not settings.tiny:
        return _load_from(settings.model, settings, device)
    with tempfile.TemporaryDirectory(prefix="arena-tiny-", ignore_cleanup_errors=True) as directory:
        return _load_from(str(save_tiny_pipeline(Path(directory))), settings, device)


def _load_from(source: str, settings: LocalSettings, device: str) -> LocalPipeline:
    import torch
    from diffusers import Flux2KleinPipeline

    dtype = _dtype_name(settings, device)
    logger.info("loading %s on %s as %s from %s", settings.served_name, device, dtype, _origin(source, settings))
    begin_s = time.perf_counter()
    try:
        pipe = Flux2KleinPipeline.from_pretrained(
            source,
            revision=settings.revision,
            local_files_only=settings.local_files_only,
            **{_dtype_argument(): getattr(torch, dtype)},
        ).to(device)
    except Exception as error:
        raise load_fault(error, settings, device) from error
    pipe.set_progress_bar_config(disable=True)
    logger.info("loaded in %s", format_ms((time.perf_counter() - begin_s) * 1000))
    simulated = settings.tiny or (Path(source) / MARKER_NAME).exists()
    return LocalPipeline(pipe, device, dtype, simulated)


def _dtype_argument() -> str:
    import diffusers

    version = tuple(int(part) for part in diffusers.__version__.split(".")[:2])
    return "dtype" if version >= (0, 41) else "torch_dtype"


def _origin(source: str, settings: LocalSettings) -> str:
    if settings.tiny:
        return "configuration, with random weights"
    if Path(source).exists():
        return f"the directory {source}"
    from huggingface_hub.constants import HF_HUB_CACHE

    return f"the cache {HF_HUB_CACHE}" + ("" if settings.local_files_only else ", or the hub where that lacks it")


def _device(settings: LocalSettings) -> str:
    import torch

    cuda = [f"cuda:{i}" for i in range(torch.cuda.device_count())]
    available = [
        *(["cuda", *cuda] if cuda else []),
        *(["mps"] if torch.backends.mps.is_available() else []),
        "cpu",
    ]
    device = available[0] if settings.device == "auto" else settings.device
    if device in available:
        return device
    names = ", ".join(["auto", *available])
    raise ConfigError(f"the device {device!r} is not available here; use --device with one of: {names}")


def _dtype_name(settings: LocalSettings, device: str) -> str:
    if settings.speed.dtype != "auto":
        return settings.speed.dtype
    return "float32" if device == "cpu" else "bfloat16"


def _quiet_progress_bars(settings: LocalSettings) -> None:
    # Bars are for a person who waits for gigabytes, not for a log.
    if settings.tiny or not sys.stderr.isatty():
        from diffusers.utils import logging as diffusers_logging
        from transformers.utils import logging as transformers_logging

        modules: tuple[Any, ...] = (diffusers_logging, transformers_logging)
        for module in modules:
            module.disable_progress_bar()
