"""Charts as SVG: no script, readable at any width, in light and dark and on paper.

Across, everything is placed in percent, so that a narrow screen narrows the chart and leaves its letters alone; down,
in pixels. Colours are classes that the page's style sheet gives a meaning. The tree is built by a library, so that no
name can become markup.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, SubElement, tostring

from arena.reports.document import BarChart, DotChart, MarkChart

if TYPE_CHECKING:
    from collections.abc import Sequence

    from arena.reports.document import BarRow, Chart, Dot, Mark, MarkRow

ROW_PX, AXIS_PX, PLANE_PX = 46, 24, 320
LEFT_PERCENT, RIGHT_PERCENT = 2.0, 94.0
TICKS = [step * 10.0**power for power in range(-6, 7) for step in (1, 2, 5)]
MOST_TICKS = 6
LABEL_FLIPS_PERCENT = 55.0


def svg(chart: Chart, name: str) -> str:
    """A chart as an `<svg>` element; `name` is unique in its page."""
    root = _drawn(chart)
    root.set("role", "img")
    root.set("aria-labelledby", f"{name}-title {name}-words")
    title, words = Element("title", id=f"{name}-title"), Element("desc", id=f"{name}-words")
    title.text, words.text = chart.title, chart.alt
    root.insert(0, title)
    root.insert(1, words)
    return tostring(root, encoding="unicode")


def _drawn(chart: Chart) -> Element:
    match chart:
        case MarkChart():
            return _marks(chart)
        case BarChart():
            return _bars(chart)
        case DotChart():
            return _dots(chart)


@dataclass(frozen=True, slots=True)
class Scale:
    """From values to percents of the width, or to pixels of a height."""

    low: float
    high: float
    begin: float
    end: float
    log: bool = False

    def place(self, value: float) -> float:
        """Where a value stands; what lies beyond an end stands at it."""
        low, high, at = (math.log(x) if self.log else x for x in (self.low, self.high, max(value, 1e-12)))
        share = (at - low) / (high - low) if high > low else 0.5
        return self.begin + min(1.0, max(0.0, share)) * (self.end - self.begin)

    def ticks(self) -> list[float]:
        """Round values from one end to the other, not too many."""
        if self.log:
            inside = [tick for tick in TICKS if self.low <= tick <= self.high]
            return inside[:: -(-len(inside) // MOST_TICKS)] if inside else []
        step = next((tick for tick in TICKS if (self.high - self.low) / tick <= MOST_TICKS), self.high or 1.0)
        first, last = math.ceil(self.low / step), math.floor(self.high / step + 1e-9)
        return [index * step for index in range(first, last + 1)]


def _fitted(values: Sequence[float], begin: float, end: float, *, log: bool, until: float | None = None) -> Scale:
    """A scale that holds all values: from zero, or from a little below the least."""
    known = [value for value in values if value > 0 or not log] or [1.0]
    if log:
        return Scale(min(known) / 1.15, max(known) * 1.15, begin, end, log=True)
    return Scale(0.0, until or max(known) * 1.04 or 1.0, begin, end)


def _frame(height: int) -> Element:
    return Element("svg", {"xmlns": "http://www.w3.org/2000/svg", "width": "100%", "height": str(height)})


def _marks(chart: MarkChart) -> Element:
    every = [value for row in chart.rows for m in row.marks for value in (m.value, m.low, m.high) if value is not None]
    scale = _fitted(every, LEFT_PERCENT, RIGHT_PERCENT, log=chart.log, until=chart.until)
    height = ROW_PX * len(chart.rows) + AXIS_PX
    root = _frame(height)
    for tick in scale.ticks():
        _upright(root, scale.place(tick), height - AXIS_PX, f"{tick:g} {chart.unit}", height)
    for index, row in enumerate(chart.rows):
        _mark_row(root, row, ROW_PX * index, scale)
    return root


def _mark_row(root: Element, row: MarkRow, top: int, scale: Scale) -> None:
    _row_name(root, row.name, top, simulated=row.simulated)
    if not row.marks:
        _text(root, f"{LEFT_PERCENT}%", top + 34, "withheld: too few values", "quiet")
    for place, mark in enumerate(row.marks):
        _mark(root, mark, top + 28 + 10 * place, scale)


def _mark(root: Element, mark: Mark, y: int, scale: Scale) -> None:
    group = SubElement(root, "g", {"class": "mark"})
    SubElement(group, "title").text = mark.words
    if mark.low is not None and mark.high is not None:
        ends = {"x1": _percent(scale.place(mark.low)), "x2": _percent(scale.place(mark.high))}
        SubElement(group, "line", {**ends, "y1": str(y), "y2": str(y), "class": "interval"})
    at = _percent(scale.place(mark.value))
    if mark.shape == "circle":
        SubElement(group, "circle", {"cx": at, "cy": str(y), "r": "5"})
        return
    inner = SubElement(group, "svg", {"x": at, "y": str(y), "overflow": "visible"})
    SubElement(inner, "path", {"d": "M-5 0L0 -5L5 0L0 5Z", "class": "hollow"})


def _bars(chart: BarChart) -> Element:
    most = max((sum(part.count for part in row.parts) for row in chart.rows), default=0) or 1
    scale = Scale(0.0, float(most), LEFT_PERCENT, RIGHT_PERCENT)
    root = _frame(ROW_PX * len(chart.rows))
    for index, row in enumerate(chart.rows):
        _bar_row(root, row, ROW_PX * index, scale)
    return root


def _bar_row(root: Element, row: BarRow, top: int, scale: Scale) -> None:
    _row_name(root, row.name, top, simulated=row.simulated)
    before = 0
    for part in row.parts:
        left, right = scale.place(before), scale.place(before + part.count)
        group = SubElement(root, "g", {"class": f"bar {part.blame}"})
        SubElement(group, "title").text = f"{part.count} × {part.name}, blame: {part.blame}"
        box = {"x": _percent(left), "width": _percent(right - left), "y": str(top + 21), "height": "18"}
        SubElement(group, "rect", box)
        before += part.count
    _text(root, _percent(scale.place(before) + 1), top + 34, str(before), "quiet")


def _dots(chart: DotChart) -> Element:
    across = _fitted([dot.x for dot in chart.dots], 8.0, 90.0, log=chart.log)
    seconds = [value for dot in chart.dots for value in (dot.y, dot.high) if value is not None]
    upwards = _fitted(seconds, PLANE_PX - 46.0, 14.0, log=False)
    root = _frame(PLANE_PX)
    for tick in upwards.ticks():
        y = upwards.place(tick)
        SubElement(root, "line", {"x1": "0%", "x2": "100%", "y1": f"{y:.1f}", "y2": f"{y:.1f}", "class": "grid"})
        _text(root, "0%", y - 3, f"{tick:g} s", "tick")
    for tick in across.ticks():
        _upright(root, across.place(tick), PLANE_PX - 44, f"${tick:g}", PLANE_PX - 22)
    _text(root, "50%", PLANE_PX - 4, "US dollars per 1,000 images", "tick", anchor="middle")
    taken: list[tuple[float, float]] = []
    for dot in sorted(chart.dots, key=lambda d: d.y):
        _dot(root, dot, across, upwards, taken)
    return root


def _dot(root: Element, dot: Dot, across: Scale, upwards: Scale, taken: list[tuple[float, float]]) -> None:
    x, y = across.place(dot.x), upwards.place(dot.y)
    group = SubElement(root, "g", {"class": "mark"})
    SubElement(group, "title").text = f"{dot.name}: {dot.words}"
    if dot.low is not None and dot.high is not None:
        ends = {"y1": f"{upwards.place(dot.low):.1f}", "y2": f"{upwards.place(dot.high):.1f}"}
        SubElement(group, "line", {"x1": _percent(x), "x2": _percent(x), **ends, "class": "interval"})
    SubElement(group, "circle", {"cx": _percent(x), "cy": f"{y:.1f}", "r": "5"})
    # A name that would be written over another one moves up; its dot does not.
    label_y = y + 4
    while any(abs(label_y - other) < 14 and abs(x - at) < 40 for at, other in taken) and label_y > 14:
        label_y -= 14
    taken.append((x, label_y))
    to_the_left = x > LABEL_FLIPS_PERCENT
    inner = SubElement(root, "svg", {"x": _percent(x), "y": f"{label_y:.1f}", "overflow": "visible"})
    said = f"{dot.name} (simulated)" if dot.simulated else dot.name
    _text(inner, "-9" if to_the_left else "9", 0, said, "name", anchor="end" if to_the_left else "start")


def _row_name(root: Element, name: str, top: int, *, simulated: bool) -> None:
    text = _text(root, "0%", top + 14, name, "name")
    if simulated:
        mark = SubElement(text, "tspan", {"class": "simulated", "dx": "6"})
        mark.text = "simulated"


def _upright(root: Element, x: float, bottom: float, label: str, below: float) -> None:
    ends = {"x1": _percent(x), "x2": _percent(x), "y1": "18", "y2": f"{bottom:g}"}
    SubElement(root, "line", {**ends, "class": "grid"})
    _text(root, _percent(x), below - 6, label, "tick", anchor="middle")


def _text(root: Element, x: str, y: float, words: str, css: str, anchor: str = "start") -> Element:
    element = SubElement(root, "text", {"x": x, "y": f"{y:g}", "class": css, "text-anchor": anchor})
    element.text = words
    return element


def _percent(value: float) -> str:
    return f"{value:.3f}%"
