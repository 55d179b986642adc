"""`arena metrics`: figures for the monitoring that is there already."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import console
from harness.cli.console import say

if TYPE_CHECKING:
    from arena.reports.exposition import OpenIncidents
    from arena.settings import Settings

cli = typer.Typer(name="metrics", help="Tell Prometheus what was measured.", no_args_is_help=True)
Windows = Annotated[
    list[str] | None, typer.Option("--window", help="24h, 7d, …; can be given several times.", show_default="24h")
]


@cli.command()
def serve(
    *,
    window: Windows = None,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port; 0 for any.")] = 9464,
    every: Annotated[
        float, typer.Option("--every", metavar="SECONDS", min=0, max=86_400, help="Compute anew at most so often.")
    ] = 60.0,
) -> None:
    """Serve the figures of every endpoint for Prometheus to scrape."""
    from arena.store.engine import open_database
    from harness.scrape import server

    settings, windows = console.settings(), _lengths(window)
    incidents = _open_incidents(settings)
    serving = server(open_database(settings), windows, every, host, port, incidents)
    shown = f"[{host}]" if ":" in host else host
    try:
        say(
            f"metrics of the last {', '.join(windows)} at http://{shown}:{serving.server_port}/metrics (Ctrl-C ends it)"
        )
        serving.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        serving.server_close()


@cli.command()
def write(
    *,
    window: Windows = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="A file that ends in .prom; `-` for stdout; data/exports/ if not given."),
    ] = None,
) -> None:
    """Write the same once, for node_exporter's textfile collector; the file appears whole or not at all."""
    from arena.errors import ConfigError
    from arena.store.engine import open_database
    from harness.scrape import exposed
    from harness.scrape import write as write_file

    settings, windows = console.settings(), _lengths(window)
    if out is not None and str(out) == "-":
        typer.echo(exposed(open_database(settings), windows, _open_incidents(settings)).decode(), nl=False)
        return
    path = out or settings.exports_dir / "arena.prom"
    if path.suffix != ".prom":
        raise ConfigError(f"--out {path}: node_exporter reads files that end in .prom; name it {path.stem}.prom")
    write_file(open_database(settings), windows, path, _open_incidents(settings))
    say(f"metrics of the last {', '.join(windows)} written to {path}")


def _open_incidents(settings: Settings) -> OpenIncidents | None:
    """How many incidents are open, where a watch.toml says what to watch for."""
    from harness.alerts import config
    from harness.alerts.open_now import open_now

    path = config.find(settings)
    return None if path is None else open_now(config.load(path).rules)


def _lengths(named: list[str] | None) -> tuple[str, ...]:
    """The windows by their lengths, each once; a stretch between two days does not move, and is refused."""
    from arena.errors import ConfigError
    from arena.reports.windows import parse_window

    lengths = tuple(dict.fromkeys(text.strip() for text in named or ["24h"]))
    for length in lengths:
        parse_window(length)
        if ".." in length:
            raise ConfigError(f"--window {length!r}: metrics are of the last so many hours or days, such as 24h or 7d")
    return lengths
