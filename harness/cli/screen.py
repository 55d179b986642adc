"""Text on its way to a terminal: what would move its cursor, change its title or turn its writing around is shown."""

from __future__ import annotations

import re
from typing import Any

from rich.console import Console
from rich.text import Text

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


def printable(text: str) -> str:
    """A text without control characters, lines and tabs apart: `\\x1b` is written out as four characters."""
    return _CONTROL.sub(lambda found: ascii(found[0])[1:-1], text)


def json_safe(text: str) -> str:
    """JSON without raw control characters; it means the same."""
    return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


class Screen(Console):
    """A console that prints strings by `printable`, in tables too; no markup and no emoji are read from them."""

    def render_str(self, text: str, **options: Any) -> Text:
        """As rich's own."""
        return super().render_str(printable(text), **options)
