"""How far images stand from others of the same prompts and seeds.

The distance is 1 - SSIM of luminance (Wang, Bovik, Sheikh and Simoncelli 2004, IEEE TIP 13:600-612): 0 for the same
pixels, about 1 for pictures that have nothing in common. It needs no weights, does not mind a brightness that nobody
sees, and sees structure that moved, which is what rounding does once sampling has amplified it. The mean difference of
pixels is told beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from arena.errors import ArenaError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

_LEVELS = 255.0
_SIGMA_PX, _RADIUS_SIGMAS = 1.5, 3.5  # the paper's window: 11 pixels across
_C1, _C2 = (0.01 * _LEVELS) ** 2, (0.03 * _LEVELS) ** 2


@dataclass(frozen=True, slots=True)
class Distance:
    """Over `n` pairs: mean and worst 1 - SSIM, and the mean absolute difference of channels in levels of 255."""

    n: int
    mean: float
    worst: float
    levels: float

    def within(self, bound: float) -> bool:
        """Whether every image is, also the worst."""
        return self.worst <= bound


def between(images: Sequence[Image], reference: Sequence[Image]) -> Distance | None:
    """The distance of each image from the one in the same place; None without any pair.

    Raises `ArenaError` when the sizes of a pair differ, for then it is not the same picture that was asked for.
    """
    import numpy as np

    pairs = [(_pixels(a), _pixels(b)) for a, b in zip(images, reference, strict=True)]
    if not pairs:
        return None
    if any(a.shape != b.shape for a, b in pairs):
        raise ArenaError("images of different sizes cannot be compared; ask both for the same size")
    apart = [1.0 - _ssim(_luminance(a), _luminance(b)) for a, b in pairs]
    levels = [float(np.abs(a - b).mean()) for a, b in pairs]
    return Distance(len(pairs), float(np.mean(apart)), max(apart), float(np.mean(levels)))


def between_files(files: Sequence[Path], reference: Sequence[Path]) -> Distance | None:
    """As `between`, of image files."""
    from PIL import Image

    def opened(paths: Sequence[Path]) -> list[Image.Image]:
        return [Image.open(path) for path in paths]

    return between(opened(files), opened(reference))


def _pixels(image: Image) -> NDArray[np.float64]:
    import numpy as np

    return np.asarray(image.convert("RGB"), dtype=np.float64)


def _luminance(pixels: NDArray[np.float64]) -> NDArray[np.float64]:
    import numpy as np

    luminance: NDArray[np.float64] = pixels @ np.array([0.299, 0.587, 0.114])  # ITU-R BT.601
    return luminance


def _ssim(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    from scipy.ndimage import gaussian_filter

    def blurred(values: NDArray[np.float64]) -> NDArray[np.float64]:
        smooth: NDArray[np.float64] = gaussian_filter(values, _SIGMA_PX, truncate=_RADIUS_SIGMAS)
        return smooth

    mean_a, mean_b = blurred(a), blurred(b)
    variances = blurred(a * a) - mean_a**2 + blurred(b * b) - mean_b**2
    covariance = blurred(a * b) - mean_a * mean_b
    likeness = (2 * mean_a * mean_b + _C1) * (2 * covariance + _C2)
    likeness /= (mean_a**2 + mean_b**2 + _C1) * (variances + _C2)
    return float(likeness.mean())
