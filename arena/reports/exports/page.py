"""The page of documentation about exports, made from the same literals that the exports are.

`make docs` writes it; a test holds it against the literals.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from arena.reports.exports.figures import Computed
from arena.reports.exports.tables import TABLES

if TYPE_CHECKING:
    from arena.store.exchange.columns import Column, Spec

HEAD = """# Data

What `arena export` writes and `arena import` reads. This page is made by `make docs` from the tables' own
definitions.

Units are in the names: `_ms`, `_ns`, `_usd`, `_px`, `_s`. Missing is missing, never zero. A change of a table's
columns raises its schema version, and an import refuses a version that it does not know. Rows of simulations say so
in `simulated`; never pool them with others.

## Formats

| | CSV | Parquet | JSON lines |
|---|---|---|---|
| text | UTF-8, in quotes | string | string |
| integer, 64 bits | digits | int64 | number |
| real number | shortest digits that read back the same | double | the same |
| true or false | `true`, `false` | bool | `true`, `false` |
| instant in UTC | `2026-11-21T09:30:00.000000Z` | timestamp of microseconds, UTC | as in CSV |
| missing | nothing between the commas; an empty text is `""` | null | `null` |
| where it comes from | `FILE.meta.json` | its metadata `arena.*` | `FILE.meta.json` |

- **CSV and formulas.** A spreadsheet computes a cell that begins with `=`, `+`, `-`, `@`, a tab or a line break. A
  text that begins so gets an apostrophe in front, and so does a text that begins with apostrophes and then one of
  these. To read such a text elsewhere, take one apostrophe away where the pattern `^'+[=+\\-@\\t\\r\\n]` fits; an
  import does. Numbers are never touched.
- **Reading.** `pandas.read_parquet` gives integers with gaps as integers and instants with their zone.
  `pandas.read_csv` cannot know either: add `dtype_backend="numpy_nullable"` and `parse_dates=[…]`. DuckDB reads all
  three as they are: `SELECT * FROM 'outcomes.parquet'`, `FROM read_csv('outcomes.csv')`, `FROM
  'outcomes/*/*.parquet'`.
- **Partitions.** `--by-day` makes a directory with `day=2026-11-21/part-0000.parquet`, the day (UTC) on which an
  attempt was written down, just before it was sent, or a vote was cast. A partition is replaced whole. `_meta.json`
  says what the directory holds; another table, database or filter is refused there. `--from` and `--to` are days
  here, and `--window 7d` begins with a whole one.
- **What changed since.** `--since-last NAME` writes what is new or has changed since the last export under that name:
  costs that were looked up, ends that came late, votes that were taken back. Such rows come again, `exported_again`
  says so, and they replace the earlier ones of the same key; with `--by-day` the days on which anything changed are
  written anew instead, and so are days that are not in the directory (any more). A crash repeats rows and loses none.
  Tables without a line "grows" are small and always whole. `--window` moves and is refused here; `--from` does not.
- **Where it comes from**: table, schema version, Arena's version, database, filters and their SHA-256, when it was
  exported, how many rows, and whether they are simulated.
- **Import.** `arena import` stores all of its files or nothing and each row once; importing again changes nothing.
  What was measured or voted here is never changed by it; rows that came with an earlier import become what the file
  says. Outcomes alone are enough for every figure of the summary; plan, prompts' texts and environment are then
  marked as not known. Voters stay the hashes that they were exported as.
- **Not exported**: network hashes, keys, ballots' tokens, screening thumbnails, and attempts that are in flight.
"""


def page() -> str:
    """The whole page, in Markdown."""
    return HEAD + "\n## Tables\n\n" + "\n".join(table_in_words(table, level=3) for table in TABLES.values())


def table_in_words(table: Spec | Computed, *, level: int, published: bool = False) -> str:
    """One table: what a row is, its key, its columns."""
    grows = "; grows: `--since-last` and `--by-day` are for it" if table.incremental else ""
    made = "; computed, and not imported" if isinstance(table, Computed) else ""
    key = ", ".join(f"`{name}`" for name in table.key)
    lines = [
        f"{'#' * level} {table.name}",
        "",
        f"{table.about} Schema version {table.version}; key: {key}{'' if published else grows + made}.",
        "",
        "| column | holds | meaning |",
        "|---|---|---|",
        *(f"| `{c.name}` | {_holds(c)} | {_meaning(c, published=published)} |" for c in table.columns),
        "",
    ]
    return "\n".join(lines)


def _holds(column: Column) -> str:
    return column.kind.value + ("" if column.required else ", may be missing")


def _meaning(column: Column, *, published: bool) -> str:
    meaning = column.meaning
    if column.choices:
        meaning += " One of " + ", ".join(f"`{choice}`" for choice in column.choices) + "."
    if column.private:
        meaning = "Left empty in publications." if published else f"{meaning} Left empty in publications."
    return meaning.replace("|", "\\|")


def main() -> None:
    """Write the page to the file that is named."""
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
