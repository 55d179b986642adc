"""`arena sim`: simulated providers on loopback, speaking the real protocols."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli.console import Json, out, print_json, say
from harness.cli.hostile import hostile

cli = typer.Typer(
    name="sim",
    help="Serve simulated providers, for tests and for trying things out.",
    no_args_is_help=True,
)
cli.command("hostile")(hostile)
File = Annotated[Path | None, typer.Option("--file", help="Contenders of one's own, in TOML.")]


@cli.command()
def serve(
    *,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port; 0 takes a free one.")] = 8701,
    file: File = None,
) -> None:
    """Serve the simulated providers until interrupted."""
    from harness.sim.contender import load_contenders
    from harness.sim.server import serve as serve_until_stopped

    contenders = load_contenders(file)

    def ready(url: str) -> None:
        say(f"{len(contenders)} simulated providers at {url}; their endpoints find it through ARENA_SIM_URL={url}")

    serve_until_stopped(host, port, contenders, on_ready=ready)


@cli.command()
def ls(*, file: File = None, as_json: Json = False) -> None:
    """List the simulated providers: protocol, latency law, failures, price."""
    from harness.sim.contender import load_contenders

    contenders = load_contenders(file)
    if as_json:
        print_json([contender.model_dump(mode="json") for contender in contenders])
        return
    from rich.table import Table

    table = Table(pad_edge=False, header_style="bold")
    for name in ("name", "protocol", "latency", "failures", "quality", "price"):
        table.add_column(name)
    for c in contenders:
        law = " ".join(f"{k}={v}" for k, v in c.latency.model_dump().items())
        failures = f"{sum(c.failures.values()) * 100:.0f} %"
        table.add_row(c.name, c.protocol, law, failures, f"{c.quality:g}", f"${c.price_usd}")
    out().print(table)
