"""What can be said of pixels without any model."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image

MEDIAN_OF_ABSOLUTE_NORMAL = 0.6744897501960817
FINE_FROM = 0.25
"""Cycles per pixel: half of the highest frequency there is. An image enlarged twofold has next to nothing above it."""
FLOOR = 1e-8
"""Of the whole power, -80 dB: eight bits hold nothing below it, and rounding noise is no detail."""


def grey_levels(image: Image.Image) -> NDArray[np.float32]:
    """The luma (ITU-R BT.601) of an image, shape (height, width)."""
    return np.asarray(image.convert("L"), dtype=np.float32)


def fine_detail_db(image: Image.Image) -> float | None:
    """The share of spectral power above `FINE_FROM` in any direction, in decibels; None for an image of one grey."""
    grey = grey_levels(image)
    window = np.outer(np.hanning(grey.shape[0]), np.hanning(grey.shape[1])).astype(np.float32)
    # Taking the mean off first keeps the window from smearing it over the low frequencies.
    power = np.abs(np.fft.rfft2((grey - grey.mean()) * window)) ** 2
    high, wide = np.fft.fftfreq(grey.shape[0])[:, None], np.fft.rfftfreq(grey.shape[1])[None, :]
    # Both halves of the spectrum of a real image are alike: what is stored once counts twice.
    twice = np.where((wide > 0) & (wide < 0.5), 2.0, 1.0)
    total = float((power * twice).sum())
    if total <= 1e-3:
        return None
    fine = float((power * twice)[np.maximum(np.abs(high), wide) > FINE_FROM].sum())
    return 10 * math.log10(max(fine / total, FLOOR))


def noise_level(image: Image.Image) -> float:
    """The standard deviation of noise in steps of 255, the mean over the channels; images have two pixels a side."""
    pixels = np.asarray(image.convert("RGB"), dtype=np.float32)
    height, width = pixels.shape[0] // 2 * 2, pixels.shape[1] // 2 * 2
    a, b = pixels[0:height:2, 0:width:2], pixels[0:height:2, 1:width:2]
    c, d = pixels[1:height:2, 0:width:2], pixels[1:height:2, 1:width:2]
    diagonal = np.abs(a - b - c + d) / 2
    return float(np.mean([np.median(diagonal[..., k]) for k in range(3)]) / MEDIAN_OF_ABSOLUTE_NORMAL)
