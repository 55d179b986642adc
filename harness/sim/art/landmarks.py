"""Objects out of doors: balloons, boats, houses, lighthouses."""

from __future__ import annotations

from harness.sim.art.canvas import Canvas, oval
from harness.sim.art.colours import WHITE, Colour, Palette, darker, lighter, mix


def balloon(canvas: Canvas, x: float, y: float, size: float, colour: Colour, stripe: Colour) -> None:
    """A hot-air balloon around (x, y)."""
    radius = size * 0.42
    body = [
        *oval(x, y, radius, radius)[36:],
        *[(x + radius, y), (x + radius * 0.22, y + radius * 1.5), (x - radius * 0.22, y + radius * 1.5)],
    ]
    canvas.polygon(body, colour, shade=0.7)
    for k in range(canvas.detail(2)):
        inner = radius * (0.62 - 0.4 * k)
        gore = [
            *oval(x, y, inner, radius)[36:],
            (x + inner, y),
            (x + radius * 0.1, y + radius * 1.5),
            (x - radius * 0.1, y + radius * 1.5),
        ]
        canvas.polygon(gore, stripe if k == 0 else lighter(colour, 0.25), 235, shade=0.6)
    low, basket = y + radius * 1.5, radius * 0.16
    for side in (-1, 1):
        canvas.line(
            [(x + side * basket, low), (x + side * basket * 0.8, low + radius * 0.36)],
            (70, 54, 46),
            canvas.unit * 0.003,
        )
    canvas.polygon(
        [
            (x - basket, low + radius * 0.34),
            (x + basket, low + radius * 0.34),
            (x + basket * 0.8, low + radius * 0.6),
            (x - basket * 0.8, low + radius * 0.6),
        ],
        (128, 88, 56),
    )


def boat(canvas: Canvas, x: float, y: float, size: float, colour: Colour) -> None:
    """A sailing boat whose water line is at `y`, with its reflection."""
    canvas.ellipse(x, y + size * 0.16, size * 0.42, size * 0.07, (24, 40, 62), 80)
    canvas.line([(x, y), (x, y - size * 0.95)], (84, 66, 54), size * 0.025)
    canvas.polygon(
        [
            (x + size * 0.03, y - size * 0.92),
            (x + size * 0.42, y - size * 0.1),
            (x + size * 0.03, y - size * 0.1),
        ],
        WHITE,
        shade=0.35,
    )
    canvas.polygon(
        [
            (x - size * 0.04, y - size * 0.8),
            (x - size * 0.34, y - size * 0.1),
            (x - size * 0.04, y - size * 0.1),
        ],
        lighter(colour, 0.2),
        shade=0.3,
    )
    hull = [
        (x - size * 0.5, y - size * 0.05),
        (x + size * 0.54, y - size * 0.05),
        (x + size * 0.36, y + size * 0.14),
        (x - size * 0.36, y + size * 0.14),
    ]
    canvas.polygon(hull, colour, shade=0.5)
    canvas.line(hull[:2], lighter(colour, 0.6), size * 0.03)


def house(canvas: Canvas, x: float, y: float, size: float, palette: Palette, *, lit: bool) -> None:
    """A small house with a gable roof standing at (x, y)."""
    wall = mix(WHITE, palette.accents[1], 0.2)
    wall = darker(wall, 0.5) if lit else wall
    half, tall = size * 0.55, size * 0.6
    canvas.polygon([(x - half, y), (x + half, y), (x + half, y - tall), (x - half, y - tall)], wall, shade=0.35)
    canvas.polygon(
        [(x - half * 1.2, y - tall), (x, y - tall * 1.8), (x + half * 1.2, y - tall)],
        palette.accents[0],
        shade=0.4,
    )
    canvas.polygon(
        [
            (x - size * 0.1, y),
            (x + size * 0.1, y),
            (x + size * 0.1, y - tall * 0.6),
            (x - size * 0.1, y - tall * 0.6),
        ],
        darker(palette.accents[0], 0.5),
    )
    glass = (255, 214, 120) if lit else (150, 186, 206)
    for side in (-1, 1)[: canvas.detail(2, 1)]:
        left = x + side * half * 0.58
        canvas.polygon(
            [
                (left - size * 0.1, y - tall * 0.72),
                (left + size * 0.1, y - tall * 0.72),
                (left + size * 0.1, y - tall * 0.38),
                (left - size * 0.1, y - tall * 0.38),
            ],
            glass,
        )
        if lit:
            canvas.glow(left, y - tall * 0.55, size * 0.4, glass, 0.5)


def lighthouse(canvas: Canvas, x: float, y: float, size: float, colour: Colour, *, lit: bool) -> None:
    """A banded tower with a lamp standing at (x, y)."""
    for band in range(5):
        low, high = y - size * 0.16 * band, y - size * 0.16 * (band + 1)
        wide, thin = size * (0.13 - 0.012 * band), size * (0.13 - 0.012 * (band + 1))
        canvas.polygon(
            [(x - wide, low), (x + wide, low), (x + thin, high), (x - thin, high)],
            WHITE if band % 2 else colour,
            shade=0.5,
        )
    top = y - size * 0.8
    canvas.polygon(
        [
            (x - size * 0.09, top),
            (x + size * 0.09, top),
            (x + size * 0.09, top - size * 0.02),
            (x - size * 0.09, top - size * 0.02),
        ],
        (60, 60, 70),
    )
    canvas.polygon(
        [
            (x - size * 0.05, top - size * 0.1),
            (x + size * 0.05, top - size * 0.1),
            (x + size * 0.05, top),
            (x - size * 0.05, top),
        ],
        (255, 226, 150),
    )
    canvas.polygon(
        [(x - size * 0.07, top - size * 0.1), (x, top - size * 0.19), (x + size * 0.07, top - size * 0.1)],
        colour,
    )
    if lit:
        canvas.polygon(
            [(x, top - size * 0.05), (x + size * 1.6, top - size * 0.34), (x + size * 1.6, top + size * 0.1)],
            (255, 236, 170),
            60,
        )
        canvas.glow(x, top - size * 0.05, size * 0.5, (255, 232, 160), 0.8)
