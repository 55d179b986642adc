"""What a local image server serves and how: the model, the device, the defaults of a call and the limits."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from arena.domain.base import Value

DEFAULT_MODEL = "black-forest-labs/FLUX.2-klein-4B"
TINY_NAME = "tiny-flux.2-klein"


def _served_name(known: dict[str, Any]) -> str:
    if known.get("tiny"):
        return TINY_NAME
    return str(known.get("model", DEFAULT_MODEL)).rstrip("/").rsplit("/", 1)[-1].lower()


class LocalSettings(Value):
    """Settings of a local image server.

    `model` is a Hugging Face id or a directory that `save_pretrained` wrote. `tiny` serves a pipeline with
    random weights instead, which needs no weights. `device` is a torch device, or `auto`: cuda if there, else
    mps, else cpu. `dtype` `auto` is bfloat16 on an accelerator and float32 on a CPU. `steps` and `guidance`
    hold for calls that name none. `max_queue` jobs may wait while one runs. `served_name` is the model name
    that clients use: by default the last part of the model's id in lower case. No side of an image may be
    longer than `max_side_px`.
    """

    model: str = Field(default=DEFAULT_MODEL, min_length=1)
    tiny: bool = False
    device: str = "auto"
    dtype: Literal["auto", "bfloat16", "float16", "float32"] = "auto"
    steps: int = Field(default=4, ge=1, le=100)
    guidance: float = Field(default=1.0, ge=0, le=20)
    max_queue: int = Field(default=16, ge=0, le=1000)
    served_name: str = Field(default_factory=_served_name, min_length=1)
    max_side_px: int = Field(default=2048, ge=64, le=4096)
    revision: str | None = None
    local_files_only: bool = False
