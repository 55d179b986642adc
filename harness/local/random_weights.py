"""FLUX.2 [klein] at its full size with random weights: what it costs to compute, without a download.

Time, memory and arithmetic depend on shapes and hardly on values, so this pipeline measures like the real one. Its
images mean nothing: whoever loads it marks what it makes as simulated.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from arena.errors import ConfigError
from harness.local.shapes import shape_of
from harness.local.tiny import tiny_tokenizer

if TYPE_CHECKING:
    from collections.abc import Iterator

    import torch
    from diffusers import AutoencoderKLFlux2, Flux2KleinPipeline, Flux2Transformer2DModel
    from transformers import Qwen3ForCausalLM

    from harness.local.settings import LocalSettings
    from harness.local.shapes import Shape

_SEED = 0
_BYTES_PER_GB = 1_000_000_000


def build(settings: LocalSettings, dtype: torch.dtype, device: str) -> Flux2KleinPipeline:
    """The pipeline of `settings.model` with weights drawn on `device` itself, in `dtype`.

    The same device, dtype and library versions give the same weights; nothing goes through host memory or a disk,
    unless the settings offload weights: then they are drawn where they are kept, in the computer's memory.
    Raises `UnknownNameError` for a model whose shape is not known, `ConfigError` when the computer's memory would not
    hold it, and what torch raises when a device's does not.
    """
    shape, place = shape_of(settings.model), device if settings.speed.offload == "none" else "cpu"
    if place == "cpu":
        _check_memory(shape, dtype)
    return build_shape(shape, dtype, place)


def build_shape(shape: Shape, dtype: torch.dtype, device: str) -> Flux2KleinPipeline:
    """The pipeline of `shape`; the process-wide random state and default dtype are left as they were."""
    import torch
    from diffusers import FlowMatchEulerDiscreteScheduler, Flux2KleinPipeline

    forked = [torch.device(device)] if device.startswith("cuda") else []
    with torch.random.fork_rng(devices=forked), _created_as(dtype, device):
        torch.manual_seed(_SEED)
        transformer, text_encoder, autoencoder = networks(shape)
    return Flux2KleinPipeline(
        # scheduler_config.json of FLUX.2: shift 3.0, dynamic, exponential (the default).
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True, shift=3.0),
        vae=autoencoder,
        text_encoder=text_encoder,
        # Of another vocabulary, and as long: prompts are padded to the same number of tokens.
        tokenizer=tiny_tokenizer(),
        transformer=transformer,
        is_distilled=shape.is_distilled,
    )


def networks(shape: Shape) -> tuple[Flux2Transformer2DModel, Qwen3ForCausalLM, AutoencoderKLFlux2]:
    """Transformer, text encoder and autoencoder with the libraries' own initial weights, on torch's default device.

    Those keep activations in scale: uniform within 1/sqrt(fan-in) for diffusers' layers, normal with a deviation of
    0.02 for the text encoder's. On the meta device they take no memory.
    """
    from diffusers import AutoencoderKLFlux2, Flux2Transformer2DModel
    from transformers import Qwen3Config, Qwen3ForCausalLM

    return (
        Flux2Transformer2DModel(**shape.transformer).eval(),
        Qwen3ForCausalLM(Qwen3Config(**shape.text_encoder)).eval(),
        AutoencoderKLFlux2(**shape.autoencoder).eval(),
    )


def _check_memory(shape: Shape, dtype: torch.dtype) -> None:
    """Refuse what would not fit: a device says so by itself, a computer ends processes, not always the right one."""
    import psutil
    import torch

    with torch.device("meta"):
        count = sum(weight.numel() for network in networks(shape) for weight in network.parameters())
    needed, available = count * dtype.itemsize, psutil.virtual_memory().available
    if needed > available:
        raise ConfigError(
            f"random weights: they take {needed / _BYTES_PER_GB:.0f} GB in {str(dtype).removeprefix('torch.')}, and "
            f"{available / _BYTES_PER_GB:.0f} GB of this computer's memory are free; use --tiny, or a larger device"
        )


@contextmanager
def _created_as(dtype: torch.dtype, device: str) -> Iterator[None]:
    import torch

    before: torch.dtype = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with torch.device(device), torch.no_grad():
            yield
    finally:
        torch.set_default_dtype(before)
