"""`arena contenders`: who takes part in battles, since when, and until when."""

from __future__ import annotations

from typing import Annotated

import typer

from harness.cli import console
from harness.cli.console import Json, out, print_json, say

cli = typer.Typer(name="contenders", help="List who takes part in battles, and retire them.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="An endpoint id, as `arena contenders ls` shows it.")]
Simulated = Annotated[bool, typer.Option("--simulated", help="Its simulated images, not its real ones.")]


@cli.command()
def ls(*, as_json: Json = False) -> None:
    """List contenders: endpoint, provider, model, when they joined, and when they were retired."""
    from arena.store.contenders import contenders
    from arena.store.engine import open_database

    with open_database(console.settings()).read() as connection:
        found = contenders(connection)
    if as_json:
        print_json([c.model_dump(mode="json") for c in found])
        return
    from rich.table import Table

    table = Table(pad_edge=False, header_style="bold")
    for name in ("endpoint", "provider", "model", "since (UTC)", "retired (UTC)"):
        table.add_column(name)
    for c in found:
        name = f"{c.endpoint_id}{' (simulated)' if c.simulated else ''}"
        retired = "–" if c.retired_at is None else f"{c.retired_at:%Y-%m-%d %H:%M}"
        table.add_row(name, c.provider, c.family, f"{c.added_at:%Y-%m-%d %H:%M}", retired)
    out().print(table)


@cli.command()
def retire(endpoint: Name, *, simulated: Simulated = False) -> None:
    """Draw a contender no longer; its votes stay, and it is shown as retired with the date."""
    _set(endpoint, simulated=simulated, retired=True)
    say(f"{endpoint} is drawn no longer; its votes stay. `arena contenders restore {endpoint}` brings it back")


@cli.command()
def restore(endpoint: Name, *, simulated: Simulated = False) -> None:
    """Bring a retired contender back."""
    _set(endpoint, simulated=simulated, retired=False)
    say(f"{endpoint} takes part again")


def _set(endpoint: str, *, simulated: bool, retired: bool) -> None:
    from datetime import UTC, datetime

    from arena.errors import UnknownNameError
    from arena.store.contenders import contenders
    from arena.store.contenders import retire as write
    from arena.store.engine import open_database

    with open_database(console.settings()).write() as connection:
        known = {c.endpoint_id: c.id for c in contenders(connection) if c.simulated == simulated}
        if endpoint not in known:
            raise UnknownNameError("contender", endpoint, known, "contenders")
        write(connection, known[endpoint], datetime.now(UTC) if retired else None)
