"""What is chosen from a few words in a request. Imports nothing heavy, so that a command line can name the choices."""

from __future__ import annotations

from enum import StrEnum


class Mode(StrEnum):
    """What is asked for: an image from text, or a change to images that are given."""

    TEXT_TO_IMAGE = "t2i"
    EDIT = "edit"


class ImageFormat(StrEnum):
    """Encodings that a provider may be asked for."""

    PNG = "png"
    JPEG = "jpeg"
    WEBP = "webp"


class Delivery(StrEnum):
    """How the image comes back: as an address to download, or inside the answer."""

    URL = "url"
    INLINE = "b64_json"
