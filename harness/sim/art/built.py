"""Made by people or by nobody: cities, space, abstract shapes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from harness.sim.art.canvas import Canvas, oval
from harness.sim.art.colours import WHITE, Colour, Palette, darker, lighter, mix
from harness.sim.art.growth import weather
from harness.sim.art.nature import sky

if TYPE_CHECKING:
    from harness.sim.art.reading import Reading


def city(canvas: Canvas, reading: Reading, palette: Palette, count: int) -> None:
    """A skyline in three depths over a street; a number in the prompt is the number of near buildings."""
    sky(canvas, reading, palette, 0.86)
    street = canvas.height * 0.86
    for depth in range(2):
        colour = mix(mix(palette.accents[-1], palette.far, 0.6), palette.sky_low, 0.66 - 0.3 * depth)
        x = -canvas.unit * 0.05
        while x < canvas.width:
            wide = canvas.unit * canvas.rng.uniform(0.07, 0.15)
            tall = canvas.height * canvas.rng.uniform(0.3, 0.62 - 0.16 * depth)
            canvas.polygon([(x, street), (x + wide, street), (x + wide, street - tall), (x, street - tall)], colour)
            x += wide * 1.02
        canvas.veil(palette.sky_low, 0.0, 0.45, street - canvas.height * 0.4, street)
    number = count if reading.count is not None else 5
    slot = canvas.width / number
    for index in range(number):
        wide = slot * canvas.rng.uniform(0.66, 0.86)
        left = slot * index + (slot - wide) / 2
        tall = canvas.height * canvas.rng.uniform(0.28, 0.58)
        _building(canvas, reading, (left, street, wide, tall), _front(palette, reading, index))
    _street(canvas, reading, palette, street)
    weather(canvas, reading, palette)


def _front(palette: Palette, reading: Reading, index: int) -> Colour:
    known = len(reading.colours)
    colour = (
        palette.accents[index % known]
        if known
        else mix(palette.accents[index % len(palette.accents)], (206, 178, 154), 0.42)
    )
    return darker(colour, 0.55) if reading.light == "night" else mix(colour, palette.sky_low, 0.12)


def _building(canvas: Canvas, reading: Reading, block: tuple[float, float, float, float], colour: Colour) -> None:
    left, low, wide, tall = block
    top = low - tall
    canvas.polygon([(left, low), (left + wide, low), (left + wide, top), (left, top)], colour, shade=0.42)
    _roof(canvas, block, colour)
    columns = max(2, round(wide / (canvas.unit * 0.055)))
    rows = max(3, round(tall / (canvas.unit * 0.075)))
    gap_x, gap_y = wide / (columns + 0.5), tall * 0.86 / rows
    lit_share = 0.6 if reading.light == "night" else 0.3 if reading.light == "dusk" else 0.05
    for row in range(rows - 1):
        for column in range(columns):
            if canvas.chance((1 - canvas.quality) * 0.42):
                continue
            x, y = left + gap_x * (column + 0.5), top + gap_y * (row + 0.4)
            lit = canvas.chance(lit_share)
            glass = (255, 214, 128) if lit else mix(darker(colour, 0.45), (150, 180, 206), 0.34)
            canvas.pen.rectangle((x, y, x + gap_x * 0.58, y + gap_y * 0.6), fill=glass)
            if not lit:
                canvas.pen.polygon([(x, y), (x + gap_x * 0.4, y), (x, y + gap_y * 0.4)], fill=(255, 255, 255, 46))
    door = canvas.unit * 0.024
    middle = left + wide / 2
    canvas.pen.rectangle((middle - door, low - door * 2.6, middle + door, low), fill=darker(colour, 0.6))
    awning = [
        (middle - door * 2.2, low - door * 2.6),
        (middle + door * 2.2, low - door * 2.6),
        (middle + door * 1.8, low - door * 3.5),
        (middle - door * 1.8, low - door * 3.5),
    ]
    canvas.polygon(awning, lighter(colour, 0.5))


def _roof(canvas: Canvas, block: tuple[float, float, float, float], colour: Colour) -> None:
    left, low, wide, tall = block
    top, kind = low - tall, canvas.rng.randrange(4)
    if kind == 0:
        canvas.polygon(
            [(left - wide * 0.04, top), (left + wide / 2, top - wide * 0.42), (left + wide * 1.04, top)],
            darker(colour, 0.36),
            shade=0.4,
        )
    elif kind == 1:
        canvas.polygon(
            [
                (left + wide * 0.2, top),
                (left + wide * 0.8, top),
                (left + wide * 0.8, top - wide * 0.22),
                (left + wide * 0.2, top - wide * 0.22),
            ],
            darker(colour, 0.12),
            shade=0.4,
        )
        canvas.line(
            [(left + wide / 2, top - wide * 0.2), (left + wide / 2, top - wide * 0.6)],
            darker(colour, 0.5),
            canvas.unit * 0.005,
        )
    elif kind == 2:
        canvas.polygon(oval(left + wide / 2, top, wide * 0.46, wide * 0.3)[36:], lighter(colour, 0.2), shade=0.5)
    else:
        canvas.polygon(
            [
                (left - wide * 0.04, top),
                (left + wide * 1.04, top),
                (left + wide * 1.04, top - wide * 0.07),
                (left - wide * 0.04, top - wide * 0.07),
            ],
            darker(colour, 0.3),
        )


def _street(canvas: Canvas, reading: Reading, palette: Palette, street: float) -> None:
    stone = darker(mix((120, 118, 126), palette.sky_low, 0.25), 0.5 if reading.light == "night" else 0.12)
    canvas.gradient(lighter(stone, 0.18), darker(stone, 0.25), street)
    wet = reading.light in {"night", "fog"} or "rain" in reading.features
    for _ in range(canvas.detail(26) if wet else 0):
        x = canvas.rng.uniform(0, canvas.width)
        colour = canvas.rng.choice(((255, 206, 120), *palette.accents[:2]))
        canvas.ellipse(
            x,
            canvas.rng.uniform(street, canvas.height),
            canvas.unit * 0.008,
            canvas.unit * canvas.rng.uniform(0.02, 0.05),
            colour,
            70,
        )
    for k in range(canvas.detail(7, 2)):
        x = canvas.width * (k + 0.3) / 7
        canvas.polygon(
            [
                (x, canvas.height * 0.935),
                (x + canvas.width * 0.07, canvas.height * 0.935),
                (x + canvas.width * 0.066, canvas.height * 0.945),
                (x - canvas.width * 0.004, canvas.height * 0.945),
            ],
            WHITE,
            150,
        )
    for k in range(canvas.detail(3)):
        x, top = canvas.width * (0.16 + 0.34 * k), street - canvas.unit * 0.15
        canvas.line([(x, street + canvas.unit * 0.01), (x, top)], (44, 46, 56), canvas.unit * 0.007)
        canvas.ellipse(x, top, canvas.unit * 0.014, canvas.unit * 0.014, (255, 236, 184))
        if reading.light in {"night", "dusk", "fog"}:
            canvas.glow(x, top, canvas.unit * 0.12, (255, 220, 140), 0.75)


def space(canvas: Canvas, reading: Reading, palette: Palette, count: int) -> None:
    """Planets before a nebula; as many as are asked for."""
    canvas.gradient((12, 12, 34), (34, 20, 56))
    rng, unit = canvas.rng, canvas.unit
    for k in range(canvas.detail(7, 2)):
        x, y = rng.uniform(0, canvas.width), canvas.height * (0.2 + 0.6 * rng.random())
        canvas.glow(x, y, unit * rng.uniform(0.2, 0.5), palette.accents[k % len(palette.accents)], 0.34)
    for _ in range(canvas.detail(260, 40)):
        size = unit * rng.choice((0.001, 0.0014, 0.0028))
        canvas.ellipse(
            rng.uniform(0, canvas.width),
            rng.uniform(0, canvas.height),
            size,
            size,
            WHITE,
            rng.randint(90, 255),
        )
    number = count if reading.count is not None else 2
    for index in range(number):
        x = canvas.width * (index + 0.5) / number + rng.uniform(-0.03, 0.03) * unit
        y = canvas.height * (0.58 if index % 2 else 0.42) + rng.uniform(-0.06, 0.06) * unit
        radius = min(unit * (0.25 if index == 0 else 0.15), canvas.width * 0.4 / number)
        _planet(canvas, (x, y, radius), palette.accents[index % len(palette.accents)], ringed=index == 0)
    if "rocket" in reading.features:
        _rocket(canvas, (canvas.width * 0.72, canvas.height * 0.66, unit * 0.3), palette.accents[0])


def _planet(canvas: Canvas, place: tuple[float, float, float], colour: Colour, *, ringed: bool) -> None:
    x, y, radius = place
    canvas.glow(x, y, radius * 1.6, lighter(colour, 0.2), 0.55)
    ring = [(px, py + (px - x) * 0.26) for px, py in oval(x, y, radius * 1.75, radius * 0.3)]
    canvas.polygon(oval(x, y, radius, radius), colour, shade=1.0)
    for k in range(canvas.detail(5)):
        level = -0.66 + 0.3 * k
        half = radius * math.sqrt(max(0.0, 1 - level**2)) * 0.98
        band = [(px, py + (px - x) * 0.16) for px, py in oval(x, y + radius * level, half, radius * 0.055)]
        canvas.polygon(band, darker(colour, 0.3) if k % 2 else lighter(colour, 0.3), 110)
    if ringed:
        front = [p for p in ring if p[1] >= y + (p[0] - x) * 0.26]
        canvas.line(sorted(front), lighter(colour, 0.6), radius * 0.1, 220)
        back = sorted(p for p in ring if p[1] <= y + (p[0] - x) * 0.26 and abs(p[0] - x) > radius * 0.98)
        for side in (-1, 1):
            canvas.line([p for p in back if (p[0] - x) * side > 0], lighter(colour, 0.5), radius * 0.08, 200)


def _rocket(canvas: Canvas, place: tuple[float, float, float], colour: Colour) -> None:
    x, y, size = place
    canvas.glow(x, y + size * 0.42, size * 0.5, (255, 170, 80), 0.8)
    canvas.polygon(
        [(x - size * 0.09, y + size * 0.3), (x + size * 0.09, y + size * 0.3), (x, y + size * 0.66)],
        (255, 196, 90),
    )
    for side in (-1, 1):
        canvas.polygon(
            [
                (x + side * size * 0.1, y + size * 0.06),
                (x + side * size * 0.26, y + size * 0.34),
                (x + side * size * 0.1, y + size * 0.3),
            ],
            colour,
        )
    body = [
        (
            x + size * 0.14 * math.sin(math.pi * (0.08 + 0.84 * k / 20)) * side,
            y - size * 0.5 + size * 0.8 * k / 20,
        )
        for side in (1, -1)
        for k in (range(21) if side == 1 else range(20, -1, -1))
    ]
    canvas.polygon(body, WHITE, shade=0.6)
    canvas.ellipse(x, y - size * 0.14, size * 0.06, size * 0.06, (110, 170, 210))


def abstract(canvas: Canvas, reading: Reading, palette: Palette, count: int) -> None:
    """Discs, arcs and triangles over a gradient in soft light; as many as are asked for."""
    ground = mix(palette.accents[-1], WHITE, 0.78)
    if reading.light == "night":
        ground = darker(ground, 0.85)
    canvas.gradient(lighter(ground, 0.2), mix(ground, palette.accents[-2], 0.3))
    rng, unit = canvas.rng, canvas.unit
    canvas.glow(
        canvas.width * rng.uniform(0.2, 0.8),
        canvas.height * 0.25,
        unit * 0.8,
        lighter(palette.accents[0], 0.5),
        0.6,
    )
    number = count if reading.count is not None else canvas.detail(9, 4)
    known = len(reading.colours) or len(palette.accents)
    for index in range(number):
        angle = index * 2.399963 + rng.uniform(-0.2, 0.2)
        reach = unit * 0.36 * math.sqrt((index + 0.35) / number)
        x, y = (
            canvas.width / 2 + reach * math.cos(angle) * canvas.width / unit,
            canvas.height / 2 + reach * math.sin(angle),
        )
        size = unit * rng.uniform(0.1, 0.19) * (1.25 if number < 5 else 1.0)
        _form(canvas, (x, y, size), palette.accents[index % known], rng.randrange(4))


def _form(canvas: Canvas, place: tuple[float, float, float], colour: Colour, kind: int) -> None:
    x, y, size = place
    turn = canvas.rng.uniform(0, math.tau)
    canvas.ellipse(x + size * 0.1, y + size * 0.16, size, size * 0.98, (20, 16, 30), 26)
    if kind == 0:
        canvas.polygon(oval(x, y, size, size), colour, shade=0.7)
    elif kind == 1:
        corners = [
            (
                x + size * 1.1 * math.cos(turn + k * math.tau / 3),
                y + size * 1.1 * math.sin(turn + k * math.tau / 3),
            )
            for k in range(3)
        ]
        canvas.polygon(corners, colour, shade=0.5)
    elif kind == 2:
        arc = [(x + size * math.cos(turn + k * 0.13), y + size * math.sin(turn + k * 0.13)) for k in range(30)]
        canvas.line(arc, colour, size * 0.34)
    else:
        for k in range(canvas.detail(4, 1)):
            canvas.ellipse(
                x, y, size * (1 - 0.24 * k), size * (1 - 0.24 * k), lighter(colour, 0.5) if k % 2 else colour
            )
