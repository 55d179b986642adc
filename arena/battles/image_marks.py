"""What several images of one provider have in common that no prompt asked for: a placeholder, or a mark laid over all.

A placeholder is a picture that comes back for different prompts: a notice that something was refused, a black or grey
card, a lost connection to the model. A mark is what stands at the same place of many images, as a logo does: the median
over images of what changes from pixel to pixel keeps it and wipes out the rest (Dekel et al. 2017, CVPR, 6864-6872).

Limits, plainly: one refusal card alone cannot be told from a picture that was asked for, so a first one passes until
the same comes for another prompt. A mark must stand at the same place in most of eight images of one size; a faint one
(below `LEAST_STEP` grey levels), one that moves, tiles the whole image, or is hidden in the pixels (SynthID) is not
found.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from scipy import ndimage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

THUMBNAIL_PX, GREY_PX = 16, 512
MEAN_STEP, LARGEST_STEP = 1.0, 24
"""Grey levels by which two thumbnails of the same picture differ at most: on average, and at one place."""
LEAST_PROMPTS_ALIKE = 3
"""A picture that looks the same for so many prompts is a placeholder; the same bytes are one for two already."""
LEAST_IMAGES, MOST_IMAGES = 8, 16
LEAST_STEP = 5.0
"""Grey levels from one pixel to the next but one that a mark makes at its edges."""
SHARE_OF_IMAGES = 0.8
LEAST_PIXELS, LEAST_SIDE_PX, MOST_AREA_SHARE = 60, 6, 0.15
"""A mark has some edge pixels and is no line, such as the border of a letterbox, nor a layout of the whole image."""
JOINED_PX = 9
PRESENT = 0.5

Grey = np.ndarray[tuple[int, ...], np.dtype[np.float32]]


def thumbnail(flat: Image.Image) -> bytes:
    """An RGB image in 16 x 16 pixels of three bytes each."""
    return flat.resize((THUMBNAIL_PX, THUMBNAIL_PX), Image.Resampling.BOX).tobytes()


def grey(flat: Image.Image) -> Grey:
    """An RGB image in 512 x 512 grey levels, stretched: what lies at one place of images of one size stays there."""
    return np.asarray(flat.convert("L").resize((GREY_PX, GREY_PX), Image.Resampling.BOX), dtype=np.float32)


def prompts_alike(thumbnails: Sequence[bytes], prompts: Sequence[str], asked: Sequence[int]) -> dict[int, int]:
    """For how many different prompts the picture of each image came, for those `asked` and those that look like them.

    Only images of which there are several are in the result. O(asked · images).
    """
    pixels = np.frombuffer(b"".join(thumbnails), dtype=np.uint8).reshape(len(thumbnails), -1).astype(np.int16)
    found: dict[int, int] = {}
    for index in asked:
        off = np.abs(pixels - pixels[index])
        alike = np.flatnonzero((off.mean(axis=1) <= MEAN_STEP) & (off.max(axis=1) <= LARGEST_STEP))
        count = len({prompts[int(i)] for i in alike})
        if count > 1:
            found |= {int(i): max(count, found.get(int(i), 0)) for i in alike}
    return found


@dataclass(frozen=True, slots=True)
class Mark:
    """A mark: where its edges are (512 x 512), how grey levels change there, and in how many of how many images."""

    mask: NDArray[np.bool_]
    across: Grey
    down: Grey
    images: int
    of_images: int

    @property
    def place(self) -> str:
        """Where it is, in words."""
        rows, columns = np.nonzero(self.mask)
        third = GREY_PX / 3
        vertical = ("top", "middle", "bottom")[int(rows.mean() // third)]
        horizontal = ("left", "centre", "right")[int(columns.mean() // third)]
        return f"{vertical} {horizontal}"

    def presence(self, image: Grey) -> float:
        """How strongly an image bears it: about 1 where it does, about 0 where it does not."""
        across, down = _steps(image)
        there = self.mask
        shared = (across[there] * self.across[there] + down[there] * self.down[there]).sum()
        return float(shared / (self.across[there] ** 2 + self.down[there] ** 2).sum())


def find_mark(images: Sequence[Grey], others: Sequence[Grey]) -> Mark | None:
    """The mark that most of these images bear, each of another prompt, and the `others`, of other providers, do not.

    None with fewer than eight images.
    """
    if len(images) < LEAST_IMAGES:
        return None
    steps = [_steps(image) for image in images[:MOST_IMAGES]]
    across, down = (np.median([s[k] for s in steps], axis=0).astype(np.float32) for k in range(2))
    size = across**2 + down**2
    agreeing = np.mean([(a * across + d * down) >= PRESENT * size for a, d in steps], axis=0)
    mask = _compact_regions((size >= LEAST_STEP**2) & (agreeing >= SHARE_OF_IMAGES))
    if mask is None:
        return None
    mark = Mark(mask, across, down, 0, len(steps))
    bearing = sum(mark.presence(image) >= PRESENT for image in images[:MOST_IMAGES])
    if bearing < SHARE_OF_IMAGES * len(steps):
        return None
    if others and np.mean([mark.presence(image) >= PRESENT for image in others]) > 1 - SHARE_OF_IMAGES:
        return None  # what the prompts have in common, not what one provider adds
    return Mark(mask, across, down, bearing, len(steps))


def _steps(image: Grey) -> tuple[Grey, Grey]:
    """How grey levels change across and down, from the pixel before to the pixel behind."""
    across, down = np.zeros_like(image), np.zeros_like(image)
    across[:, 1:-1] = image[:, 2:] - image[:, :-2]
    down[1:-1, :] = image[2:, :] - image[:-2, :]
    return across, down


def _compact_regions(edges: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
    """Those regions of neighbouring edges that a mark could be; None if there is none."""
    joined = ndimage.binary_dilation(edges, np.ones((JOINED_PX, JOINED_PX), dtype=bool))
    labels, _ = ndimage.label(joined)
    kept = np.zeros_like(edges)
    for number, box in enumerate(ndimage.find_objects(labels), start=1):
        mine = edges[box] & (labels[box] == number)
        if mine.sum() < LEAST_PIXELS:
            continue
        rows, columns = np.flatnonzero(mine.any(axis=1)), np.flatnonzero(mine.any(axis=0))
        high, wide = int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1
        if min(high, wide) >= LEAST_SIDE_PX and high * wide <= MOST_AREA_SHARE * edges.size:
            kept[box] |= mine
    return kept if kept.any() else None
