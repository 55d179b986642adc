"""Out of doors: skies, mountains, hills, water, trees, and what floats or flies there."""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING

from harness.sim.art.canvas import Canvas, Point, down_to_edge, lathe, ridge, rolling
from harness.sim.art.colours import WHITE, Colour, Palette, darker, lighter, mix
from harness.sim.art.growth import grass, tree, weather
from harness.sim.art.landmarks import balloon, boat, house, lighthouse

if TYPE_CHECKING:
    from harness.sim.art.reading import Reading


def sky(canvas: Canvas, reading: Reading, palette: Palette, horizon: float = 1.0) -> Point:
    """A sky down to `horizon` (share of the height), with sun or moon; returns where that stands."""
    rng, unit = canvas.rng, canvas.unit
    canvas.gradient(palette.sky_top, palette.sky_low, 0, canvas.height * min(1.0, horizon + 0.02))
    if reading.light == "night":
        _stars(canvas, horizon)
    low = reading.light == "dusk"
    x = canvas.width * rng.choice((rng.uniform(0.16, 0.4), rng.uniform(0.6, 0.84)))
    y = canvas.height * (horizon * rng.uniform(0.66, 0.8) if low else rng.uniform(0.12, 0.26))
    canvas.glow(x, y, unit * (0.62 if low else 0.42), palette.sun, 0.75 if low else 0.6)
    radius = unit * (0.085 if low else 0.058)
    canvas.ellipse(x, y, radius, radius, lighter(palette.sun, 0.4))
    if reading.light == "night":
        canvas.ellipse(x + radius * 0.45, y - radius * 0.15, radius * 0.9, radius * 0.9, palette.sky_top, 215)
    else:
        _clouds(canvas, palette, horizon)
    return x, y


def _stars(canvas: Canvas, horizon: float) -> None:
    for _ in range(canvas.detail(170, 20)):
        x, y = canvas.rng.uniform(0, canvas.width), canvas.rng.uniform(0, canvas.height * horizon)
        size = canvas.unit * canvas.rng.choice((0.0011, 0.0014, 0.0026))
        canvas.ellipse(x, y, size, size, WHITE, canvas.rng.randint(110, 255))


def _clouds(canvas: Canvas, palette: Palette, horizon: float) -> None:
    rng, unit = canvas.rng, canvas.unit
    tint = mix(WHITE, palette.sun, 0.35)
    for _ in range(rng.randint(2, 4)):
        x, y = rng.uniform(0, canvas.width), canvas.height * horizon * rng.uniform(0.1, 0.55)
        size = unit * rng.uniform(0.05, 0.1)
        for _ in range(canvas.detail(9, 3)):
            dx, dy = rng.uniform(-1.7, 1.7) * size, rng.uniform(-0.3, 0.1) * size
            puff = size * rng.uniform(0.5, 0.9) * (1 - abs(dx) / (size * 2.6))
            canvas.ellipse(x + dx, y + dy, puff * 1.6, puff * 0.62, tint, 74)


def landscape(canvas: Canvas, reading: Reading, palette: Palette, count: int) -> None:
    """Mountains or hills, with water, trees, houses, boats and balloons where the prompt has them."""
    features = reading.features
    wet = "water" in features
    horizon = 0.56 if wet else canvas.rng.uniform(0.5, 0.6)
    sun = sky(canvas, reading, palette, horizon)
    if "mountain" in features or not features & {"desert", "beach"}:
        mountains(canvas, reading, palette, horizon, tall="mountain" in features)
    if wet:
        water(canvas, palette, horizon, sun)
        _afloat(canvas, reading, palette, horizon, count)
    _foreground(canvas, reading, palette, 0.84 if wet else horizon + 0.1, count)
    if "balloon" in features:
        _aloft(canvas, palette, count)
    if "bird" in features:
        _birds(canvas, count + 2)
    weather(canvas, reading, palette)


