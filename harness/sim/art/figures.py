"""Living things: portraits and animals."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from harness.sim.art.canvas import Canvas, lathe, oval
from harness.sim.art.colours import INK, WHITE, Colour, Palette, darker, lighter, mix
from harness.sim.art.growth import weather
from harness.sim.art.nature import sky
from harness.sim.art.things import ground_shadow

if TYPE_CHECKING:
    from harness.sim.art.reading import Reading

_SKINS: tuple[Colour, ...] = (
    (244, 208, 178),
    (226, 178, 142),
    (198, 142, 106),
    (150, 100, 72),
    (112, 74, 56),
)

_HAIRS: tuple[Colour, ...] = (
    (52, 38, 34),
    (88, 58, 40),
    (142, 94, 54),
    (206, 164, 98),
    (168, 74, 44),
    (36, 34, 42),
)


def portrait(canvas: Canvas, reading: Reading, palette: Palette, count: int) -> None:
    """One or several people from the chest up before an out-of-focus ground."""
    _bokeh(canvas, reading, palette)
    count = min(count, 6)
    slot = canvas.width / (count + 0.3)
    size = min(canvas.height * 0.98, slot * (1.3 + 0.25 * min(count, 4)))
    for index in range(count):
        x = canvas.width / 2 + (index - (count - 1) / 2) * slot + canvas.rng.uniform(-0.02, 0.02) * canvas.unit
        person(canvas, reading, palette, (x, canvas.height, size * canvas.rng.uniform(0.94, 1.04)), index)


def _bokeh(canvas: Canvas, reading: Reading, palette: Palette) -> None:
    dim = 0.55 if reading.light == "night" else 0.1
    ground = palette.accents[-2]
    canvas.gradient(darker(mix(ground, palette.sky_low, 0.5), dim), darker(mix(ground, palette.ground, 0.4), dim + 0.2))
    canvas.glow(canvas.width * 0.24, canvas.height * 0.24, canvas.unit * 0.7, palette.sun, 0.6)
    for _ in range(canvas.detail(16)):
        x, y = canvas.rng.uniform(0, canvas.width), canvas.rng.uniform(0, canvas.height * 0.75)
        size = canvas.unit * canvas.rng.uniform(0.02, 0.075)
        canvas.ellipse(
            x, y, size, size, lighter(canvas.rng.choice((palette.sun, palette.accents[-1], ground)), 0.4), 52
        )


def person(canvas: Canvas, reading: Reading, palette: Palette, place: tuple[float, float, float], index: int) -> None:
    """Head and shoulders; `place` is x, the y of the lower edge, and the height."""
    x, y, size = place
    rng = canvas.rng
    skin, hair = rng.choice(_SKINS), rng.choice(_HAIRS)
    if "old" in reading.features:
        hair = (214, 212, 210)
    cloth = palette.accents[index % max(1, len(reading.colours) or 3)]
    head_y, rx, ry = y - size * 0.66, size * 0.155, size * 0.205
    long_hair = rng.random() < 0.5 and "beard" not in reading.features
    if long_hair:
        canvas.polygon(oval(x, head_y + ry * 0.5, rx * 1.38, ry * 1.6, 2.6), darker(hair, 0.25), shade=0.4)
    canvas.polygon(
        lathe(
            x,
            y + size * 0.02,
            size * 0.4,
            [(0, size * 0.42), (0.6, size * 0.36), (0.84, size * 0.2), (1, size * 0.08)],
        ),
        cloth,
        shade=0.75,
    )
    canvas.polygon(
        lathe(x, y - size * 0.33, size * 0.18, [(0, rx * 0.7), (1, rx * 0.5)]), darker(skin, 0.14), shade=0.5
    )
    canvas.polygon(
        [(x - rx * 0.7, y - size * 0.37), (x + rx * 0.7, y - size * 0.37), (x, y - size * 0.24)],
        darker(skin, 0.1),
    )
    for side in (-1, 1):
        canvas.ellipse(x + side * rx * 0.98, head_y + ry * 0.1, rx * 0.16, ry * 0.17, darker(skin, 0.12))
    canvas.polygon(oval(x, head_y, rx, ry, 2.25), skin, shade=0.55)
    _face(canvas, reading, (x, head_y, rx, ry), skin, hair)
    _hair(canvas, (x, head_y, rx, ry), hair)
    if "hat" in reading.features:
        canvas.polygon(oval(x, head_y - ry * 0.66, rx * 1.6, ry * 0.16), darker(cloth, 0.2))
        canvas.polygon(
            lathe(x, head_y - ry * 0.64, ry * 0.62, [(0, rx * 1.02), (0.8, rx * 0.92), (1, rx * 0.7)]),
            cloth,
            shade=0.6,
        )


def _hair(canvas: Canvas, head: tuple[float, float, float, float], hair: Colour) -> None:
    x, y, rx, ry = head
    part = canvas.rng.uniform(-0.5, 0.5)
    cap = [
        (
            x + rx * 1.08 * math.cos(math.pi + math.pi * k / 24),
            y - ry * 0.12 + ry * 1.04 * math.sin(math.pi + math.pi * k / 24),
        )
        for k in range(25)
    ]
    fringe = [
        (x + rx * (1.0 - 2.0 * k / 12), y - ry * (0.42 + 0.22 * math.cos((k / 6 - 1 - part) * 1.7))) for k in range(13)
    ]
    canvas.polygon([*cap, *fringe], hair, shade=0.4)
    for k in range(canvas.detail(6)):
        share = (k + 1) / 7
        start = (x - rx * 0.8 + rx * 1.6 * share, y - ry * (0.98 - 0.5 * abs(share - 0.5)))
        canvas.line(
            [start, (start[0] + rx * 0.16 * (share - 0.5), start[1] + ry * 0.3)],
            lighter(hair, 0.22),
            rx * 0.03,
            130,
        )


def _face(
    canvas: Canvas, reading: Reading, head: tuple[float, float, float, float], skin: Colour, hair: Colour
) -> None:
    x, y, rx, ry = head
    slip = (1 - canvas.quality) * 0.26
    iris = canvas.rng.choice(((82, 104, 128), (92, 70, 50), (84, 112, 82)))
    for side in (-1, 1):
        ex = x + side * rx * (0.42 + canvas.rng.uniform(-slip, slip))
        ey = y + ry * (0.02 + canvas.rng.uniform(-slip, slip) * 0.6)
        grow = 1 + canvas.rng.uniform(-slip, slip) * 1.6
        canvas.ellipse(ex, ey, rx * 0.2 * grow, ry * 0.075 * grow, WHITE)
        canvas.ellipse(ex, ey, rx * 0.09 * grow, ry * 0.07 * grow, iris)
        canvas.ellipse(ex, ey, rx * 0.045, ry * 0.034, INK)
        canvas.ellipse(ex - rx * 0.03, ey - ry * 0.025, rx * 0.025, ry * 0.018, WHITE)
        canvas.line(
            [(ex - rx * 0.24, ey - ry * 0.15), (ex, ey - ry * 0.2), (ex + rx * 0.24, ey - ry * 0.15)],
            darker(hair, 0.1),
            rx * 0.07,
        )
        canvas.line(
            [(ex - rx * 0.2, ey - ry * 0.03), (ex, ey - ry * 0.08), (ex + rx * 0.2, ey - ry * 0.03)],
            darker(skin, 0.6),
            rx * 0.04,
        )
        canvas.ellipse(x + side * rx * 0.54, y + ry * 0.34, rx * 0.24, ry * 0.13, (226, 110, 96), 44)
        if "glasses" in reading.features:
            canvas.line(oval(ex, ey, rx * 0.32, ry * 0.17, 3), (48, 44, 50), rx * 0.05)
    canvas.line(
        [(x + rx * 0.02, y + ry * 0.02), (x - rx * 0.1, y + ry * 0.32), (x + rx * 0.08, y + ry * 0.35)],
        darker(skin, 0.3),
        rx * 0.05,
    )
    if "beard" in reading.features:
        _beard(canvas, head, hair)
    smile = canvas.rng.uniform(0.03, 0.1)
    mouth = [(x + rx * (-0.34 + 0.68 * k / 8), y + ry * (0.56 + smile * math.sin(math.pi * k / 8))) for k in range(9)]
    canvas.line(mouth, (170, 76, 76), rx * 0.085)


def _beard(canvas: Canvas, head: tuple[float, float, float, float], hair: Colour) -> None:
    x, y, rx, ry = head
    canvas.polygon(
        [
            (
                x + rx * 0.98 * math.cos(math.pi * k / 20),
                y + ry * (0.24 + 0.86 * math.sin(math.pi * k / 20)),
            )
            for k in range(21)
        ]
        + [(x - rx * 0.4, y + ry * 0.44), (x + rx * 0.4, y + ry * 0.44)],
        hair,
        shade=0.3,
    )


def animals(canvas: Canvas, reading: Reading, palette: Palette, count: int) -> None:
    """Sitting animals on a meadow."""
    sky(canvas, reading, palette, 0.72)
    canvas.gradient(lighter(palette.ground, 0.1), darker(palette.ground, 0.25), canvas.height * 0.68)
    slot = canvas.width * 0.9 / count
    size = min(canvas.height * 0.66, slot * 1.25)
    for index in range(count):
        x = canvas.width * 0.05 + slot * (index + 0.5)
        coat = (
            palette.accents[index % len(reading.colours)]
            if reading.colours
            else canvas.rng.choice(((206, 132, 66), (120, 108, 104), (236, 226, 212), (84, 70, 64), (214, 164, 108)))
        )
        if "fox" in reading.features and not reading.colours:
            coat = (214, 108, 50)
        _sitting(canvas, reading, (x, canvas.height * 0.9, size), coat)
    weather(canvas, reading, palette)


def _sitting(canvas: Canvas, reading: Reading, place: tuple[float, float, float], coat: Colour) -> None:
    x, y, size = place
    ground_shadow(canvas, place, size * 0.2)
    tail = [(x + size * (0.16 + 0.2 * math.sin(t * 0.42)), y - size * (0.04 + 0.055 * t)) for t in range(7)]
    canvas.line(tail, darker(coat, 0.12), size * (0.11 if "fox" in reading.features else 0.055))
    canvas.polygon(
        lathe(x, y, size * 0.56, [(0, size * 0.21), (0.3, size * 0.2), (0.8, size * 0.12), (1, size * 0.1)]),
        coat,
        shade=0.55,
    )
    canvas.ellipse(x, y - size * 0.22, size * 0.09, size * 0.17, lighter(coat, 0.6))
    for side in (-1, 1):
        canvas.ellipse(x + side * size * 0.09, y - size * 0.02, size * 0.065, size * 0.04, lighter(coat, 0.2))
    head_y, radius = y - size * 0.62, size * 0.17
    _muzzle(canvas, reading, (x, head_y, radius), coat)


def _muzzle(canvas: Canvas, reading: Reading, head: tuple[float, float, float], coat: Colour) -> None:
    x, head_y, radius = head
    for side in (-1, 1):
        _ear(canvas, reading, (x, head_y, radius), side, coat)
    canvas.polygon(oval(x, head_y, radius * 1.12, radius, 2.2), coat, shade=0.45)
    canvas.ellipse(x, head_y + radius * 0.42, radius * 0.5, radius * 0.36, lighter(coat, 0.6))
    slip = (1 - canvas.quality) * 0.22
    for side in (-1, 1):
        ex, ey = (
            x + side * radius * (0.46 + canvas.rng.uniform(-slip, slip)),
            head_y + canvas.rng.uniform(-slip, slip) * radius,
        )
        canvas.ellipse(ex, ey, radius * 0.17, radius * 0.19, INK)
        canvas.ellipse(ex - radius * 0.05, ey - radius * 0.07, radius * 0.055, radius * 0.055, WHITE)
        for whisker in range(canvas.detail(3)):
            canvas.line(
                [
                    (x + side * radius * 0.3, head_y + radius * 0.42),
                    (x + side * radius * 1.3, head_y + radius * (0.25 + 0.17 * whisker)),
                ],
                WHITE,
                radius * 0.02,
                180,
            )
    canvas.polygon(
        [
            (x - radius * 0.12, head_y + radius * 0.22),
            (x + radius * 0.12, head_y + radius * 0.22),
            (x, head_y + radius * 0.36),
        ],
        (190, 96, 96),
    )
    canvas.line(
        [
            (x - radius * 0.24, head_y + radius * 0.42),
            (x - radius * 0.12, head_y + radius * 0.52),
            (x, head_y + radius * 0.36),
            (x + radius * 0.12, head_y + radius * 0.52),
            (x + radius * 0.24, head_y + radius * 0.42),
        ],
        darker(coat, 0.6),
        radius * 0.04,
    )


def _ear(canvas: Canvas, reading: Reading, head: tuple[float, float, float], side: int, coat: Colour) -> None:
    x, y, radius = head
    if "rabbit" in reading.features:
        canvas.ellipse(x + side * radius * 0.45, y - radius * 1.5, radius * 0.24, radius * 0.8, coat)
        canvas.ellipse(x + side * radius * 0.45, y - radius * 1.45, radius * 0.12, radius * 0.6, (232, 170, 166))
    elif "dog" in reading.features:
        canvas.ellipse(x + side * radius * 1.05, y + radius * 0.1, radius * 0.3, radius * 0.66, darker(coat, 0.3))
    elif "bear" in reading.features:
        canvas.ellipse(x + side * radius * 0.8, y - radius * 0.8, radius * 0.34, radius * 0.34, coat)
    else:
        ear = [
            (x + side * radius * 0.2, y - radius * 0.75),
            (x + side * radius * 1.05, y - radius * 0.3),
            (x + side * radius * 0.98, y - radius * 1.5),
        ]
        canvas.polygon(ear, coat)
        canvas.polygon(
            [
                (x + side * radius * 0.46, y - radius * 0.8),
                (x + side * radius * 0.9, y - radius * 0.55),
                (x + side * radius * 0.88, y - radius * 1.2),
            ],
            (226, 160, 150),
        )
