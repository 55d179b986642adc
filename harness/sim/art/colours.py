"""Colours as red, green, blue from 0 to 255, their names, and the palette of a picture."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

    from harness.sim.art.reading import Reading

Colour = tuple[int, int, int]

WHITE: Colour = (250, 249, 245)
INK: Colour = (34, 32, 40)

NAMED: dict[str, Colour] = {
    "red": (206, 54, 48),
    "crimson": (172, 30, 58),
    "orange": (236, 134, 44),
    "yellow": (246, 206, 66),
    "gold": (218, 172, 62),
    "golden": (218, 172, 62),
    "green": (70, 148, 84),
    "emerald": (24, 134, 100),
    "teal": (32, 138, 142),
    "turquoise": (64, 190, 186),
    "blue": (50, 104, 196),
    "navy": (30, 48, 104),
    "purple": (126, 76, 168),
    "violet": (140, 92, 196),
    "pink": (238, 142, 172),
    "brown": (128, 84, 56),
    "beige": (222, 204, 172),
    "white": (244, 242, 236),
    "silver": (190, 196, 204),
    "grey": (138, 142, 148),
    "gray": (138, 142, 148),
    "black": (40, 40, 46),
}


def mix(one: Colour, other: Colour, share: float) -> Colour:
    """The colour that is `share` (0–1) of the way from `one` to `other`."""
    return (
        round(one[0] + (other[0] - one[0]) * share),
        round(one[1] + (other[1] - one[1]) * share),
        round(one[2] + (other[2] - one[2]) * share),
    )


def lighter(colour: Colour, share: float) -> Colour:
    """`colour` moved towards white by `share` (0–1)."""
    return mix(colour, (255, 252, 244), share)


def darker(colour: Colour, share: float) -> Colour:
    """`colour` moved towards a blue black by `share` (0–1)."""
    return mix(colour, (16, 14, 30), share)


def from_hls(hue: float, lightness: float, saturation: float) -> Colour:
    """A colour from hue (turns), lightness and saturation (0–1)."""
    red, green, blue = colorsys.hls_to_rgb(hue % 1.0, min(max(lightness, 0.0), 1.0), min(max(saturation, 0.0), 1.0))
    return round(red * 255), round(green * 255), round(blue * 255)


def turned(colour: Colour, turns: float) -> Colour:
    """`colour` with its hue moved by `turns`."""
    hue, lightness, saturation = colorsys.rgb_to_hls(*(part / 255 for part in colour))
    return from_hls(hue + turns, lightness, saturation)


@dataclass(frozen=True)
class Palette:
    """The colours of one picture: its sky, ground, water, light and what the eye is to be drawn to."""

    sky_top: Colour
    sky_low: Colour
    ground: Colour
    far: Colour
    water: Colour
    sun: Colour
    accents: tuple[Colour, ...]


_SKIES: dict[str, tuple[tuple[float, float, float], tuple[float, float, float], Colour]] = {
    "day": ((0.57, 0.62, 0.62), (0.53, 0.88, 0.55), (255, 244, 206)),
    "dusk": ((0.76, 0.42, 0.36), (0.07, 0.72, 0.90), (255, 222, 150)),
    "night": ((0.64, 0.12, 0.50), (0.66, 0.32, 0.42), (240, 240, 222)),
    "fog": ((0.56, 0.72, 0.14), (0.10, 0.87, 0.22), (255, 250, 236)),
}


def palette(reading: Reading, rng: random.Random) -> Palette:
    """Colours that suit the prompt's light, varied by `rng`; those that it names lead the accents."""
    top, low, sun = _SKIES[reading.light]
    drift = rng.uniform(-0.045, 0.045)
    hue = rng.random()
    ground = from_hls(rng.uniform(0.20, 0.38), 0.42, rng.uniform(0.26, 0.46))
    if "autumn" in reading.features:
        ground = from_hls(rng.uniform(0.06, 0.11), 0.46, 0.55)
    if "desert" in reading.features or "beach" in reading.features:
        ground = from_hls(0.10, 0.66, 0.48)
    if "snow" in reading.features:
        ground = (226, 234, 242)
    if reading.light == "night":
        ground = darker(ground, 0.58)
    elif reading.light == "dusk":
        ground = mix(ground, (150, 76, 82), 0.34)
    sky_low = from_hls(low[0] + drift * 0.5, low[1], low[2])
    return Palette(
        sky_top=from_hls(top[0] + drift, top[1], top[2]),
        sky_low=sky_low,
        ground=ground,
        far=mix(mix(ground, from_hls(0.62, 0.42, 0.3), 0.55), sky_low, 0.42),
        water=mix(from_hls(0.53 + drift, 0.42, 0.46), sky_low, 0.34 if reading.light != "night" else 0.1),
        sun=sun,
        accents=_accents(reading, hue, rng),
    )


def _accents(reading: Reading, hue: float, rng: random.Random) -> tuple[Colour, ...]:
    """Named colours first, then a harmony around `hue`."""
    named = tuple(NAMED[name] for name in reading.colours)
    steps = (0.0, 0.08, 0.5, 0.42, 0.92)
    harmony = tuple(from_hls(hue + step, rng.uniform(0.46, 0.6), rng.uniform(0.38, 0.58)) for step in steps)
    return named + harmony
