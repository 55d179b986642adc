"""Close by: a room, what stands on its table, flowers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from harness.sim.art.canvas import Canvas, Point, oval
from harness.sim.art.colours import WHITE, Colour, Palette, darker, from_hls, lighter, mix
from harness.sim.art.things import THINGS, vase

if TYPE_CHECKING:
    from harness.sim.art.reading import Reading


def room(canvas: Canvas, reading: Reading, palette: Palette, table: float = 0.7) -> None:
    """A wall with light from a window on it, and a table top from `table` (share of the height) down."""
    wall = mix(palette.accents[-1], WHITE, 0.62)
    wood = from_hls(0.07 + canvas.rng.uniform(-0.02, 0.03), 0.46, 0.34)
    if reading.light == "night":
        wall, wood = darker(wall, 0.7), darker(wood, 0.4)
    elif reading.light == "dusk" or "warm" in reading.features:
        wall, wood = mix(wall, (240, 170, 110), 0.4), mix(wood, (220, 130, 80), 0.3)
    canvas.gradient(lighter(wall, 0.12), darker(wall, 0.16))
    canvas.glow(canvas.width * 0.22, canvas.height * 0.2, canvas.unit * 0.85, lighter(wall, 0.6), 0.75)
    lean, top = canvas.unit * 0.18, canvas.height * 0.06
    for pane in range(canvas.detail(3)):
        x = canvas.width * (0.1 + 0.13 * pane)
        pane_points = [
            (x, top),
            (x + canvas.width * 0.1, top),
            (x + canvas.width * 0.1 + lean, canvas.height * table),
            (x + lean, canvas.height * table),
        ]
        canvas.pen.polygon(pane_points, fill=(255, 248, 226, 46))
    canvas.gradient(lighter(wood, 0.18), darker(wood, 0.3), canvas.height * table)
    for _ in range(canvas.detail(14)):
        y = canvas.height * (table + (1 - table) * canvas.rng.random() ** 0.7)
        x = canvas.rng.uniform(0, canvas.width)
        canvas.line(
            [(x, y), (x + canvas.unit * 0.3, y + canvas.unit * 0.004)],
            darker(wood, 0.3),
            canvas.unit * 0.002,
            70,
        )


def still_life(canvas: Canvas, reading: Reading, palette: Palette, count: int) -> None:
    """The objects that the prompt names, on a table; a row in front, the overflow behind."""
    room(canvas, reading, palette)
    kinds = [kind for kind in THINGS if kind in reading.features] or ["bottle", "fruit", "vase"]
    named = kinds
    kinds = [kinds[0]] * count + kinds[1:] if reading.count is not None else (kinds * 3)[: max(3, len(kinds))]
    number = len(kinds)
    slot = canvas.width * 0.84 / number
    size = min(canvas.unit * 0.62, slot * 2.4)
    order = sorted(range(number), key=lambda i: i % 2, reverse=True)
    for index in order:
        x = canvas.width * 0.08 + slot * (index + 0.5 + canvas.rng.uniform(-0.06, 0.06))
        y = canvas.height * (0.86 - 0.07 * (index % 2)) + canvas.rng.uniform(-0.01, 0.01) * canvas.unit
        choices = palette.accents[: len(reading.colours) or None]
        pick = named.index(kinds[index]) if len(named) > 1 and reading.count is not None else index
        colour = choices[pick % len(choices)]
        THINGS[kinds[index]](canvas, (x, y, size * (1 - 0.08 * (index % 2))), colour)


def flowers(canvas: Canvas, reading: Reading, palette: Palette, count: int) -> None:
    """Flowers in a vase; as many as are asked for."""
    room(canvas, reading, palette, 0.76)
    number = count if reading.count is not None else canvas.detail(7, 3)
    x, y, unit = canvas.width * 0.5, canvas.height * 0.88, canvas.unit
    heads: list[Point] = []
    for index in range(number):
        lean = (index - (number - 1) / 2) / max(1, number)
        heads.append(
            (
                x + lean * unit * 0.74,
                y - unit * (0.66 - 0.34 * abs(lean)) + unit * canvas.rng.uniform(-0.04, 0.04),
            )
        )
    for head_x, head_y in heads:
        stem = [
            (x + (head_x - x) * t**1.6, y - unit * 0.26 + (head_y - y + unit * 0.26) * t)
            for t in (k / 10 for k in range(11))
        ]
        canvas.line(stem, (84, 130, 76), unit * 0.011)
        if canvas.chance(canvas.quality):
            leaf_x, leaf_y = stem[5]
            canvas.polygon(oval(leaf_x + unit * 0.03, leaf_y, unit * 0.04, unit * 0.014), (98, 150, 86), shade=0.4)
    vase(canvas, (x, y, unit * 0.36), palette.accents[2])
    for index, head in enumerate(heads):
        known = len(reading.colours)
        colour = palette.accents[index % known] if known else palette.accents[index % 2]
        _blossom(canvas, head, unit * 0.085, colour)


def _blossom(canvas: Canvas, centre: Point, size: float, colour: Colour) -> None:
    turn = canvas.rng.uniform(0, 1)
    for ring, scale in enumerate((1.0, 0.7)[: canvas.detail(2, 1)]):
        for petal in range(canvas.detail(9, 5)):
            angle = turn + ring * 0.3 + math.tau * petal / canvas.detail(9, 5)
            x, y = (
                centre[0] + math.cos(angle) * size * 0.55 * scale,
                centre[1] + math.sin(angle) * size * 0.5 * scale,
            )
            canvas.ellipse(
                x,
                y,
                size * 0.42 * scale,
                size * 0.38 * scale,
                lighter(colour, 0.1 + 0.16 * ring + 0.12 * (petal % 2)),
            )
    canvas.ellipse(*centre, size * 0.28, size * 0.26, (230, 178, 62), shade=0.4)
