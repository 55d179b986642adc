"""One canonical generation request, in the field's words; adapters translate it, nobody else does."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainSerializer

from arena.domain.base import Value
from arena.domain.choices import Delivery, ImageFormat, Mode

__all__ = [
    "AspectRatio",
    "Delivery",
    "GenerationRequest",
    "ImageFormat",
    "Mode",
    "PixelSize",
    "Ratio",
    "Size",
    "SourceImage",
]


class PixelSize(Value):
    """Width and height in pixels; written `1024x768`."""

    width_px: int = Field(ge=1, le=16384)
    height_px: int = Field(ge=1, le=16384)

    def __str__(self) -> str:
        return f"{self.width_px}x{self.height_px}"

    @property
    def pixels(self) -> int:
        """Width times height."""
        return self.width_px * self.height_px


def _size_from_text(value: object) -> object:
    if isinstance(value, str):
        match = re.fullmatch(r"\s*(\d{1,5})\s*[x×]\s*(\d{1,5})\s*", value)
        if match is None:
            raise ValueError("a size is written WIDTHxHEIGHT in pixels, such as 1024x1024")
        return {"width_px": int(match[1]), "height_px": int(match[2])}
    return value


Size = Annotated[PixelSize, BeforeValidator(_size_from_text), PlainSerializer(str, return_type=str)]
"""A `PixelSize` that reads and writes itself as `1024x768`."""


class AspectRatio(Value):
    """Width to height in small whole numbers; written `16:9`."""

    width: int = Field(ge=1, le=99)
    height: int = Field(ge=1, le=99)

    def __str__(self) -> str:
        return f"{self.width}:{self.height}"

    @property
    def value(self) -> float:
        """Width divided by height."""
        return self.width / self.height

    def size(self, megapixels: float, multiple_px: int = 16) -> PixelSize:
        """Width and height of about `megapixels` times 2²⁰ pixels, on the grid of `multiple_px` that latents need."""
        height = (megapixels * 2**20 / self.value) ** 0.5

        def on_grid(side: float) -> int:
            return max(multiple_px, round(side / multiple_px) * multiple_px)

        return PixelSize(width_px=on_grid(height * self.value), height_px=on_grid(height))


def _ratio_from_text(value: object) -> object:
    if isinstance(value, str):
        match = re.fullmatch(r"\s*(\d{1,2})\s*:\s*(\d{1,2})\s*", value)
        if match is None:
            raise ValueError("an aspect ratio is written WIDTH:HEIGHT in small whole numbers, such as 16:9")
        return {"width": int(match[1]), "height": int(match[2])}
    return value


Ratio = Annotated[AspectRatio, BeforeValidator(_ratio_from_text), PlainSerializer(str, return_type=str)]
"""An `AspectRatio` that reads and writes itself as `16:9`."""


class SourceImage(Value):
    """An input image of an edit, as bytes, with the name and media type that it is sent under."""

    name: str
    media_type: str
    data: bytes = Field(repr=False)


class GenerationRequest(Value):
    """Everything a provider is asked for; None means that the provider's default is wanted.

    `size` is always there: where an aspect ratio and megapixels were asked for (`aspect_ratio`, `megapixels` of 2²⁰
    pixels) or the size of the input image (`size_from` "input"), it is what they come to. `guidance` is the
    classifier-free guidance scale, `steps` the number of denoising steps, `n` the number of images, `safety` whether
    the provider's own filter is to be on.
    """

    prompt: str = Field(min_length=1)
    mode: Mode = Mode.TEXT_TO_IMAGE
    size: Size
    size_from: Literal["size", "ratio", "input"] = "size"
    aspect_ratio: Ratio | None = None
    megapixels: float | None = Field(default=None, gt=0, le=64)
    seed: int | None = Field(default=None, ge=0, lt=2**63)
    steps: int | None = Field(default=None, ge=1, le=500)
    guidance: float | None = Field(default=None, ge=0, le=100)
    n: int = Field(default=1, ge=1, le=10)
    format: ImageFormat = ImageFormat.PNG
    delivery: Delivery | None = None
    safety: bool | None = None
    images: tuple[SourceImage, ...] = ()

    def model_post_init(self, _context: Any, /) -> None:
        """An edit has input images and a text-to-image request has none."""
        if bool(self.images) != (self.mode is Mode.EDIT):
            raise ValueError("an edit needs at least one input image, and only an edit may have one")
