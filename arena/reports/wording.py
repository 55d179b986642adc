"""A difference in words: who is better and by how much, that nobody can tell, or what it would take to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from arena.metrics.base import Figure
from arena.units import format_ms, format_percent, format_usd

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_NAMED = 6


@dataclass(frozen=True, slots=True)
class Words:
    """What to say of a figure: whose side, what the better one is, and why there may be no interval."""

    names: tuple[str, str]
    better: str
    lacking: str
    better_high: bool


def verdict(unit: str, found: Figure, smallest: float | None, further: int | None, words: Words) -> str:
    """What follows from a difference a - b: who is better, that both are the same within `smallest`, or neither."""
    if found.value is None:
        return f"cannot be compared: {words.lacking}"
    if found.low is None or found.high is None:
        return f"cannot be told apart: {written(unit, found)}, without an interval; {words.lacking}"
    if found.low > 0 or found.high < 0:
        better = words.names[0 if (found.value > 0) == words.better_high else 1]
        return f"{better} {words.better} by {written(unit, _turned(found) if found.value < 0 else found)}"
    if found.low == found.high == 0:
        return "the same on both sides"
    if smallest is not None and max(-found.low, found.high) <= smallest:
        return f"the same within {amount(unit, smallest)}: {written(unit, found)}"
    told = f"cannot be told apart: {written(unit, found)}"
    if further is None or smallest is None:
        return told
    if further == 0:
        return f"{told}; a difference of {amount(unit, smallest)} would probably have been told"
    return f"{told}; about {_rounded(further)} more trials of each would tell a difference of {amount(unit, smallest)}"


def _turned(figure: Figure) -> Figure:
    """b - a instead of a - b."""
    low, high = figure.low, figure.high
    return Figure(-(figure.value or 0.0), figure.n, None if high is None else -high, None if low is None else -low)


def _rounded(count: int) -> str:
    """Two digits are all that a forecast carries."""
    step = 10 ** max(0, len(str(count)) - 2)
    return f"{-(-count // step) * step:,}"


def written(unit: str, figure: Figure) -> str:
    """`-4 ms [-30, 25]`: a difference with its interval, in one unit throughout; without one where it is exact."""
    if figure.value is None:
        return "–"
    if unit == "usd" and figure.low == figure.high is not None:
        return f"{'-' if figure.value < 0 else ''}{format_usd(abs(figure.value))}"
    scale, digits, name = _scale(unit, figure)
    numbers = [None if x is None else f"{x * scale:.{digits}f}" for x in (figure.value, figure.low, figure.high)]
    number = f"${numbers[0]}".replace("$-", "-$") if unit == "usd" else f"{numbers[0]} {name}"
    return number if numbers[1] is None else f"{number} [{numbers[1]}, {numbers[2]}]"


def _scale(unit: str, figure: Figure) -> tuple[float, int, str]:
    largest = max(abs(x) for x in (figure.value, figure.low, figure.high) if x is not None)
    if unit == "ms":
        return (0.001, 2, "s") if largest >= 1000 else (1, 0 if largest >= 10 else 2, "ms")
    if unit == "ratio":
        return 100, 1, "points"
    return 1, 2 if largest >= 1 else 4 if largest >= 0.01 else 6, ""


def amount(unit: str, value: float) -> str:
    """A difference without a sign, as it is written in a sentence."""
    match unit:
        case "ms":
            return format_ms(value)
        case "ratio":
            return f"{value * 100:g} points"
        case _:
            return format_usd(value)


def value_text(unit: str, value: float | None) -> str:
    """One side's figure."""
    if value is None:
        return "–"
    return format_percent(value) if unit == "ratio" else format_ms(value) if unit == "ms" else format_usd(value)


def listed(names: Sequence[str], most: int = MOST_NAMED) -> str:
    """`a, b and c`: the first few by name, the rest by their number."""
    if len(names) > most:
        return f"{', '.join(names[: most - 1])} and {len(names) - most + 1} more"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def chance_text(chance: float) -> str:
    """`83 %`; near 0 and 1 no more than some thousand draws can tell."""
    return ">99 %" if chance > 0.99 else "<1 %" if chance < 0.01 else f"{chance * 100:.0f} %"
