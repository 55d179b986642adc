"""Finds weights and a device and makes a diffusers pipeline of them. Importing this module does not import torch."""

from __future__ import annotations

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arena.errors import ArenaError, ConfigError
from harness.local import random_weights
from harness.local.faults import load_fault
from harness.local.speed import check_speed, prepare
from harness.local.tiny import MARKER_NAME, save_tiny_pipeline

if TYPE_CHECKING:
    import torch
    from diffusers import Flux2KleinPipeline

    from harness.local.settings import LocalSettings


@dataclass(frozen=True, slots=True)
class Target:
    """Where and in which number format a pipeline computes, in torch's names."""

    device: str
    dtype: str

    def torch_dtype(self) -> torch.dtype:
        """The same as torch's own object."""
        import torch

        found: torch.dtype = getattr(torch, self.dtype)
        return found


def target(settings: LocalSettings) -> Target:
    """The device and dtype that `settings` mean on this machine; raises `ConfigError` for what is not to be had."""
    device = _device(settings)
    named = settings.speed.dtype
    chosen = Target(device, named if named != "auto" else "float32" if device == "cpu" else "bfloat16")
    check_speed(settings.speed, device, chosen.torch_dtype())
    return chosen


def load_pipe(settings: LocalSettings, chosen: Target) -> tuple[Flux2KleinPipeline, bool]:
    """The pipeline of `settings`, ready to run, and whether its weights are random.

    Raises `ConfigError` when the weights are not to be had and `DeviceMemoryError` when they do not fit.
    """
    _quiet_progress_bars(settings)
    if chosen.device.startswith("cuda:"):
        import torch

        # What asks for no card in particular, as torchao does for what it can, means this one, and not the first.
        torch.cuda.set_device(chosen.device)
    if settings.random_weights:
        return _prepared(_random(settings, chosen), settings, chosen), True
    if not settings.tiny:
        return _from(settings.model, settings, chosen)
    with tempfile.TemporaryDirectory(prefix="arena-tiny-", ignore_cleanup_errors=True) as directory:
        return _from(str(save_tiny_pipeline(Path(directory))), settings, chosen)


def origin(settings: LocalSettings) -> str:
    """Where the weights come from, in words."""
    if settings.tiny or settings.random_weights:
        return "configuration, with random weights"
    if Path(settings.model).exists():
        return f"the directory {settings.model}"
    from huggingface_hub.constants import HF_HUB_CACHE

    return f"the cache {HF_HUB_CACHE}" + ("" if settings.local_files_only else ", or the hub where that lacks it")


def _from(source: str, settings: LocalSettings, chosen: Target) -> tuple[Flux2KleinPipeline, bool]:
    from diffusers import Flux2KleinPipeline

    try:
        pipe = Flux2KleinPipeline.from_pretrained(
            source,
            revision=settings.revision,
            local_files_only=settings.local_files_only,
            **{_dtype_argument(): chosen.torch_dtype()},
        )
    except Exception as error:
        raise load_fault(error, settings, chosen.device) from error
    return _prepared(pipe, settings, chosen), settings.tiny or (Path(source) / MARKER_NAME).exists()


def _random(settings: LocalSettings, chosen: Target) -> Flux2KleinPipeline:
    try:
        pipe = random_weights.build(settings, chosen.torch_dtype(), chosen.device)
    except ArenaError:
        raise
    except Exception as error:
        raise load_fault(error, settings, chosen.device) from error
    return pipe


def _prepared(pipe: Flux2KleinPipeline, settings: LocalSettings, chosen: Target) -> Flux2KleinPipeline:
    pipe.set_progress_bar_config(disable=True)
    try:
        prepare(pipe, settings.speed, chosen.device)
    except ArenaError:
        raise
    except Exception as error:
        raise load_fault(error, settings, chosen.device) from error
    return pipe


def _dtype_argument() -> str:
    import diffusers

    version = tuple(int(part) for part in diffusers.__version__.split(".")[:2])
    return "dtype" if version >= (0, 41) else "torch_dtype"


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


def _quiet_progress_bars(settings: LocalSettings) -> None:
    # Bars are for a person who waits for gigabytes, not for a log.
    if settings.tiny or not sys.stderr.isatty():
        from diffusers.utils import logging as diffusers_logging
        from transformers.utils import logging as transformers_logging

        modules: tuple[Any, ...] = (diffusers_logging, transformers_logging)
        for module in modules:
            module.disable_progress_bar()
