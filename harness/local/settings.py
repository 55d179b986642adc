"""What a local image server serves and how: the model, the device, the defaults of a call and the limits."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from arena.domain.base import Value

DEFAULT_MODEL = "black-forest-labs/FLUX.2-klein-4B"
TINY_NAME = "tiny-flux.2-klein"
MIN_SIDE_PX = 64
SIDE_MULTIPLE_PX = 16

SizeText = Annotated[str, StringConstraints(pattern=r"^\d{2,5}x\d{2,5}$")]
"""A size such as `1024x768`: width and height in pixels."""


class Speed(Value):
    """How the pipeline computes: data, so that it can be searched, kept in a file and told with a figure.

    `dtype` `auto` is bfloat16 on an accelerator and float32 on a CPU. `compile` is the mode in which torch compiles
    the transformer and the decoder, each size by itself. `attention` names the kernels of scaled dot-product attention;
    `auto` leaves the choice to torch. `quantization` is that of the transformer's weights. `channels_last` is the
    memory format of the decoder. `offload` moves weights to the device only while they are used. `embedding_cache` is
    how many prompts' embeddings are kept; 0 keeps none. Jobs of one shape that come within `batch_window_ms` of each
    other are run as one batch of at most `max_batch` images.
    """

    dtype: Literal["auto", "bfloat16", "float16", "float32"] = "auto"
    compile: Literal["off", "default", "reduce-overhead", "max-autotune"] = "off"
    attention: Literal["auto", "math", "efficient", "flash", "cudnn"] = "auto"
    quantization: Literal["none", "int8", "float8"] = "none"
    channels_last: bool = False
    offload: Literal["none", "model", "sequential"] = "none"
    embedding_cache: int = Field(default=64, ge=0, le=100_000)
    batch_window_ms: float = Field(default=0.0, ge=0, le=10_000)
    max_batch: int = Field(default=1, ge=1, le=64)


def _served_name(known: dict[str, Any]) -> str:
    if known.get("tiny"):
        return TINY_NAME
    return str(known.get("model", DEFAULT_MODEL)).rstrip("/").rsplit("/", 1)[-1].lower()


class LocalSettings(Value):
    """Settings of a local image server.

    `model` is a Hugging Face id or a directory that `save_pretrained` wrote. `tiny` serves a pipeline with
    random weights instead, which needs no weights; `random_weights` one of the model's full size, which costs what the
    real one costs and shows nothing. `device` is a torch device, or `auto`: cuda if there, else mps, else cpu; where
    `devices` names several, each has a process of its own behind one address. `speed` is how the pipeline computes.
    `steps` and `guidance` hold for calls that name none. `max_queue` jobs may wait while one runs. `served_name` is
    the model name that clients use: by default the last part of the model's id in lower case. No side of an image may
    be longer than `max_side_px`. `warm_sizes` are generated before the first request is taken, so that none pays for
    compilation. `gpu_hour_usd` is what an hour of one device costs; None gives images no price.
    """

    model: str = Field(default=DEFAULT_MODEL, min_length=1)
    tiny: bool = False
    random_weights: bool = False
    device: str = "auto"
    devices: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    speed: Speed = Speed()
    steps: int = Field(default=4, ge=1, le=100)
    guidance: float = Field(default=1.0, ge=0, le=20)
    max_queue: int = Field(default=16, ge=0, le=1000)
    served_name: str = Field(default_factory=_served_name, min_length=1)
    max_side_px: int = Field(default=2048, ge=64, le=4096)
    warm_sizes: tuple[SizeText, ...] = ()
    gpu_hour_usd: Decimal | None = Field(default=None, ge=0, le=1000)
    revision: str | None = None
    local_files_only: bool = False

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.tiny and self.random_weights:
            raise ValueError("`tiny` and `random_weights` are two pipelines; give one of them")
        if self.devices and self.device != "auto":
            raise ValueError("`device` names one device and `devices` several; give one of them")
        if "auto" in self.devices and len(self.devices) > 1:
            raise ValueError("`devices`: auto is one device, maybe one of the others; name each")
        named = ["cuda:0" if name == "cuda" else name for name in self.devices]
        twice = next((name for name in named if name != "cpu" and named.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"`devices` names {twice} twice; one process keeps a device busy")
        for size in self.warm_sizes:
            sides_px = [int(side) for side in size.split("x")]
            if any(px % SIDE_MULTIPLE_PX or not MIN_SIDE_PX <= px <= self.max_side_px for px in sides_px):
                raise ValueError(f"`warm_sizes`: {size} is none that is served; {self.sizes_in_words}")
        return self

    @property
    def sizes_in_words(self) -> str:
        """Which sizes are served."""
        return (
            f"a size is WIDTHxHEIGHT, both multiples of {SIDE_MULTIPLE_PX} "
            f"from {MIN_SIDE_PX} to {self.max_side_px} pixels"
        )
