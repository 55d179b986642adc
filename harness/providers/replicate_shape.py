"""Sizes as FLUX models on Replicate are told them: a ratio and a number of megapixels, each out of a list.

The lists are data (`options.aspect_ratios`, `options.megapixels`). The ones below are usual for FLUX models; the ratios
are not confirmed for [klein].
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from arena.domain.request import PixelSize

if TYPE_CHECKING:
    from collections.abc import Sequence

    from arena.domain.endpoint import Endpoint
    from arena.domain.request import GenerationRequest

MATCH_INPUT = "match_input_image"
ASPECT_RATIOS = ("1:1", "16:9", "9:16", "3:2", "2:3", "4:3", "3:4", "5:4", "4:5", "21:9", "9:21")
MEGAPIXELS = ("0.25", "0.5", "1", "2", "4")
RATIO_TOLERANCE = 0.02
AREA_FACTOR = math.sqrt(2)
"""How far below the smallest and above the largest area a size may be: halfway to what the next entry would be."""
EXACT_SQUARES_PX = {0.25: 512, 1.0: 1024}
"""Known to the pixel: 1:1 at 1 MP is 1024x1024. Then a megapixel is 2^20 pixels, or 10^6 rounded to a grid on which
1000 becomes 1024; either way a quarter of it is 512x512.
"""
_GRID_PX, _MOST_PX = 16, 16_384


@dataclass(frozen=True, slots=True)
class Shape:
    """A size in the model's words, and the pixels that they come to; nominal unless `exact`."""

    ratio: str
    megapixels: str
    size: PixelSize
    exact: bool = False

    def __str__(self) -> str:
        return f"{self.ratio} at {self.megapixels} MP"


def shape_of(endpoint: Endpoint, request: GenerationRequest) -> Shape:
    """The nearest entry of each list."""
    asked, mp_asked = _ratio_asked(request), _megapixels_asked(request)
    areas = _areas(endpoint)
    mp = min(areas, key=lambda name: abs(math.log(areas[name] / mp_asked)))
    if request.size_from == "input":  # documented to match the shape of the first input, so its area is still told
        return Shape(MATCH_INPUT, mp, _nominal(asked, areas[mp]))
    ratios = _ratios(endpoint)
    name = min(ratios, key=lambda name: abs(math.log(ratios[name] / asked)))
    if ratios[name] == 1 and areas[mp] in EXACT_SQUARES_PX:
        side_px = EXACT_SQUARES_PX[areas[mp]]
        return Shape(name, mp, PixelSize(width_px=side_px, height_px=side_px), exact=True)
    return Shape(name, mp, _nominal(ratios[name], areas[mp]))


def objection_to(endpoint: Endpoint, request: GenerationRequest) -> str | None:
    """Why no entry of the lists will do, as the end of a sentence, or None if some do."""
    if request.size_from == "input":
        return None
    ratios, areas = _ratios(endpoint), sorted(_areas(endpoint).values())
    asked, mp_asked = _ratio_asked(request), _megapixels_asked(request)
    if all(abs(ratio / asked - 1) > RATIO_TOLERANCE for ratio in ratios.values()):
        return f"makes the shapes {', '.join(ratios)}, not {request.size}"
    if not areas[0] / AREA_FACTOR <= mp_asked <= areas[-1] * AREA_FACTOR:
        return f"makes {areas[0]:g} to {areas[-1]:g} megapixels, not {request.size} ({mp_asked:.2g})"
    return None


def _ratio_asked(request: GenerationRequest) -> float:
    if request.aspect_ratio is not None:
        return request.aspect_ratio.value
    return request.size.width_px / request.size.height_px


def _megapixels_asked(request: GenerationRequest) -> float:
    return request.megapixels or request.size.pixels / 2**20


def _nominal(ratio: float, megapixels: float) -> PixelSize:
    """About so many pixels in this shape, on the grid of latents."""
    height = math.sqrt(megapixels * 2**20 / ratio)
    width_px, height_px = (
        min(_MOST_PX, max(_GRID_PX, round(side / _GRID_PX) * _GRID_PX)) for side in (height * ratio, height)
    )
    return PixelSize(width_px=width_px, height_px=height_px)


def _ratios(endpoint: Endpoint) -> dict[str, float]:
    names = _listed(endpoint, "aspect_ratios", r"[1-9]\d?:[1-9]\d?", ASPECT_RATIOS)
    sides = {name: name.split(":") for name in names}
    return {name: int(width) / int(height) for name, (width, height) in sides.items()}


def _areas(endpoint: Endpoint) -> dict[str, float]:
    return {name: float(name) for name in _listed(endpoint, "megapixels", r"0\.\d?[1-9]\d?|[1-9](\.\d+)?", MEGAPIXELS)}


def _listed(endpoint: Endpoint, option: str, pattern: str, default: Sequence[str]) -> Sequence[str]:
    """The usable entries of a list in the endpoint's options, or the default."""
    given = endpoint.options.get(option)
    usable = [str(e) for e in given if re.fullmatch(pattern, str(e))] if isinstance(given, list) else []
    return usable or default
