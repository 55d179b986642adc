"""How alike two images are, from the same bytes to different pictures."""

from __future__ import annotations

import io
import math
from enum import StrEnum
from typing import TYPE_CHECKING

from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

NEAR_PSNR_DB = 30.0
"""Two images of one size with a peak signal-to-noise ratio from here on are called nearly the same: a convention, as
good lossy encodings keep to 30 to 50 dB. Pictures that were drawn from other seeds lie far below."""
BLANK_DEVIATION = 2.0
"""Steps of 255: below this spread in every channel an image shows nothing, and is like any other that shows nothing."""


class Likeness(StrEnum):
    """From most to least alike."""

    BYTES = "identical bytes"
    PIXELS = "identical pixels"
    NEAR = "nearly the same"
    DIFFERENT = "different"


class Gallery:
    """Compares images by their hashes; `load` gives the bytes of one, and is asked once for each pair at most."""

    def __init__(self, load: Callable[[str], bytes]) -> None:
        self._load = load
        self._known: dict[tuple[str, str], Likeness] = {}
        self._blank: dict[str, bool] = {}

    def alike(self, one_sha256: str, other_sha256: str) -> Likeness:
        """How alike two stored images are."""
        if one_sha256 == other_sha256:
            return Likeness.BYTES
        pair = min(one_sha256, other_sha256), max(one_sha256, other_sha256)
        if pair not in self._known:
            self._known[pair] = likeness(self._load(pair[0]), self._load(pair[1]))
        return self._known[pair]

    def blank(self, sha256: str) -> bool:
        """Whether an image shows nothing, such as the black one that some filters put in the place of a result."""
        if sha256 not in self._blank:
            spread = float(pixels(self._load(sha256)).std(axis=(0, 1)).max())
            self._blank[sha256] = spread < BLANK_DEVIATION
        return self._blank[sha256]


def likeness(one: bytes, other: bytes) -> Likeness:
    """How alike two encoded images are."""
    if one == other:
        return Likeness.BYTES
    a, b = pixels(one), pixels(other)
    if a.shape != b.shape:
        return Likeness.DIFFERENT
    ratio_db = psnr_db(a, b)
    if math.isinf(ratio_db):
        return Likeness.PIXELS
    return Likeness.NEAR if ratio_db >= NEAR_PSNR_DB else Likeness.DIFFERENT


def pixels(data: bytes) -> NDArray[np.uint8]:
    """An encoded image as an array of shape (height, width, 3)."""
    import numpy as np

    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))


def psnr_db(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """Peak signal-to-noise ratio of two arrays of one shape, in decibels; infinite where they are equal."""
    error = float(((a.astype(float) - b.astype(float)) ** 2).mean())
    return math.inf if error == 0 else 10 * math.log10(255**2 / error)