def mountains(canvas: Canvas, reading: Reading, palette: Palette, horizon: float, *, tall: bool) -> None:
    """Three ridges, each nearer and darker than the last, with snow on the high ones."""
    base = canvas.height * (horizon + 0.03)
    for depth in range(3):
        share = depth / 2
        height = canvas.height * (0.34 if tall else 0.13) * (1 - 0.3 * share)
        line = ridge(canvas, base, height, 0.52, steps=5 + round(3 * canvas.quality))
        colour = mix(mix(palette.far, palette.sky_low, 0.5), darker(palette.far, 0.32), share)
        canvas.polygon(down_to_edge(canvas, line), colour)
        if tall and depth < 2 and canvas.quality > 0.3:
            _snowcaps(canvas, line, base - height * 0.66, lighter(colour, 0.78), colour)
        canvas.veil(palette.sky_low, 0.0, 0.42, base - height * 0.6, base)
    if reading.light == "fog":
        canvas.veil(palette.sky_low, 0.1, 0.75, base - canvas.height * 0.2, base)


def _snowcaps(canvas: Canvas, line: list[Point], snow_y: float, snow: Colour, rock: Colour) -> None:
    """White above `snow_y`, its lower edge in teeth, the side away from the light in shadow."""
    tooth = canvas.unit * 0.03
    for start in range(len(line)):
        if line[start][1] >= snow_y or (start and line[start - 1][1] < snow_y):
            continue
        run = list(takewhile(lambda point: point[1] < snow_y, line[start:]))
        if len(run) < 3:
            continue
        left, right = run[0][0], run[-1][0]
        steps = max(4, int((right - left) / tooth))
        lower = [
            (
                right - (right - left) * k / steps,
                snow_y + (tooth * 0.9 if k % 2 else -tooth * 0.2) * canvas.rng.random(),
            )
            for k in range(steps + 1)
        ]
        canvas.pen.polygon([*run, *lower], fill=snow)
        peak = min(run, key=lambda p: p[1])
        shadow = [p for p in run if p[0] >= peak[0]]
        canvas.pen.polygon([*shadow, (peak[0] + tooth * 0.4, snow_y)], fill=(*rock, 90))


def water(canvas: Canvas, palette: Palette, horizon: float, sun: Point) -> None:
    """Water from the horizon down, with the light of the sun broken on it."""
    top = canvas.height * horizon
    canvas.gradient(mix(palette.water, palette.sky_low, 0.45), darker(palette.water, 0.3), top)
    rng = canvas.rng
    for _ in range(canvas.detail(150, 24)):
        depth = rng.random() ** 1.6
        y = top + (canvas.height - top) * depth
        near_sun = rng.random() < 0.5
        spread = canvas.width * (0.03 + 0.09 * depth)
        x = rng.gauss(sun[0], spread) if near_sun else rng.uniform(0, canvas.width)
        length = canvas.unit * (0.012 + 0.06 * depth) * rng.uniform(0.5, 1.2)
        colour = lighter(palette.sun, 0.3) if near_sun else lighter(palette.water, 0.34)
        canvas.ellipse(x, y, length, canvas.unit * (0.0012 + 0.0028 * depth), colour, 150 if near_sun else 70)


def _afloat(canvas: Canvas, reading: Reading, palette: Palette, horizon: float, count: int) -> None:
    if "boat" in reading.features:
        for x in _spread(canvas, count):
            size = canvas.unit * 0.2 / max(1.0, count**0.4)
            y = canvas.height * (horizon + canvas.rng.uniform(0.08, 0.2))
            boat(canvas, x, y, size, palette.accents[0])
    if "lighthouse" in reading.features:
        x = canvas.width * canvas.rng.choice((0.24, 0.76))
        y = canvas.height * (horizon + 0.05)
        rock = darker(palette.far, 0.4)
        canvas.polygon(
            lathe(
                x,
                y + canvas.unit * 0.06,
                canvas.unit * 0.11,
                [(0, canvas.unit * 0.22), (1, canvas.unit * 0.07)],
            ),
            rock,
        )
        lighthouse(
            canvas,
            x,
            y - canvas.unit * 0.03,
            canvas.unit * 0.36,
            palette.accents[0],
            lit=reading.light in {"night", "dusk"},
        )


