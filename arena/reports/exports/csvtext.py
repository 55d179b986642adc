"""Text that no spreadsheet takes for a formula, and back.

A cell that begins with `=`, `+`, `-`, `@`, a tab or a line break would be computed by a spreadsheet that opens the
file. Such a text gets an apostrophe in front, and so does one that begins with apostrophes and then one of these, so
that taking one away again gives back exactly what was there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

GUARDED = r"^('*[=+\-@\t\r\n])"
UNGUARDED = r"^'('*[=+\-@\t\r\n])"


def guarded(texts: pa.Array) -> pa.Array:
    """Texts as cells."""
    import pyarrow.compute as pc

    return pc.replace_substring_regex(texts, GUARDED, r"'\1")


def unguarded(cells: pa.Array) -> pa.Array:
    """Cells as texts; ArrowInvalid never, as every cell is a text."""
    import pyarrow.compute as pc

    return pc.replace_substring_regex(cells, UNGUARDED, r"\1")
