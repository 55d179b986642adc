"""What grows and what falls from the sky."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from harness.sim.art.colours import WHITE, Colour, Palette, darker, lighter, mix

if TYPE_CHECKING:
    from harness.sim.art.canvas import Canvas, Point
    from harness.sim.art.reading import Reading


def tree(canvas: Canvas, reading: Reading, palette: Palette, foot: Point, size: float) -> None:
    """A fir or a round tree standing at `foot`, `size` pixels high."""
    x, y = foot
    leaf = _leaf(canvas, reading, palette)
    canvas.polygon(
        [
            (x - size * 0.04, y),
            (x + size * 0.04, y),
            (x + size * 0.025, y - size * 0.4),
            (x - size * 0.025, y - size * 0.4),
        ],
        (92, 66, 52),
    )
    if "mountain" in reading.features or "snow" in reading.features or canvas.chance(0.3):
        for tier in range(3):
            low, half = y - size * (0.18 + 0.24 * tier), size * (0.3 - 0.07 * tier)
            canvas.polygon([(x - half, low), (x, low - size * 0.42), (x + half, low)], darker(leaf, 0.24 - 0.08 * tier))
            canvas.polygon([(x, low - size * 0.42), (x + half, low), (x + half * 0.2, low)], darker(leaf, 0.4), 120)
            if "snow" in reading.features:
                canvas.polygon(
                    [
                        (x - half * 0.4, low - size * 0.25),
                        (x, low - size * 0.42),
                        (x + half * 0.4, low - size * 0.25),
                    ],
                    WHITE,
                )
        return
    for _ in range(canvas.detail(9, 3)):
        angle, reach = canvas.rng.uniform(0, math.tau), canvas.rng.uniform(0, 0.19) * size
        blob = size * canvas.rng.uniform(0.14, 0.21)
        bx, by = x + reach * math.cos(angle), y - size * 0.66 + reach * math.sin(angle)
        canvas.ellipse(bx, by, blob, blob, darker(leaf, 0.22 + 0.5 * (by - y + size * 0.66) / size))
        canvas.ellipse(bx - blob * 0.25, by - blob * 0.3, blob * 0.6, blob * 0.55, lighter(leaf, 0.14), 120)


def _leaf(canvas: Canvas, reading: Reading, palette: Palette) -> Colour:
    if "autumn" in reading.features:
        return canvas.rng.choice(((212, 118, 48), (196, 76, 48), (226, 166, 60), (168, 92, 50)))
    base = mix(palette.ground, (46, 112, 74), 0.6)
    if "snow" in reading.features:
        base = (52, 92, 86)
    return darker(base, 0.4) if reading.light == "night" else base


def grass(canvas: Canvas, palette: Palette) -> None:
    """Blades of grass along the lower edge."""
    for _ in range(canvas.detail(90)):
        x, y = canvas.rng.uniform(0, canvas.width), canvas.height * canvas.rng.uniform(0.9, 1.0)
        tall = canvas.unit * canvas.rng.uniform(0.01, 0.03)
        canvas.line(
            [(x, y), (x + tall * canvas.rng.uniform(-0.4, 0.4), y - tall)],
            lighter(palette.ground, 0.22),
            canvas.unit * 0.002,
            150,
        )


def weather(canvas: Canvas, reading: Reading, palette: Palette) -> None:
    """Snow, rain or mist over what is drawn so far."""
    rng, unit = canvas.rng, canvas.unit
    if "snow" in reading.features:
        for _ in range(canvas.detail(190, 30)):
            size = unit * rng.uniform(0.0015, 0.0055)
            canvas.ellipse(
                rng.uniform(0, canvas.width),
                rng.uniform(0, canvas.height),
                size,
                size,
                WHITE,
                rng.randint(120, 240),
            )
    if "rain" in reading.features:
        for _ in range(canvas.detail(150, 30)):
            x, y, fall = (
                rng.uniform(0, canvas.width),
                rng.uniform(0, canvas.height),
                unit * rng.uniform(0.02, 0.05),
            )
            canvas.line([(x, y), (x - fall * 0.25, y + fall)], (214, 224, 236), unit * 0.0018, 120)
    if reading.light == "fog":
        canvas.veil(palette.sky_low, 0.05, 0.3, canvas.height * 0.4, canvas.height)
