"""A report as Markdown for a pull request: the same sections, what one looks up folded away, charts in words.

In GitHub's dialect (https://github.github.com/gfm/). What providers and prompts say stands in code spans, where no
mention, link or markup is read.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from arena import __version__
from arena.reports import written
from arena.reports.document import (
    BarChart,
    Code,
    DotChart,
    Facts,
    Listing,
    MarkChart,
    Notice,
    Paragraph,
    Pictures,
    Table,
)

if TYPE_CHECKING:
    from arena.reports.document import Block, Cell, Document, Section

_MARKUP = re.compile(r"([\\`*_{}\[\]#!|<>~$&]|:(?=\S)|^[-+=](?=\s)|(?<=^\d)[.)](?=\s))")
_NO_MENTION = "@<!-- -->"
_ALERT = {"simulated": "WARNING", "unfit": "CAUTION", "note": "NOTE"}


def markdown(document: Document) -> str:
    """The whole text, ending with a newline."""
    marked = " (simulated)" if document.simulated else ""
    parts = [f"## {plain(document.title)}{marked}", plain(document.lead)]
    for section in document.sections:
        parts += _section(section)
    parts.append(f"Made {plain(written.utc(document.made_at))} by Arena {__version__}.")
    return "\n\n".join(part for part in parts if part) + "\n"


def plain(text: str) -> str:
    """Text that Markdown shows as it stands, on one line; nobody is mentioned by it."""
    return _MARKUP.sub(r"\\\1", " ".join(text.split())).replace("@", _NO_MENTION)


def code(text: str) -> str:
    """Foreign words as a code span that they cannot end; in a table a bar is still a bar."""
    line = " ".join(text.split())
    longest = max((len(run) for run in re.findall(r"`+", line)), default=0)
    fence = "`" * (longest + 1)
    return f"{fence} {line} {fence}" if line else ""


def _section(section: Section) -> list[str]:
    blocks = [_block(block) for block in section.blocks]
    if section.reference:
        return [f"<details><summary>{plain(section.title)}</summary>", *blocks, "</details>"]
    return [f"### {plain(section.title)}", *blocks]


def _block(block: Block) -> str:
    match block:
        case Paragraph():
            return plain(block.text)
        case Notice():
            return f"> [!{_ALERT[block.importance]}]\n> {plain(block.text)}"
        case Listing():
            return "\n".join(f"- {plain(item)}" for item in block.items)
        case Facts():
            return "\n".join(f"- {plain(name)}: {plain(what)}" for name, what in block.rows)
        case Code():
            return f"{_fence(block.text)}{block.language}\n{block.text.rstrip()}\n{_fence(block.text)}"
        case Table():
            return _table(block)
        case Pictures():
            return ""
        case MarkChart() | BarChart() | DotChart():
            return plain(block.alt)


def _fence(text: str) -> str:
    return "`" * max(3, *(len(run) + 1 for run in re.findall(r"`+", text)), 3)


def _table(table: Table) -> str:
    head = [plain(column.title) for column in table.columns]
    rule = ["---:" if column.numeric else "---" for column in table.columns]
    rows = [head, rule, *([_cell(cell) for cell in row] for row in table.rows)]
    return f"**{plain(table.caption)}**\n\n" + "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _cell(cell: Cell) -> str:
    text = code(cell.text).replace("|", "\\|") if cell.foreign else plain(cell.text)
    return f"{text}<br><sub>{plain(cell.below)}</sub>" if cell.below else text
