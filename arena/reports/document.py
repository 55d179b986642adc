"""A report as pure data: sections of text, tables and charts. `render_html` and `render_markdown` write it down."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

Importance = Literal["simulated", "unfit", "note"]


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A sentence or several."""

    text: str


@dataclass(frozen=True, slots=True)
class Notice:
    """What must not be overlooked: that figures are simulated, that the machine was not fit to measure."""

    text: str
    importance: Importance


@dataclass(frozen=True, slots=True)
class Listing:
    """Sentences below each other."""

    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """Names with what they are."""

    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Code:
    """A command or a file, exactly as it is typed."""

    text: str
    language: Literal["sh", "toml"]


@dataclass(frozen=True, slots=True)
class Cell:
    """What stands in a table, with what stands small below it: an interval, an n.

    `foreign`: words that a provider or a prompt's author wrote; they are shown letter by letter, never read as markup.
    """

    text: str
    below: str = ""
    foreign: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """A column's title; numbers stand to the right."""

    title: str
    numeric: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Every row has one cell a column; the first cell names the row."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """A value with its interval, in the unit of the chart's axis, and the same in words."""

    value: float
    low: float | None
    high: float | None
    shape: Literal["circle", "diamond"]
    words: str


@dataclass(frozen=True, slots=True)
class MarkRow:
    """One endpoint of a chart of marks; without marks its figures are withheld."""

    name: str
    simulated: bool
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class MarkChart:
    """One row an endpoint, values along one axis. `until`: where the axis ends, None to fit."""

    title: str
    reading: str
    alt: str
    unit: Literal["s", "%"]
    rows: tuple[MarkRow, ...]
    until: float | None = None
    log: bool = False


@dataclass(frozen=True, slots=True)
class BarPart:
    """How often one thing happened, and whom it is put down to."""

    name: str
    blame: str
    count: int


@dataclass(frozen=True, slots=True)
class BarRow:
    """One endpoint's parts."""

    name: str
    simulated: bool
    parts: tuple[BarPart, ...]


@dataclass(frozen=True, slots=True)
class BarChart:
    """Counts stacked into one bar an endpoint."""

    title: str
    reading: str
    alt: str
    rows: tuple[BarRow, ...]


@dataclass(frozen=True, slots=True)
class Dot:
    """One endpoint in a plane, with the interval of its height."""

    name: str
    simulated: bool
    x: float
    y: float
    low: float | None
    high: float | None
    words: str


@dataclass(frozen=True, slots=True)
class DotChart:
    """Dollars per 1,000 images to the right, seconds upwards; `log`: the dollars are on a logarithmic scale."""

    title: str
    reading: str
    alt: str
    dots: tuple[Dot, ...]
    log: bool


Chart = MarkChart | BarChart | DotChart


@dataclass(frozen=True, slots=True)
class Picture:
    """A small image as a data URI, with what it shows and what stands below it; None where none came."""

    uri: str | None
    alt: str
    caption: str


@dataclass(frozen=True, slots=True)
class PictureRow:
    """What every endpoint made of one prompt."""

    prompt: str
    pictures: tuple[Picture, ...]


@dataclass(frozen=True, slots=True)
class Pictures:
    """A contact sheet."""

    rows: tuple[PictureRow, ...]


Block = Paragraph | Notice | Listing | Facts | Code | Table | Chart | Pictures


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with what belongs below it; `reference`: what one looks up and does not read through."""

    title: str
    blocks: tuple[Block, ...]
    reference: bool = False


@dataclass(frozen=True, slots=True)
class Document:
    """A report. `figures` is the same for machines; `simulated`: whether anything in it is."""

    title: str
    lead: str
    simulated: bool
    made_at: datetime
    sections: tuple[Section, ...]
    figures: Mapping[str, Any] = field(repr=False)
