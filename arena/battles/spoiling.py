"""An image spoilt beyond taste: the worse half of a gold pair.

Its nine tiles change places and are blurred. Nobody who looks takes that for the better answer to a prompt; an image
that is too plain for it to show (a gradient, a few thin lines) makes no gold pair.
"""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageFilter

from arena.battles.renditions import BOX_PX, GROUND, QUALITY

TILES = 3
BLUR_SHARE = 0.012
"""Radius of the blur over the longer side."""
LEAST_CHANGE = 12.0
"""Grey levels by which the spoilt image must differ from the whole one, on average."""


def spoilt(shown: bytes) -> bytes | None:
    """A rendition, spoilt, with the box, codec and quality of every rendition; None if too little of it would show."""
    with Image.open(io.BytesIO(shown)) as opened:
        whole = opened.convert("RGB")
    left, top, right, bottom = _picture(whole)
    across, down = (right - left) // TILES, (bottom - top) // TILES
    if not across or not down:
        return None
    picture = whole.crop((left, top, left + across * TILES, top + down * TILES))
    mixed = Image.new("RGB", picture.size)
    for place in range(TILES**2):
        source = (place + TILES + 1) % TILES**2  # every tile leaves its row and its column, or at least its place
        x, y = (source % TILES) * across, (source // TILES) * down
        mixed.paste(picture.crop((x, y, x + across, y + down)), ((place % TILES) * across, (place // TILES) * down))
    blurred = mixed.filter(ImageFilter.GaussianBlur(BLUR_SHARE * BOX_PX))
    change = np.abs(np.asarray(blurred, dtype=float) - np.asarray(picture, dtype=float)).mean()
    if change < LEAST_CHANGE:
        return None
    box = Image.new("RGB", whole.size, GROUND)
    box.paste(blurred, (left, top))
    encoded = io.BytesIO()
    box.save(encoded, "JPEG", quality=QUALITY, subsampling=0, optimize=False)
    return encoded.getvalue()


def _picture(whole: Image.Image) -> tuple[int, int, int, int]:
    """Where the picture lies in its box; the neutral ground around it stays."""
    off = np.abs(np.asarray(whole, dtype=int) - np.array(GROUND)).max(axis=2) > 4
    rows, columns = np.flatnonzero(off.any(axis=1)), np.flatnonzero(off.any(axis=0))
    if not rows.size:
        return 0, 0, 0, 0
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
