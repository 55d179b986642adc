"""`arena providers`: which endpoints are known, and what each needs."""

from __future__ import annotations

import os
from typing import Any

import typer

from harness.cli.console import Json, catalog, out, print_json

cli = typer.Typer(name="providers", help="List endpoints and protocols.", no_args_is_help=True)


@cli.callback()
def _group() -> None:
    pass


@cli.command()
def ls(*, as_json: Json = False) -> None:
    """List every endpoint: protocol, model, modes, price, and whether its key is set."""
    from arena.units import format_usd
    from harness.session import today

    found = catalog()
    book = found.prices()
    rows: list[dict[str, Any]] = []
    for endpoint in found.endpoints().values():
        card = book.card(endpoint.id, today())
        rows.append(
            {
                "endpoint": endpoint.id,
                "provider": endpoint.provider,
                "protocol": endpoint.protocol,
                "model": endpoint.model,
                "modes": list(endpoint.modes),
                "simulated": endpoint.simulated,
                "key_env": endpoint.key_env,
                "key_set": None if endpoint.key_env is None else bool(os.environ.get(endpoint.key_env)),
                "per_image_usd": None if card is None else float(card.per_image_usd),
                "per_mp_usd": None if card is None else float(card.per_mp_usd),
                "price_from": None if card is None else card.from_date.isoformat(),
                "price_source": None if card is None else card.source,
            }
        )
    if as_json:
        print_json(rows)
        return
    from rich.table import Table

    table = Table(pad_edge=False, header_style="bold")
    for name in ("endpoint", "protocol", "model", "modes", "$ / image", "$ / MP", "key"):
        table.add_column(name)
    for row in rows:
        key = (
            "none needed" if row["key_env"] is None else f"{row['key_env']} ({'set' if row['key_set'] else 'not set'})"
        )
        prices = [
            format_usd(row[p]) if row[p] or row["price_from"] is None else "–" for p in ("per_image_usd", "per_mp_usd")
        ]
        name = f"{row['endpoint']}{' (simulated)' if row['simulated'] else ''}"
        table.add_row(name, row["protocol"], row["model"], " ".join(row["modes"]), *prices, key)
    out().print(table)
