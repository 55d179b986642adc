"""Looks at image bytes: what format they are, how large, and whether they decode to the last row."""

from __future__ import annotations

import binascii
import hashlib
import io
import re
import struct
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import pybase64
from PIL import Image, UnidentifiedImageError

from arena.domain.artifact import Glimpse
from arena.domain.request import ImageFormat
from arena.whole_file import make_durable
from harness.providers.base import InlineImage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Piece: TypeAlias = bytes | memoryview
PIECE_BYTES = 96 * 1024
"""A multiple of four, so that base64 may be cut there."""
START_BYTES, END_BYTES, JPEG_END_WITHIN = 48 * 1024, 768, 64
STARTS_AT, ENDS_AT = slice(0, START_BYTES // 3 * 4), slice(-END_BYTES // 3 * 4, None)
JPEG_START, JPEG_SCAN, JPEG_END = b"\xff\xd8", b"\xff\xda", b"\xff\xd9"
_WHITE_SPACE = re.compile(rb"[\x00-\x20]")
PNG_SIGNATURE, PNG_END = b"\x89PNG\r\n\x1a\n", b"\x00\x00\x00\x00IEND\xaeB`\x82"
FORMATS = ("PNG", "JPEG", "WEBP")

MAX_PIXELS = 64_000_000
MAX_SCANS = 100
"""Of a JPEG: a progressive one has about ten, each of which is a pass over all pixels and may cost only 60 bytes."""
# MPO is a JPEG with further frames behind it; cameras and some encoders write it under the name of JPEG.
_FORMATS = {
    "PNG": ImageFormat.PNG,
    "JPEG": ImageFormat.JPEG,
    "MPO": ImageFormat.JPEG,
    "WEBP": ImageFormat.WEBP,
}


class NotToldError(Exception):
    """The ends of an image do not tell what it is."""


class BadImageError(Exception):
    """Bytes that are no usable image; the message says why."""


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What the bytes turned out to be."""

    format: ImageFormat
    width_px: int
    height_px: int
    sha256: str


def image_pieces(payload: InlineImage | bytes | bytearray) -> Iterator[Piece]:
    """The bytes of an image file, from base64 or as downloaded, in pieces; BadImageError once the base64 is none.

    In pieces, because two megabytes in one go would hold the interpreter, and whatever else is being received, for as
    long as it takes.
    """
    if not isinstance(payload, InlineImage):
        view = memoryview(payload)
        yield from (view[i : i + PIECE_BYTES] for i in range(0, len(view), PIECE_BYTES))
        return
    text = payload.base64.encode("utf-8", "replace") if isinstance(payload.base64, str) else payload.base64
    if _is_wrapped(text):  # some servers break it into lines
        text = b"".join(bytes(text).split())
    encoded = memoryview(text)
    try:
        for start in range(0, len(encoded), PIECE_BYTES):
            yield pybase64.b64decode(encoded[start : start + PIECE_BYTES], validate=True)
    except (binascii.Error, ValueError):
        raise BadImageError("the inline image is not valid base64") from None


def _is_wrapped(text: bytes | memoryview) -> bool:
    """Whether there is white space in it, judged by its first line and its end."""
    return _WHITE_SPACE.search(bytes(text[:1100]) + bytes(text[-4:])) is not None


def inspect(data: bytes) -> ImageFacts:
    """Decode the whole image; BadImageError if it is no PNG, JPEG or WebP, is damaged, or is a decompression bomb."""
    if not data:
        raise BadImageError("the image is empty")
    try:
        with (
            warnings.catch_warnings(action="ignore"),  # on standard error, about somebody else's files
            Image.open(io.BytesIO(data), formats=FORMATS) as image,
        ):
            _bounded(image, data)
            image.load()
            sha256 = hashlib.sha256(data).hexdigest()
            return ImageFacts(_FORMATS[image.format or ""], image.width, image.height, sha256)
    except BadImageError:
        raise
    except Exception as error:  # noqa: BLE001 - a decoder may raise anything on hostile bytes
        raise BadImageError(_reason(data, error)) from None


def examine_file(path: Path) -> ImageFacts:
    """Make a file durable, and `inspect` what is in it."""
    make_durable(path)
    return inspect(path.read_bytes())


def glance(payload: InlineImage | bytes | bytearray, position: int) -> Glimpse:
    """What the beginning and the end of an image tell: format, size, and that it is whole.

    Costs tens of microseconds where decoding costs ten milliseconds; what lies in between is not looked at.
    NotToldError where the ends do not tell, as of a WebP or of what is no image.
    """
    size_bytes, start, end = _ends(payload)
    if start.startswith(PNG_SIGNATURE) and start[12:16] == b"IHDR" and end.endswith(PNG_END):
        width_px, height_px = struct.unpack(">II", start[16:24])
        found = ImageFormat.PNG
    elif start.startswith(JPEG_START) and JPEG_END in end[-JPEG_END_WITHIN:]:
        try:
            with Image.open(io.BytesIO(start), formats=("JPEG",)) as image:
                found, width_px, height_px = ImageFormat.JPEG, image.width, image.height
        except Exception as error:
            raise NotToldError from error
    else:
        raise NotToldError
    if not 0 < width_px * height_px <= MAX_PIXELS:
        raise NotToldError
    return Glimpse(position=position, format=found, width_px=width_px, height_px=height_px, size_bytes=size_bytes)


def look(payload: InlineImage | bytes | bytearray, position: int) -> Glimpse:
    """As `glance`; what its ends do not tell is decoded. BadImageError as `inspect`."""
    try:
        return glance(payload, position)
    except NotToldError:
        data = b"".join(image_pieces(payload))
        facts = inspect(data)
        return Glimpse(
            position=position,
            format=facts.format,
            width_px=facts.width_px,
            height_px=facts.height_px,
            size_bytes=len(data),
        )


def _ends(payload: InlineImage | bytes | bytearray) -> tuple[int, bytes, bytes]:
    """Size in bytes, the first and the last bytes of an image file."""
    if not isinstance(payload, InlineImage):
        return len(payload), bytes(payload[:START_BYTES]), bytes(payload[-END_BYTES:])
    text = payload.base64.encode("utf-8", "replace") if isinstance(payload.base64, str) else payload.base64
    if len(text) % 4 or _is_wrapped(text):
        raise NotToldError
    try:
        start, end = (pybase64.b64decode(text[part], validate=True) for part in (STARTS_AT, ENDS_AT))
    except (binascii.Error, ValueError):
        raise NotToldError from None
    return len(text) // 4 * 3 - bytes(text[-2:]).count(b"="), start, end


def _bounded(image: Image.Image, data: bytes) -> None:
    if image.width * image.height > MAX_PIXELS:
        raise BadImageError(f"the image has {image.width}x{image.height} pixels, more than {MAX_PIXELS}")
    if image.format in {"JPEG", "MPO"} and data.count(JPEG_SCAN) > MAX_SCANS:
        raise BadImageError(f"the image has more than {MAX_SCANS} scans")


def _reason(data: bytes, error: Exception) -> str:
    start = data.lstrip()[:200].lower()
    if start.startswith((b"<!doctype html", b"<html", b"<svg", b"<?xml")):
        return "the image is a text document (HTML, SVG or XML)"
    if start.startswith((b"{", b"[")):
        return "the image is JSON"
    if isinstance(error, UnidentifiedImageError):
        return "the bytes are no PNG, JPEG or WebP image"
    return f"the image is damaged: {error}"
