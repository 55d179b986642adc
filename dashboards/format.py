"""How things are written and coloured, the same on every page."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from arena.reports.written import DASH as DASH
from arena.reports.written import STATUS as STATUS
from arena.reports.written import capitalized as capitalized
from arena.reports.written import figure_text as figure_text
from arena.reports.written import interval as interval
from arena.reports.written import kind as kind
from arena.reports.written import label as label
from arena.reports.written import utc as utc
from arena.reports.written import value as value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PALETTE = ("#2A7FC1", "#E08A00", "#12A37B", "#C9659F", "#D4541B", "#4FB0E3", "#8A8F98", "#A08F1E")
_MARKUP = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~$:&^=])")


def markdown(text: str) -> str:
    """Text that Markdown shows as it stands."""
    return _MARKUP.sub(r"\\\1", text)


def sentence(text: str) -> str:
    """The same, except that what stands between backticks stays code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return markdown(text)
    return "`".join(part if index % 2 else markdown(part) for index, part in enumerate(parts))


def unbroken(text: str) -> str:
    """The same on one line, however narrow its column is."""
    return text.replace(" ", "\N{NO-BREAK SPACE}").replace("–", "\N{WORD JOINER}–\N{WORD JOINER}")


def colours(endpoints: Iterable[str]) -> dict[str, str]:
    """A colour for each endpoint by its place; the order must only ever grow at its end."""
    return {name: PALETTE[index % len(PALETTE)] for index, name in enumerate(dict.fromkeys(endpoints))}


def colour(known: Mapping[str, str], endpoint: str) -> str:
    """An endpoint's colour, grey where it has none."""
    return known.get(endpoint, "#8A8F98")


def size(size_bytes: float) -> str:
    """`304 kB`, `1.2 MB`."""
    return f"{size_bytes / 1000:.0f} kB" if size_bytes < 1_000_000 else f"{size_bytes / 1_000_000:.1f} MB"


def count(number: int, noun: str) -> str:
    """`1 vote`, `12,000 votes`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
