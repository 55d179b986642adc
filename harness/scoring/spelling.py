"""How far what was read is from what should stand there."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def character_error_rate(asked: Sequence[str], read: str) -> float:
    """Edit distance over asked characters, each text held against the part of `read` that is most like it; 0 to 1.

    What else was read does not count: pictures hold text that nobody asked for. White space does not count either,
    because readers guess it; composed characters do (NFC).
    """
    there = _compact(read)
    texts = [_compact(text) for text in asked]
    characters = sum(map(len, texts))
    return sum(infix_distance(text, there) for text in texts) / characters if characters else 0.0


def infix_distance(pattern: str, text: str) -> int:
    """The least edit distance of `pattern` to any part of `text` (Sellers 1980, J. Algorithms 1:359-373).

    O(len(pattern) · len(text)); never more than len(pattern), which is its distance to the empty part.
    """
    above = [0] * (len(text) + 1)  # a match may begin anywhere
    for row, wanted in enumerate(pattern, start=1):
        here = [row]
        for column, found in enumerate(text, start=1):
            here.append(min(above[column] + 1, here[-1] + 1, above[column - 1] + (wanted != found)))
        above = here
    return min(above)  # and end anywhere


def _compact(text: str) -> str:
    return "".join(unicodedata.normalize("NFC", text).split())
