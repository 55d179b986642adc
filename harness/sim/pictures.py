"""Pictures drawn from a prompt and a seed: the same arguments always give the same pixels."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from typing import TYPE_CHECKING

from PIL import Image, ImageEnhance, ImageOps

from harness.sim.art.built import abstract, city, space
from harness.sim.art.canvas import Canvas
from harness.sim.art.colours import NAMED, palette, turned
from harness.sim.art.figures import animals, portrait
from harness.sim.art.finish import LIFT, STYLES, Style, flawed, styled
from harness.sim.art.growth import weather
from harness.sim.art.indoors import flowers, still_life
from harness.sim.art.landmarks import balloon, boat, house
from harness.sim.art.lettering import caption, sign
from harness.sim.art.nature import landscape
from harness.sim.art.reading import Reading, Subject, digest_int, read

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.sim.art.colours import Palette

__all__ = ["STYLES", "Style", "draw", "edit"]

_CANVAS_PX = 1_500_000
"""The most pixels that are drawn on; larger pictures are enlarged from it."""

_SCENES: dict[Subject, Callable[[Canvas, Reading, Palette, int], None]] = {
    "landscape": landscape,
    "city": city,
    "portrait": portrait,
    "still_life": still_life,
    "animal": animals,
    "space": space,
    "flowers": flowers,
    "abstract": abstract,
    "sign": sign,
}


def draw(prompt: str, seed: int, width_px: int, height_px: int, quality: float, style: Style) -> Image.Image:
    """An RGB picture of `prompt`, `quality` 0–1; prompt, seed and style decide the composition."""
    reading = read(prompt)
    rng = random.Random(digest_int("draw", prompt, seed, style))
    colours = _colours(reading, random.Random(digest_int("palette", prompt, seed // 7, style)), quality)
    scale = min(2.0, math.sqrt(_CANVAS_PX / (width_px * height_px)))
    canvas = Canvas(max(1, round(width_px * scale)), max(1, round(height_px * scale)), rng, quality, LIFT[style])
    count = _count(reading, rng, quality)
    _SCENES[reading.subject](canvas, reading, colours, count)
    if reading.words and reading.subject != "sign":
        caption(canvas, reading.words, colours)
    image = canvas.image.resize((width_px, height_px), Image.Resampling.BOX if scale == 2 else Image.Resampling.BICUBIC)
    if "mono" in reading.features and rng.random() < 0.3 + quality:
        image = ImageOps.grayscale(image).convert("RGB")
    return flawed(styled(image, style, rng), quality, rng)


def edit(
    source: Image.Image, prompt: str, seed: int, width_px: int, height_px: int, quality: float, style: Style
) -> Image.Image:
    """`source` cropped to the size and changed as `prompt` asks: light, weather, words, things."""
    reading = read(prompt)
    rng = random.Random(digest_int("edit", prompt, seed, style))
    colours = _colours(reading, random.Random(digest_int("palette", prompt, seed, style)), quality)
    canvas = Canvas(width_px, height_px, rng, quality)
    canvas.image.paste(_relit(ImageOps.fit(source.convert("RGB"), (width_px, height_px)), reading, rng, quality))
    _added(canvas, reading, colours, _count(reading, rng, quality))
    weather(canvas, replace(reading, light="fog" if reading.light == "fog" else "day"), colours)
    if reading.words:
        caption(canvas, reading.words, colours)
    image = ImageOps.grayscale(canvas.image).convert("RGB") if "mono" in reading.features else canvas.image
    known = styled(image, style, rng) if "style" in prompt.lower() else image
    return flawed(known, quality, rng)


def _count(reading: Reading, rng: random.Random, quality: float) -> int:
    """How many things are drawn: what was asked for, or one or two more or fewer when the quality is low."""
    asked = reading.count if reading.count is not None else 3 if reading.subject != "portrait" else 1
    if reading.subject == "animal" and reading.count is None:
        asked = 1
    slip, amount = rng.random(), rng.choice((-2, -1, 1, 1, 2))
    return max(1, asked + amount) if slip < max(0.0, 0.9 - quality) * 0.9 and reading.count is not None else asked


def _colours(reading: Reading, rng: random.Random, quality: float) -> Palette:
    """The palette, with the first colour that was asked for missed when the quality is low."""
    colours = palette(reading, rng)
    missed = rng.random() < max(0.0, 0.8 - quality) * 0.7
    turn = rng.uniform(0.15, 0.5)
    if not (reading.colours and missed):
        return colours
    return replace(colours, accents=(turned(colours.accents[0], turn), *colours.accents[1:]))


def _relit(image: Image.Image, reading: Reading, rng: random.Random, quality: float) -> Image.Image:
    """The source in the light and colour that the edit asks for; low quality overdoes or underdoes it."""
    force = 1 + (1 - quality) * rng.uniform(-0.6, 0.4)
    tint, share = (255, 255, 255), 0.0
    if reading.light == "night":
        image, tint, share = ImageEnhance.Brightness(image).enhance(0.5), (24, 34, 92), 0.3
    elif reading.light == "dusk" or "warm" in reading.features or "autumn" in reading.features:
        tint, share = (244, 146, 70), 0.28
    elif "snow" in reading.features:
        image, tint, share = ImageEnhance.Color(image).enhance(0.55), (226, 236, 248), 0.3
    elif reading.colours:
        tint, share = NAMED[reading.colours[0]], 0.32
    return Image.blend(image, Image.new("RGB", image.size, tint), min(0.6, share * force)) if share else image


def _added(canvas: Canvas, reading: Reading, colours: Palette, count: int) -> None:
    """Things that the edit names, put into the picture."""
    unit = canvas.unit
    for index in range(count if reading.count else 1):
        x, shade = canvas.width * (index + 0.5) / (count if reading.count else 1), colours.accents[index % 3]
        if "balloon" in reading.features:
            balloon(
                canvas,
                x,
                canvas.height * canvas.rng.uniform(0.16, 0.34),
                unit * 0.26,
                shade,
                colours.accents[3],
            )
        if "boat" in reading.features:
            boat(canvas, x, canvas.height * 0.74, unit * 0.26, shade)
        if "house" in reading.features:
            house(canvas, x, canvas.height * 0.82, unit * 0.24, colours, lit=reading.light == "night")
    if reading.features & {"sun", "moon"}:
        x, y = canvas.width * 0.78, canvas.height * 0.18
        canvas.glow(x, y, unit * 0.3, colours.sun, 0.9)
        canvas.ellipse(x, y, unit * 0.07, unit * 0.07, (255, 246, 214))
