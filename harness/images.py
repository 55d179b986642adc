"""Looks at image bytes: what format they are, how large, and whether they decode to the last row."""

from __future__ import annotations

import binascii
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pybase64
from PIL import Image, UnidentifiedImageError

from arena.domain.request import ImageFormat

if TYPE_CHECKING:
    from pathlib import Path

MAX_PIXELS = 64_000_000
# MPO is a JPEG with further frames behind it; cameras and some encoders write it under the name of JPEG.
_FORMATS = {
    "PNG": ImageFormat.PNG,
    "JPEG": ImageFormat.JPEG,
    "MPO": ImageFormat.JPEG,
    "WEBP": ImageFormat.WEBP,
}


class BadImageError(Exception):
    """Bytes that are no usable image; the message says why."""


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What the bytes turned out to be."""

    format: ImageFormat
    width_px: int
    height_px: int


def image_bytes(payload: str | bytes) -> bytes:
    """The image file itself, from base64 text or as downloaded; BadImageError if the base64 is none."""
    if isinstance(payload, bytes):
        return payload
    try:
        return pybase64.b64decode(payload, validate=True)
    except (binascii.Error, ValueError):
        pass
    try:  # some servers wrap it into lines
        return pybase64.b64decode("".join(payload.split()), validate=True)
    except (binascii.Error, ValueError):
        raise BadImageError("the inline image is not valid base64") from None


def inspect(data: bytes) -> ImageFacts:
    """Decode the whole image; BadImageError if it is no PNG, JPEG or WebP, is damaged, or is a decompression bomb."""
    if not data:
        raise BadImageError("the image is empty")
    try:
        with Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "WEBP")) as image:
            if image.width * image.height > MAX_PIXELS:
                raise BadImageError(f"the image has {image.width}x{image.height} pixels, more than {MAX_PIXELS}")
            image.load()
            return ImageFacts(_FORMATS[image.format or ""], image.width, image.height)
    except BadImageError:
        raise
    except Exception as error:  # noqa: BLE001 - a decoder may raise anything on hostile bytes
        raise BadImageError(_reason(data, error)) from None


def inspect_file(path: Path) -> ImageFacts:
    """As `inspect`, of a file."""
    return inspect(path.read_bytes())


def _reason(data: bytes, error: Exception) -> str:
    start = data.lstrip()[:200].lower()
    if start.startswith((b"<!doctype html", b"<html", b"<svg", b"<?xml")):
        return "the image is a text document (HTML, SVG or XML)"
    if start.startswith((b"{", b"[")):
        return "the image is JSON"
    if isinstance(error, UnidentifiedImageError):
        return "the bytes are no PNG, JPEG or WebP image"
    return f"the image is damaged: {error}"
