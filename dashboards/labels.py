"""Where names go beside the points of a scatter chart so that they do not cover each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH_PX, HEIGHT_PX = 640.0, 380.0
"""The plot that is reckoned with: narrower than most screens, so that what fits here fits there."""
FAR_RIGHT = 0.55
CHARACTER_PX, LINE_PX, GAP_PX = 6.4, 15.0, 4.0
POSITIONS = {
    "bottom right": (1, -1), "top left": (-1, 1), "top right": (1, 1), "bottom left": (-1, -1),
    "bottom center": (0, -1), "top center": (0, 1), "middle right": (1, 0), "middle left": (-1, 0),
}  # fmt: skip
"""Off the bars first, and off a line that rises from the left to the right."""


@dataclass(frozen=True, slots=True)
class Spot:
    """A point with its label: place as shares of the plot's width and height, from the lower left corner on."""

    x: float
    y: float
    radius_px: float
    text: str


@dataclass(frozen=True, slots=True)
class _Box:
    left: float
    bottom: float
    right: float
    top: float

    def meets(self, other: _Box) -> bool:
        return (
            self.left < other.right and other.left < self.right and self.bottom < other.top and other.bottom < self.top
        )

    @property
    def inside(self) -> bool:
        return self.left >= 0 and self.bottom >= 0 and self.right <= WIDTH_PX and self.top <= HEIGHT_PX


def place(spots: Sequence[Spot]) -> list[str | None]:
    """A text position of Plotly's for each, the first ones first; None where every place is taken."""
    taken = [_marker(spot) for spot in spots]
    found: list[str | None] = []
    for i, spot in enumerate(spots):
        others = taken[:i] + taken[i + 1 :]
        position = next((name for name in _inward(spot) if _free(_label(spot, name), others)), None)
        found.append(position)
        if position is not None:
            taken.append(_label(spot, position))
    return found


def _inward(spot: Spot) -> list[str]:
    """Every position, from a point far to the right first those that do not go further: a phone has half the width."""
    return sorted(POSITIONS, key=lambda name: POSITIONS[name][0] > 0) if spot.x > FAR_RIGHT else list(POSITIONS)


def _free(box: _Box, taken: Sequence[_Box]) -> bool:
    return box.inside and not any(box.meets(other) for other in taken)


def _marker(spot: Spot) -> _Box:
    x, y, r = spot.x * WIDTH_PX, spot.y * HEIGHT_PX, spot.radius_px
    return _Box(x - r, y - r, x + r, y + r)


def _label(spot: Spot, position: str) -> _Box:
    across, up = POSITIONS[position]
    lines = spot.text.split("<br>")
    width, height = max(map(len, lines)) * CHARACTER_PX, LINE_PX * len(lines)
    away = spot.radius_px + GAP_PX if not (across and up) else spot.radius_px * 0.7
    x, y = spot.x * WIDTH_PX + across * away, spot.y * HEIGHT_PX + up * away
    left = x if across > 0 else x - width if across < 0 else x - width / 2
    bottom = y if up > 0 else y - height if up < 0 else y - height / 2
    return _Box(left, bottom, left + width, bottom + height)
