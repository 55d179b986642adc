"""What is done to a finished drawing: the look of a style, and the flaws of a low quality."""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageEnhance, ImageFilter, ImageOps

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

Style = Literal["flat", "soft", "painted", "paper", "ink", "retro"]
STYLES: tuple[Style, ...] = get_args(Style)

LIFT: dict[Style, float] = {"flat": 0.0, "soft": 0.0, "painted": 0.0, "paper": 1.0, "ink": 0.0, "retro": 0.25}
"""How far the shapes of each style stand off their ground (0–1)."""


def styled(image: Image.Image, style: Style, rng: random.Random) -> Image.Image:
    """`image` in the look of `style`."""
    return _LOOKS[style](image, rng)


def flawed(image: Image.Image, quality: float, rng: random.Random) -> Image.Image:
    """`image` with the flaws of `quality` (0–1): washed colour, blur, bands, blocks and noise; none at 1."""
    bad = 1 - min(max(quality, 0.0), 1.0)
    if bad < 0.03:
        return image
    unit = min(image.size) / 512
    image = _off_colour(image, bad, rng)
    radius = max(0.0, bad - 0.12) * 2.6 * unit
    if radius > 0.2:
        image = image.filter(ImageFilter.BoxBlur(radius))
    if bad > 0.3:
        image = _banded(image, bad)
    if bad > 0.25:
        image = _blocky(image, bad)
    return _noisy(image, bad * 11, rng)


def _off_colour(image: Image.Image, bad: float, rng: random.Random) -> Image.Image:
    tilt = [1 + rng.uniform(-0.2, 0.2) * bad for _ in range(3)]
    image = image.point([min(255, round(value * tilt[band])) for band in range(3) for value in range(256)])
    return ImageEnhance.Color(image).enhance(1 - 0.42 * bad)


def _banded(image: Image.Image, bad: float) -> Image.Image:
    """Fewer tones the worse it is: 8 to 24 steps instead of 256, laid over the image by half."""
    steps = round(8 + 28 * max(0.0, 1 - bad))
    table = [round(round(value / 255 * steps) / steps * 255) for value in range(256)] * 3
    return Image.blend(image, image.point(table), min(1.0, bad * 1.1))


def _blocky(image: Image.Image, bad: float) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=round(max(8, 60 - 62 * bad)))
    return Image.open(buffer).convert("RGB")


def _noisy(image: Image.Image, sigma: float, rng: random.Random) -> Image.Image:
    generator = np.random.default_rng(rng.getrandbits(64))
    grain = generator.integers(-128, 128, (image.height, image.width, 1), dtype=np.int16)
    noisy = np.asarray(image, dtype=np.int16) + (grain * round(sigma * 2) >> 7)
    return Image.fromarray(noisy.clip(0, 255).astype(np.uint8))


def _flat(image: Image.Image, _rng: random.Random) -> Image.Image:
    return ImageEnhance.Color(image).enhance(1.12)


def _soft(image: Image.Image, _rng: random.Random) -> Image.Image:
    """Bloom and a vignette, as if through a fast lens."""
    small = image.resize((max(1, image.width // 4), max(1, image.height // 4)), Image.Resampling.BOX)
    bloom = small.filter(ImageFilter.BoxBlur(5)).resize(image.size, Image.Resampling.BILINEAR)
    image = Image.blend(image, ImageChops.screen(image, bloom), 0.3)
    edge = Image.radial_gradient("L").point([255 - round(110 * (v / 255) ** 2.2) for v in range(256)])
    edge = edge.resize(image.size, Image.Resampling.BILINEAR)
    return ImageChops.multiply(image, Image.merge("RGB", (edge, edge, edge)))


def _painted(image: Image.Image, rng: random.Random) -> Image.Image:
    """Strokes: the picture is pulled along a slowly turning field and laid on canvas."""
    generator = np.random.default_rng(rng.getrandbits(64))
    unit = min(image.size) / 512
    cell = max(3, round(6 * unit))
    coarse = generator.integers(0, 256, (2, image.height // cell + 2, image.width // cell + 2), dtype=np.uint8)
    fields = [Image.fromarray(part).resize(image.size, Image.Resampling.BILINEAR) for part in coarse]
    down, across = (np.asarray(field, dtype=np.int16) - 128 for field in fields)
    reach = max(1, round(2.6 * unit))
    rows = np.arange(image.height, dtype=np.int32)[:, None] + (down * reach >> 7)
    columns = np.arange(image.width, dtype=np.int32)[None, :] + (across * (reach * 2) >> 7)
    take = rows.clip(0, image.height - 1) * image.width + columns.clip(0, image.width - 1)
    packed = np.asarray(image.convert("RGBA")).view(np.uint32).ravel()[take]
    pulled = Image.fromarray(packed.view(np.uint8).reshape(image.height, image.width, 4)).convert("RGB")
    return ImageEnhance.Color(Image.blend(image, pulled, 0.85)).enhance(1.2)


def _paper(image: Image.Image, rng: random.Random) -> Image.Image:
    """Cut paper: milder colours with a fine tooth."""
    image = Image.blend(image, Image.new("RGB", image.size, (244, 234, 216)), 0.14)
    return _noisy(image, 3.5, rng)


def _ink(image: Image.Image, _rng: random.Random) -> Image.Image:
    """Pen lines over a thin wash."""
    edges = ImageOps.crop(image.convert("L"), 1).filter(ImageFilter.FIND_EDGES)
    lines = ImageOps.expand(edges, 1, 0).point([255 - max(0, min(235, (v - 26) * 5)) for v in range(256)])
    ImageDraw.Draw(lines).rectangle((0, 0, image.width - 1, image.height - 1), outline=255, width=3)
    wash = Image.blend(ImageEnhance.Color(image).enhance(0.86), Image.new("RGB", image.size, (250, 246, 234)), 0.24)
    return ImageChops.multiply(wash, Image.merge("RGB", (lines, lines, lines)))


def _retro(image: Image.Image, _rng: random.Random) -> Image.Image:
    """A screen print: warm, in few tones, each tone reached through a grid of dots."""
    toned = ImageEnhance.Contrast(ImageEnhance.Color(image).enhance(0.85)).enhance(1.08)
    steps, pitch = 7, max(2, round(min(image.size) / 170))
    warm = (1.0, 0.94, 0.8)
    grid = np.arange(pitch * 2)
    dots = np.cos(grid * math.pi / pitch)[:, None] * np.cos(grid * math.pi / pitch)[None, :]
    tile = (dots * 256 / steps / 2.4).astype(np.int16)
    across, down = math.ceil(image.width / pitch / 2), math.ceil(image.height / pitch / 2)
    screen = np.tile(tile, (down, across))[: image.height, : image.width, None]
    dotted = (np.asarray(toned, dtype=np.int16) + screen).clip(0, 255).astype(np.uint8)
    table = [round(round(v / 255 * steps) / steps * 255 * tint) for tint in warm for v in range(256)]
    return Image.blend(
        ImageChops.multiply(toned, Image.new("RGB", image.size, (255, 240, 204))),
        Image.fromarray(dotted).point(table),
        0.6,
    )


_LOOKS: dict[Style, Callable[[Image.Image, random.Random], Image.Image]] = {
    "flat": _flat,
    "soft": _soft,
    "painted": _painted,
    "paper": _paper,
    "ink": _ink,
    "retro": _retro,
}
