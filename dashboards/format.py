"""How things are written and coloured, the same on every page."""

from __future__ import annotations

import re
from collections import Counter
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
SHADES = (0.0, 0.35, -0.3, 0.6)
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


def short(name: str, most: int = 34) -> str:
    """A long name without its middle: providers stand at its beginning, versions at its end."""
    if len(name) <= most:
        return name
    kept = most - 1
    return f"{name[: kept - kept // 2]}…{name[-(kept // 2) :]}"


def shortened(names: Iterable[str], most: int = 34) -> dict[str, str]:
    """Each name shortened, except those that would then look alike."""
    told = {name: short(name, most) for name in names}
    seen = Counter(told.values())
    return {name: text if seen[text] == 1 else name for name, text in told.items()}


def colours(providers: Mapping[str, str]) -> dict[str, str]:
    """A colour for each endpoint and each provider, from endpoints with their providers in a settled order.

    A provider has one colour, its endpoints shades of it; so that colours stay, the order must only ever grow at its
    end.
    """
    known: dict[str, str] = {}
    seen: dict[str, int] = {}
    for endpoint, provider in providers.items():
        base = known.setdefault(provider, PALETTE[len(seen) % len(PALETTE)])
        place = seen.setdefault(provider, 0)
        seen[provider] += 1
        known[endpoint] = shade(base, SHADES[place % len(SHADES)])
    return known


def shade(colour: str, lighter: float) -> str:
    """A colour moved towards white by a share of the way there, or towards black by a negative one."""
    parts = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    moved = (part + (255 - part) * lighter if lighter >= 0 else part * (1 + lighter) for part in parts)
    return "#" + "".join(f"{round(part):02X}" for part in moved)


def colour(known: Mapping[str, str], endpoint: str) -> str:
    """An endpoint's colour, grey where it has none."""
    return known.get(endpoint, "#8A8F98")


def size(size_bytes: float) -> str:
    """`304 kB`, `1.2 MB`."""
    return f"{size_bytes / 1000:.0f} kB" if size_bytes < 1_000_000 else f"{size_bytes / 1_000_000:.1f} MB"


def count(number: int, noun: str) -> str:
    """`1 vote`, `12,000 votes`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
