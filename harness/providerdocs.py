"""The page of documentation about providers, made from the same data that the adapters read.

`make docs` writes it, and the table of parameters that the app shows; a test holds both against the data.
"""

from __future__ import annotations

import json
import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from arena.catalog import Catalog
from harness.cli.endpoints import limits_in_words
from harness.providers import provider
from harness.providers.base import CANONICAL_FIELDS, UNSUPPORTED, How

if TYPE_CHECKING:
    from collections.abc import Iterable

    from arena.domain.endpoint import Endpoint
    from arena.pricing import PriceBook

HEAD = """# Providers

What can be measured, how each host takes a request, its limits and its prices. This page is made by `make docs` from
`prompts/providers/` and the adapters; `arena providers show ENDPOINT --dry-run` prints the exact call of a request.
"""
FIELDS = """
## How each field of a request is taken

P passed through, R renamed, C converted, E met by Arena without being sent, – cannot be told: reported with every
outcome, never dropped. `ratio` is a size that was asked for as aspect ratio and megapixels, `input_size` the size of
the input image.
"""
LETTER = {How.PASSTHROUGH: "P", How.RENAMED: "R", How.CONVERTED: "C", How.EMULATED: "E", How.UNSUPPORTED: "–"}


def page(catalog: Catalog) -> str:
    """The whole page, in Markdown."""
    endpoints = list(catalog.endpoints().values())
    real, book = [e for e in endpoints if not e.simulated], catalog.prices()
    by_provider: dict[str, list[Endpoint]] = {}
    for endpoint in real:
        by_provider.setdefault(endpoint.provider, []).append(endpoint)
    sections = [_section(name, by_provider[name], book) for name in sorted(by_provider)]
    return "\n".join([HEAD, *sections, FIELDS, _fields(by_provider), ""])


def _section(name: str, endpoints: list[Endpoint], book: PriceBook) -> str:
    keys = sorted({e.key_env for e in endpoints if e.key_env})
    key = f"Key: `{'`, `'.join(keys)}`." if keys else "No key needed."
    heads = ("endpoint", "model", "modes", "sides, px", "steps", "n", "inputs", "open at once", "price", "source")
    rows = [_row(e, book) for e in endpoints]
    notes = [f"- `{e.id}`: {e.note}" for e in endpoints if e.note]
    return "\n".join([f"## {name}", "", key, "", _table(heads, rows), *(["", *notes] if notes else []), ""])


def _row(endpoint: Endpoint, book: PriceBook) -> list[str]:
    card = book.card(endpoint.id, date.max)
    price = "–" if card is None else card.in_words
    source = "" if card is None else f"{card.source}; {card.from_date}; confidence {card.confidence}"
    limits = limits_in_words(endpoint.limits, endpoint.modes)
    return [f"`{endpoint.id}`", f"`{endpoint.model}`", " ".join(endpoint.modes), *limits, price, source]


def _fields(by_provider: dict[str, list[Endpoint]]) -> str:
    """One column a provider; several letters where its endpoints differ."""
    names = sorted(by_provider)
    rows = [[field, *(_letter(by_provider[name], field) for name in names)] for field in CANONICAL_FIELDS]
    return _table(("field", *names), rows)


def _letter(endpoints: list[Endpoint], field: str) -> str:
    letters = [LETTER[provider(e.protocol).parameters(e).get(field, UNSUPPORTED).how] for e in endpoints]
    return letters[0] if len(set(letters)) == 1 else "/".join(dict.fromkeys(letters))


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    written = [list(heads)]
    lines = ["| " + " | ".join(written[0]) + " |", "|" + "---|" * len(written[0])]
    return "\n".join(lines + ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows])


def support(catalog: Catalog) -> str:
    """How each endpoint takes each field, as the JSON that the app reads (`arena.catalog.Catalog.support`)."""
    told = {e.id: _told(e) for e in catalog.endpoints().values()}
    lines = (f"{json.dumps(name)}: {json.dumps(fields)}" for name, fields in sorted(told.items()))
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _told(endpoint: Endpoint) -> dict[str, dict[str, str]]:
    table = provider(endpoint.protocol).parameters(endpoint)
    fields = {field: table.get(field, UNSUPPORTED) for field in CANONICAL_FIELDS}
    return {field: {"how": s.how.value, "as": s.wire_name, "note": s.note} for field, s in fields.items()}


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(Catalog(environ={})), encoding="utf-8")
    Path(sys.argv[2]).write_text(support(Catalog(environ={})), encoding="utf-8")
