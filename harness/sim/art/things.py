"""Objects for a table: bottles, vases, cups, fruit, solids, candles, books."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from harness.sim.art.canvas import Canvas, Point, lathe, oval
from harness.sim.art.colours import WHITE, Colour, darker, lighter, mix

if TYPE_CHECKING:
    from collections.abc import Callable

Thing = tuple[float, float, float]
"""Where an object stands and how tall it is: x of its middle, y of its foot, height; in canvas pixels."""


def ground_shadow(canvas: Canvas, thing: Thing, half: float) -> None:
    """A soft shadow on the table to the right of an object."""
    x, y, _ = thing
    for k in range(4):
        canvas.ellipse(x + half * 0.5, y, half * (1.75 - 0.2 * k), half * (0.3 - 0.035 * k), (30, 22, 30), 26)


def bottle(canvas: Canvas, thing: Thing, colour: Colour) -> None:
    """A glass bottle with a label and a highlight."""
    x, y, size = thing
    half = size * 0.16
    ground_shadow(canvas, thing, half)
    neck = half * 0.36
    profile = [(0, half * 0.92), (0.03, half), (0.56, half), (0.7, neck), (0.9, neck), (1.0, neck * 1.1)]
    canvas.polygon(lathe(x, y, size, profile), colour, shade=0.9)
    canvas.polygon(
        lathe(x, y - size * 0.94, size * 0.09, [(0, neck * 1.2), (1, neck * 1.2)]),
        darker(colour, 0.5),
        shade=0.5,
    )
    canvas.polygon(
        [
            (x - half, y - size * 0.14),
            (x + half, y - size * 0.14),
            (x + half, y - size * 0.42),
            (x - half, y - size * 0.42),
        ],
        mix(WHITE, colour, 0.1),
        shade=0.4,
    )
    for k in range(canvas.detail(3)):
        row = y - size * (0.22 + 0.06 * k)
        canvas.line(
            [(x - half * 0.55, row), (x + half * (0.55 - 0.3 * (k == 0)), row)],
            darker(colour, 0.3),
            size * 0.008,
        )
    canvas.polygon(
        [
            (x - half * 0.66, y - size * 0.46),
            (x - half * 0.5, y - size * 0.46),
            (x - half * 0.5, y - size * 0.57),
            (x - half * 0.62, y - size * 0.56),
        ],
        WHITE,
        150,
    )


def vase(canvas: Canvas, thing: Thing, colour: Colour) -> None:
    """A glazed vase with two painted bands."""
    x, y, size = thing
    half = size * 0.26
    ground_shadow(canvas, thing, half)
    canvas.polygon(
        lathe(
            x,
            y,
            size,
            [
                (0, half * 0.55),
                (0.12, half * 0.75),
                (0.45, half),
                (0.75, half * 0.5),
                (0.9, half * 0.42),
                (1, half * 0.6),
            ],
        ),
        colour,
        shade=0.85,
    )
    for level, wide in ((0.36, 0.97), (0.5, 0.95))[: canvas.detail(2)]:
        canvas.polygon(
            lathe(x, y - size * level, size * 0.03, [(0, half * wide), (1, half * wide)]),
            lighter(colour, 0.55),
            shade=0.6,
        )
    canvas.ellipse(x, y - size * 0.985, half * 0.56, half * 0.1, darker(colour, 0.6))


def cup(canvas: Canvas, thing: Thing, colour: Colour) -> None:
    """A cup on a saucer, with something hot in it."""
    x, y, size = thing
    size *= 0.55
    half = size * 0.5
    ground_shadow(canvas, (x, y, size), half * 1.2)
    canvas.ellipse(x, y - size * 0.02, half * 1.5, half * 0.26, lighter(colour, 0.5))
    canvas.line(oval(x + half * 1.02, y - size * 0.5, half * 0.36, half * 0.4), darker(colour, 0.2), size * 0.1)
    canvas.polygon(
        lathe(x, y - size * 0.02, size * 0.9, [(0, half * 0.6), (0.3, half * 0.86), (1, half)]),
        colour,
        shade=0.7,
    )
    canvas.ellipse(x, y - size * 0.92, half, half * 0.2, lighter(colour, 0.35))
    canvas.ellipse(x, y - size * 0.91, half * 0.88, half * 0.15, (92, 56, 38))
    for k in range(canvas.detail(3)):
        wisp = [
            (x + half * (0.4 * (k - 1)) + math.sin(t * 0.9 + k) * half * 0.12, y - size * (1.05 + 0.07 * t))
            for t in range(8)
        ]
        canvas.line(wisp, WHITE, size * 0.03, 90)


def fruit(canvas: Canvas, thing: Thing, colour: Colour) -> None:
    """An apple with a stalk and a leaf."""
    x, y, size = thing
    radius = size * 0.27
    ground_shadow(canvas, thing, radius)
    body = [
        (
            px,
            py + radius * 0.16 * math.exp(-(((px - x) / (radius * 0.3)) ** 2)) * (1 if py < y - radius else 0),
        )
        for px, py in oval(x, y - radius * 0.95, radius, radius * 0.95, 2.2)
    ]
    canvas.polygon(body, colour, shade=0.85)
    canvas.glow(x - radius * 0.4, y - radius * 1.35, radius * 0.5, WHITE, 0.6 * canvas.quality)
    canvas.line([(x, y - radius * 1.72), (x + radius * 0.1, y - radius * 2.1)], (86, 60, 44), radius * 0.09)
    if canvas.quality > 0.35:
        leaf = [
            (x + radius * 0.1, y - radius * 1.95),
            (x + radius * 0.4, y - radius * 2.25),
            (x + radius * 0.72, y - radius * 2.1),
            (x + radius * 0.4, y - radius * 1.93),
        ]
        canvas.polygon(leaf, (92, 152, 78), shade=0.4)


def ball(canvas: Canvas, thing: Thing, colour: Colour) -> None:
    """A shiny sphere."""
    x, y, size = thing
    radius = size * 0.29
    ground_shadow(canvas, thing, radius)
    canvas.ellipse(x, y - radius, radius, radius, darker(colour, 0.3))
    for k in range(10):
        share = k / 9
        canvas.ellipse(
            x - radius * 0.3 * share,
            y - radius - radius * 0.34 * share,
            radius * (1 - 0.85 * share),
            radius * (1 - 0.85 * share),
            lighter(colour, 0.45 * share),
            70,
        )
    canvas.glow(x - radius * 0.36, y - radius * 1.42, radius * 0.32, WHITE, 0.9 * canvas.quality)


def cube(canvas: Canvas, thing: Thing, colour: Colour) -> None:
    """A solid cube seen from above one edge."""
    x, y, size = thing
    half, rise = size * 0.28, size * 0.13
    ground_shadow(canvas, (x, y - rise * 0.4, size), half)
    tall = half * 1.15
    left, right, low = (x - half, y - rise), (x + half, y - rise), (x, y)
    up: Callable[[Point], Point] = lambda p: (p[0], p[1] - tall)  # noqa: E731
    canvas.polygon([left, low, up(low), up(left)], colour)
    canvas.polygon([low, right, up(right), up(low)], darker(colour, 0.38))
    canvas.polygon([up(left), up(low), up(right), (x, y - rise * 2 - tall)], lighter(colour, 0.32))


def candle(canvas: Canvas, thing: Thing, colour: Colour) -> None:
    """A burning candle."""
    x, y, size = thing
    half, tall = size * 0.11, size * 0.62
    ground_shadow(canvas, thing, half)
    canvas.polygon(lathe(x, y, tall, [(0, half), (1, half)]), lighter(colour, 0.4), shade=0.6)
    canvas.glow(x, y - tall - size * 0.1, size * 0.7, (255, 206, 120), 0.7)
    canvas.line([(x, y - tall), (x, y - tall - size * 0.05)], (50, 40, 40), size * 0.014)
    canvas.polygon(
        lathe(x, y - tall - size * 0.03, size * 0.17, [(0, half * 0.15), (0.3, half * 0.5), (1, 0.5)]),
        (255, 226, 130),
    )
    canvas.polygon(
        lathe(x, y - tall - size * 0.03, size * 0.08, [(0, half * 0.1), (0.3, half * 0.26), (1, 0.5)]),
        (255, 160, 70),
    )


def book(canvas: Canvas, thing: Thing, colour: Colour) -> None:
    """A standing book."""
    x, y, size = thing
    half, tall = size * 0.13, size * 0.85
    ground_shadow(canvas, thing, half)
    canvas.polygon([(x - half, y), (x + half, y), (x + half, y - tall), (x - half, y - tall)], colour, shade=0.5)
    for level in (0.14, 0.2, 0.8)[: canvas.detail(3)]:
        canvas.line([(x - half, y - tall * level), (x + half, y - tall * level)], lighter(colour, 0.55), size * 0.014)


THINGS: dict[str, Callable[[Canvas, Thing, Colour], None]] = {
    "bottle": bottle,
    "cup": cup,
    "fruit": fruit,
    "candle": candle,
    "book": book,
    "cube": cube,
    "ball": ball,
    "vase": vase,
}
"""What a still life can be made of, by the feature word that asks for it."""
