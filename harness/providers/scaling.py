"""Input images made smaller, for hosts that take none above a certain side."""

from __future__ import annotations

import io
from pathlib import PurePath

from PIL import Image, ImageOps

from arena.domain.request import SourceImage

PNG_MODES = frozenset({"L", "RGB", "RGBA"})


def is_larger(image: SourceImage, most_px: int) -> bool:
    """Whether a side of the image is longer; False for what is no image."""
    try:
        with Image.open(io.BytesIO(image.data)) as opened:
            return max(opened.size) > most_px
    except (OSError, ValueError, Image.DecompressionBombError):
        return False


def scaled_down(image: SourceImage, most_px: int) -> SourceImage:
    """The image, or where it is larger, a copy as PNG in the same shape; what cannot be decoded is left as it is."""
    if not is_larger(image, most_px):
        return image
    try:
        with Image.open(io.BytesIO(image.data)) as opened:
            upright = ImageOps.exif_transpose(opened)
            smaller = upright if upright.mode in PNG_MODES else upright.convert("RGB")
            smaller.thumbnail((most_px, most_px), Image.Resampling.LANCZOS)
            buffer = io.BytesIO()
            smaller.save(buffer, "PNG")
    except (OSError, ValueError, SyntaxError):
        return image
    return SourceImage(name=f"{PurePath(image.name).stem}.png", media_type="image/png", data=buffer.getvalue())
