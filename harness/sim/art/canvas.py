"""A canvas: shapes, gradients and soft light, with a hand that is as steady as the quality allows."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from harness.sim.art.colours import darker

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from harness.sim.art.colours import Colour

Point = tuple[float, float]


class Canvas:
    """An RGB image to draw on; lengths are canvas pixels, `unit` is the shorter side.

    `quality` (0–1) steadies the hand; `lift` (0–1) is how far shapes stand off the ground and cast a shadow.
    """

    def __init__(self, width_px: int, height_px: int, rng: random.Random, quality: float, lift: float = 0.0) -> None:
        self.image = Image.new("RGB", (width_px, height_px))
        self.pen = ImageDraw.Draw(self.image, "RGBA")
        self.width, self.height = float(width_px), float(height_px)
        self.unit = float(min(width_px, height_px))
        self.rng, self.quality, self.lift = rng, quality, lift

    def chance(self, probability: float) -> bool:
        """True with the probability given."""
        return self.rng.random() < probability

    def detail(self, most: int, least: int = 0) -> int:
        """How many of `most` small things are drawn at this quality."""
        return max(least, round(most * (0.25 + 0.75 * self.quality)))

    def gradient(self, top: Colour, low: Colour, from_y: float = 0.0, to_y: float | None = None) -> None:
        """Fill the whole width from `from_y` to `to_y` with a vertical gradient."""
        first, last = int(from_y), int(self.height if to_y is None else to_y)
        rows = max(1, last - first)
        share = np.linspace(0.0, 1.0, rows)[:, None]
        column = np.asarray(top) * (1 - share) + np.asarray(low) * share
        strip = Image.fromarray(np.round(column).astype(np.uint8)[:, None, :])
        self.image.paste(strip.resize((int(self.width), rows), Image.Resampling.NEAREST), (0, first))

    def polygon(self, points: Sequence[Point], colour: Colour, alpha: int = 255, shade: float = 0.0) -> None:
        """Fill a polygon; `shade` (0–1) darkens its right side so that it looks round."""
        drawn = self._unsteady(points)
        if self.lift and alpha == 255:
            reach = self.lift * self.unit * 0.012
            self.pen.polygon([(x + reach * 0.5, y + reach) for x, y in drawn], fill=(*darker(colour, 0.9), 70))
        if shade > 0:
            self._shaded(drawn, colour, shade)
        else:
            self.pen.polygon(drawn, fill=(*colour, alpha))

    def ellipse(
        self, x: float, y: float, rx: float, ry: float, colour: Colour, alpha: int = 255, shade: float = 0.0
    ) -> None:
        """Fill an ellipse around (x, y); `shade` as for `polygon`."""
        if shade > 0 or self.lift:
            self.polygon(oval(x, y, rx, ry), colour, alpha, shade)
        else:
            self.pen.ellipse((x - rx, y - ry, x + rx, y + ry), fill=(*colour, alpha))

    def line(self, points: Sequence[Point], colour: Colour, width: float, alpha: int = 255) -> None:
        """Draw a line through the points, `width` pixels wide."""
        self.pen.line([*points], fill=(*colour, alpha), width=max(1, round(width)), joint="curve")

    def glow(self, x: float, y: float, radius: float, colour: Colour, strength: float = 1.0) -> None:
        """Add a soft round light that fades to nothing at `radius`; `strength` is 0–1."""
        size = max(2, int(radius * 2))
        mask = Image.radial_gradient("L").point(
            [round(max(0.0, 1 - v / 181) ** 2 * 255 * strength) for v in range(256)]
        )
        mask = mask.resize((size, size), Image.Resampling.BILINEAR)
        self.image.paste(colour, (int(x - radius), int(y - radius)), mask)

    def veil(self, colour: Colour, top_alpha: float, low_alpha: float, from_y: float, to_y: float) -> None:
        """Lay a mist over the rows from `from_y` to `to_y`; the alphas (0–1) are those at its two edges."""
        rows = max(1, int(to_y) - int(from_y))
        column = np.linspace(top_alpha * 255, low_alpha * 255, rows).astype(np.uint8)[:, None]
        mask = Image.fromarray(column).resize((int(self.width), rows), Image.Resampling.NEAREST)
        self.image.paste(colour, (0, int(from_y)), mask)

    def _unsteady(self, points: Sequence[Point]) -> list[Point]:
        """The points as a hand of this quality places them: they drift along the outline."""
        sway = (1 - self.quality) ** 1.5 * self.unit * 0.012
        if sway < 0.3 or len(points) < 3:
            return list(points)
        phase, waves = self.rng.uniform(0, math.tau), self.rng.choice((2, 3, 5))
        turn = math.tau * waves / len(points)
        return [
            (x + sway * math.sin(phase + i * turn), y + sway * math.cos(phase * 2 + i * turn))
            for i, (x, y) in enumerate(points)
        ]

    def _shaded(self, points: Sequence[Point], colour: Colour, shade: float) -> None:
        left, top = math.floor(min(x for x, _ in points)), math.floor(min(y for _, y in points))
        wide = max(1, math.ceil(max(x for x, _ in points)) - left)
        high = max(1, math.ceil(max(y for _, y in points)) - top)
        mask = Image.new("L", (wide, high))
        ImageDraw.Draw(mask).polygon([(x - left, y - top) for x, y in points], fill=255)
        across = np.linspace(0.0, 1.0, 48)
        light = 1 - np.abs(across - 0.3) ** 1.4 * 1.1 * shade + 0.14 * shade * np.exp(-(((across - 0.28) / 0.1) ** 2))
        row = np.clip(np.asarray(colour) * light[:, None], 0, 255).astype(np.uint8)[None, :, :]
        fill = Image.fromarray(row).resize((wide, high), Image.Resampling.BILINEAR)
        self.image.paste(fill, (left, top), mask)


def oval(x: float, y: float, rx: float, ry: float, power: float = 2.0) -> list[Point]:
    """The outline of an ellipse, or of a squarer superellipse when `power` is above 2."""
    exponent = 2 / power
    outline = []
    for step in range(72):
        angle = math.tau * step / 72
        cos, sin = math.cos(angle), math.sin(angle)
        outline.append(
            (
                x + rx * math.copysign(abs(cos) ** exponent, cos),
                y + ry * math.copysign(abs(sin) ** exponent, sin),
            )
        )
    return outline


def lathe(x: float, base_y: float, height: float, profile: Sequence[tuple[float, float]]) -> list[Point]:
    """The outline of a turned object: `profile` is (height share from 0 at the base, half width)."""
    levels = np.linspace(0, 1, 60)
    shares, halves = zip(*profile, strict=True)
    widths = np.interp(levels, shares, halves)
    kernel = np.ones(5) / 5
    widths = np.convolve(np.pad(widths, 2, mode="edge"), kernel, mode="valid")
    right = [(x + float(half), base_y - height * float(level)) for level, half in zip(levels, widths, strict=True)]
    left = [(2 * x - px, py) for px, py in reversed(right)]
    return right + left


def ridge(canvas: Canvas, base_y: float, height: float, roughness: float, steps: int = 7) -> list[Point]:
    """A mountain line from left to right, by halving and displacing."""
    rng = canvas.rng
    heights = [
        rng.uniform(0.1, 0.6),
        rng.uniform(0.5, 1.0),
        rng.uniform(0.1, 0.7),
        rng.uniform(0.4, 1.0),
        0.3,
    ]
    spread = 0.34
    for _ in range(steps - 2):
        middle = [(a + b) / 2 + rng.uniform(-spread, spread) for a, b in pairwise(heights)]
        heights = [value for pair in zip(heights, middle, strict=False) for value in pair] + [heights[-1]]
        spread *= roughness
    step = canvas.width / (len(heights) - 1)
    return [(i * step, base_y - height * value) for i, value in enumerate(heights)]


def rolling(canvas: Canvas, base_y: float, height: float) -> list[Point]:
    """A line of gentle hills from left to right."""
    rng = canvas.rng
    waves = [(rng.uniform(0.6, 1.4) * (k + 1), rng.uniform(0, math.tau), 1 / (k + 1)) for k in range(3)]
    points = []
    for step in range(81):
        share = step / 80
        rise = sum(weight * math.sin(share * math.pi * rate + phase) for rate, phase, weight in waves)
        points.append((share * canvas.width, base_y - height * rise * 0.5))
    return points


def down_to_edge(canvas: Canvas, line: Sequence[Point]) -> list[Point]:
    """`line` closed along the bottom of the canvas."""
    return [*line, (canvas.width, canvas.height), (0.0, canvas.height)]
