"""What `Speed` asks for, done to a pipeline, or refused where the device cannot do it.

Everything here is a call of torch, diffusers, torchao or accelerate; none of it changes what the pipeline computes,
except for rounding.
"""

from __future__ import annotations

import logging
import os
import shutil
from typing import TYPE_CHECKING, Any

from arena.errors import ConfigError

if TYPE_CHECKING:
    import torch
    from diffusers import Flux2KleinPipeline

    from harness.local.settings import Speed

logger = logging.getLogger(__name__)

GRAPH_MODES = frozenset({"reduce-overhead", "max-autotune"})
"""The modes of torch.compile that record CUDA graphs on a CUDA device."""

_ATTENTION_BACKENDS = {
    "auto": "native",
    "math": "_native_math",
    "efficient": "_native_efficient",
    "flash": "_native_flash",
    "cudnn": "_native_cudnn",
}
_KERNELS = {"math": "MATH", "efficient": "EFFICIENT_ATTENTION", "flash": "FLASH_ATTENTION", "cudnn": "CUDNN_ATTENTION"}
_HEAD_WIDTH = 128  # of FLUX.2 [klein]
_FLOAT8_CAPABILITY = (8, 9)  # Ada and Hopper are the first with float8 matrix units
_MOST_GRAPHS = 256


class CompiledShapes:
    """For which shapes a compiled pipeline has been compiled; each takes its time once, and the log says so."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._met: set[object] = set()
        self.is_serving = False
        """Whether somebody waits for what is generated; before that, compiling is what it is for."""

    def meet(self, width_px: int, height_px: int, images: int, references_px: tuple[tuple[int, int], ...]) -> None:
        """Say if this shape is met for the first time while serving."""
        shape = (width_px, height_px, images, references_px)
        if shape in self._met:
            return
        self._met.add(shape)
        if self.is_serving:
            told = f"{width_px}x{height_px}, {images} at a time"
            if references_px:
                logger.warning("%s: compiling for %s with %d references", self._device, told, len(references_px))
            else:
                advice = "name the size in warm_sizes to have it ready"
                logger.warning("%s: compiling for %s: %s", self._device, told, advice)


def check_speed(speed: Speed, device: str, dtype: torch.dtype) -> None:
    """Refuse what cannot be had on `device`; raises `ConfigError`, one sentence that says what to use instead.

    Called before the weights are loaded, which takes long.
    """
    _check_offload(speed, device)
    _check_compile(speed, device)
    _check_quantization(speed, device, dtype)
    _check_attention(speed, device, dtype)


def _check_offload(speed: Speed, device: str) -> None:
    if speed.offload == "none":
        return
    if device == "cpu":
        raise ConfigError('speed.offload: the weights of a pipeline on cpu are in its memory already; use "none"')
    if speed.compile != "off":
        raise ConfigError(
            'speed.offload: the weights of a compiled pipeline stay on the device; use "none", or compile = "off"'
        )
    if speed.offload == "sequential" and speed.quantization != "none":
        raise ConfigError('speed.offload: quantized weights are not moved one by one; use "model"')


def _check_compile(speed: Speed, device: str) -> None:
    if speed.compile == "off":
        return
    kind = device.partition(":")[0]
    if kind not in {"cuda", "cpu"}:
        raise ConfigError(f'speed.compile: compiling is for cuda and cpu, not for {device}; use "off"')
    if kind == "cpu" and speed.compile == "reduce-overhead":
        raise ConfigError(
            'speed.compile: "reduce-overhead" records CUDA graphs, which cpu does not have; use "default" there'
        )
    if not any(map(shutil.which, filter(None, (os.environ.get("CXX"), os.environ.get("CC"), "g++", "clang++", "gcc")))):
        raise ConfigError('speed.compile: compiling needs a C++ compiler; install g++, or use "off"')


def _check_quantization(speed: Speed, device: str, dtype: torch.dtype) -> None:
    if speed.quantization == "none":
        return
    import torch

    try:
        import torchao  # noqa: F401
    except ImportError:
        raise ConfigError(
            "speed.quantization: this needs torchao; install it with: pip install 'provider-arena[quantization]', "
            'or use "none"'
        ) from None
    kind = device.partition(":")[0]
    if kind not in {"cuda", "cpu"}:
        raise ConfigError(f'speed.quantization: quantizing is for cuda and cpu, not for {device}; use "none"')
    is_able = kind == "cuda" and torch.cuda.get_device_capability(device) >= _FLOAT8_CAPABILITY
    if speed.quantization == "float8" and not is_able:
        raise ConfigError(f'speed.quantization: {device} has no float8 matrix units; use "int8" or "none"')
    if speed.quantization == "float8" and dtype != torch.bfloat16:
        name = str(dtype).removeprefix("torch.")
        raise ConfigError(f'speed.quantization: "float8" goes with bfloat16, not with {name}; use dtype = "bfloat16"')


def _check_attention(speed: Speed, device: str, dtype: torch.dtype) -> None:
    """Tried on a few tokens rather than looked up: which kernels there are differs by card, dtype and version."""
    if speed.attention == "auto":
        return
    import warnings

    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.nn.functional import scaled_dot_product_attention

    tokens = torch.zeros(1, 2, 64, _HEAD_WIDTH, device=device, dtype=dtype)
    try:
        # Where a kernel cannot be used, torch warns of each reason before it raises.
        with warnings.catch_warnings(), sdpa_kernel(getattr(SDPBackend, _KERNELS[speed.attention])):
            warnings.simplefilter("ignore")
            scaled_dot_product_attention(tokens, tokens, tokens)
    except RuntimeError:
        name = str(dtype).removeprefix("torch.")
        raise ConfigError(
            f'speed.attention: {device} has no "{speed.attention}" kernels for {name}; use "auto"'
        ) from None


def prepare(pipe: Flux2KleinPipeline, speed: Speed, device: str) -> None:
    """Make `pipe` compute on `device` as `speed` says; its weights may still be in the computer's memory."""
    if speed.quantization != "none":
        _quantize(pipe, speed, device)
    _set_attention(pipe, speed)
    if speed.offload == "model":
        pipe.enable_model_cpu_offload(device=device)
    elif speed.offload == "sequential":
        pipe.enable_sequential_cpu_offload(device=device)
    else:
        pipe.to(device)
    if speed.channels_last:
        import torch

        pipe.vae.to(memory_format=torch.channels_last)
    if speed.compile != "off":
        _compile(pipe, speed)