def _aloft(canvas: Canvas, palette: Palette, count: int) -> None:
    for index, x in enumerate(_spread(canvas, count)):
        size = canvas.unit * 0.24 / max(1.0, count**0.42) * canvas.rng.uniform(0.85, 1.15)
        y = canvas.height * canvas.rng.uniform(0.16, 0.4)
        balloon(
            canvas,
            x,
            y,
            size,
            palette.accents[index % len(palette.accents)],
            palette.accents[(index + 2) % len(palette.accents)],
        )


def _birds(canvas: Canvas, count: int) -> None:
    for _ in range(count):
        x, y = canvas.rng.uniform(0.1, 0.9) * canvas.width, canvas.rng.uniform(0.1, 0.42) * canvas.height
        span = canvas.unit * canvas.rng.uniform(0.014, 0.03)
        wings = [
            (x - span, y - span * 0.3),
            (x - span * 0.4, y - span * 0.42),
            (x, y),
            (x + span * 0.4, y - span * 0.42),
            (x + span, y - span * 0.3),
        ]
        canvas.line(wings, (44, 44, 60), canvas.unit * 0.004)


def _spread(canvas: Canvas, count: int) -> list[float]:
    """`count` places across the width, evenly but not stiffly."""
    slot = canvas.width * 0.84 / count
    return [canvas.width * 0.08 + slot * (i + canvas.rng.uniform(0.36, 0.64)) for i in range(count)]


def _foreground(canvas: Canvas, reading: Reading, palette: Palette, from_share: float, count: int) -> None:
    """Hills from `from_share` of the height to the bottom edge, with trees, houses and flowers on them."""
    rng, unit = canvas.rng, canvas.unit
    layers = 2 if "water" in reading.features else 3
    for depth in range(layers):
        share = (depth + 1) / layers
        base = canvas.height * (from_share + (0.98 - from_share) * depth / layers)
        line = rolling(canvas, base, unit * 0.07)
        colour = mix(mix(palette.ground, palette.far, 0.4), darker(palette.ground, 0.2), share)
        canvas.polygon(down_to_edge(canvas, line), colour)
        canvas.veil(lighter(colour, 0.3), 0.0, 0.16, base, canvas.height)
        trees = _tree_number(reading, depth, count, layers)
        for index in range(canvas.detail(trees, min(trees, 1)) if reading.count is None else trees):
            x = _spread(canvas, trees)[index] if reading.count else rng.uniform(0, canvas.width)
            tree(canvas, reading, palette, (x, _height_at(line, x) + unit * 0.01), unit * (0.07 + 0.1 * share))
    if "house" in reading.features:
        _houses(canvas, reading, palette, from_share)
    grass(canvas, palette)


def _houses(canvas: Canvas, reading: Reading, palette: Palette, from_share: float) -> None:
    number = reading.count or (4 if "village" in reading.features else 1)
    size = canvas.unit * (0.3 if number == 1 else 0.22 / number**0.35)
    for x in _spread(canvas, number):
        y = canvas.height * (from_share + (1 - from_share) * 0.62) + canvas.rng.uniform(-0.03, 0.03) * canvas.unit
        house(canvas, x, y, size, palette, lit=reading.light != "day")


def _tree_number(reading: Reading, depth: int, count: int, layers: int) -> int:
    counted = "trees" in reading.features and reading.count is not None
    if counted and not reading.features & {"balloon", "boat", "house"}:
        return count if depth == layers - 1 else 0
    if "trees" in reading.features:
        return 16
    return 0 if reading.features & {"desert", "beach"} else 4 - depth


def _height_at(line: list[Point], x: float) -> float:
    return min(line, key=lambda point: abs(point[0] - x))[1]