def _set_attention(pipe: Flux2KleinPipeline, speed: Speed) -> None:
    from diffusers.utils import logging as diffusers_logging

    # Also for `auto`: the library keeps the latest choice for every pipeline of the process.
    verbosity = diffusers_logging.get_verbosity()
    diffusers_logging.set_verbosity_error()  # it calls this experimental, each time
    try:
        pipe.transformer.set_attention_backend(_ATTENTION_BACKENDS[speed.attention])
    finally:
        diffusers_logging.set_verbosity(verbosity)


def _quantize(pipe: Flux2KleinPipeline, speed: Speed, device: str) -> None:
    # Weights and, as they come, activations: only so do the faster matrix units count. The blocks alone, which hold
    # nearly all of the weights: what is before and after them is small, and matters more for the image.
    from torchao.quantization import (
        Float8DynamicActivationFloat8WeightConfig,
        Int8DynamicActivationInt8WeightConfig,
        PerRow,
        quantize_,
    )

    if speed.quantization == "int8":
        config: Any = Int8DynamicActivationInt8WeightConfig()
    else:
        config = Float8DynamicActivationFloat8WeightConfig(granularity=PerRow())
    # Block by block onto the device, so that the weights as they were need never be there all at once.
    for blocks in (pipe.transformer.transformer_blocks, pipe.transformer.single_transformer_blocks):
        quantize_(blocks, config, device=device)


def _compile(pipe: Flux2KleinPipeline, speed: Speed) -> None:
    import torch

    if speed.compile in GRAPH_MODES and not pipe.config.is_distilled:
        # With guidance the transformer runs twice a step, and the second replay overwrites what the first gave.
        raise ConfigError(
            f'speed.compile: "{speed.compile}" is for models without guidance, which this one is not; use "default"'
        )
    # A graph for each shape, not one for all: kernels of known sizes are faster, and the sizes served are few. Past
    # the limit torch would go on uncompiled without a word.
    torch._dynamo.config.recompile_limit = max(_MOST_GRAPHS, torch._dynamo.config.recompile_limit)
    pipe.transformer.compile(mode=speed.compile, dynamic=False)
    pipe.vae.decoder.compile(mode=speed.compile, dynamic=False)
