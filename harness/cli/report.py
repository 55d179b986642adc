"""`arena report`: one page about a run or a window, for people who have no Arena."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import console
from harness.cli.console import say

if TYPE_CHECKING:
    from arena.reports.document import Document
    from arena.settings import Settings


class Format(StrEnum):
    """What a report is written as."""

    html = "html"
    md = "md"


def report(
    run: Annotated[str | None, typer.Argument(help="A run id, the beginning or end of one, or `last`.")] = None,
    *,
    window: Annotated[
        str | None, typer.Option("--window", help="Instead of a run: 30d, 12h, 4w, or 2026-10-01..2026-11-01.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="A file; `-` for stdout; data/exports/ if not given.")
    ] = None,
    file_format: Annotated[
        Format | None, typer.Option("--format", help="html, or md for a pull request; by default as --out ends.")
    ] = None,
    images: Annotated[bool, typer.Option("--images", help="Add small copies of the run's images to the page.")] = False,
) -> None:
    """Write a report that needs nothing else: tables, charts, verdicts, prices, methodology, and how to repeat it."""
    from arena.errors import ConfigError
    from arena.whole_file import whole_file

    if (run is None) == (window is None):
        raise ConfigError("give either a RUN or --window 30d; `arena runs ls` lists the runs")
    chosen = file_format or (Format.md if out is not None and out.suffix == ".md" else Format.html)
    if images and window is not None:
        raise ConfigError("--images shows the images of one run; name a RUN instead of --window")
    if images and chosen is Format.md:
        raise ConfigError("--images needs --format html: Markdown on a code host shows no images that it brings along")
    settings = console.settings()
    document = _document(settings, run, window, images=images)
    text = _rendered(document, chosen)
    if out is not None and str(out) == "-":
        typer.echo(text, nl=False)
        return
    path = out or settings.exports_dir / f"{_file_name(document, window)}.{chosen}"
    if path.is_dir():
        raise ConfigError(f"--out {path} is a directory; name a file in it")
    with whole_file(path) as file:
        file.write(text.encode())
    say(f"report of {len(text.encode()) / 1000:.0f} kB written to {path}")


def _document(settings: Settings, run: str | None, window: str | None, *, images: bool) -> Document:
    from arena.battles.house import House
    from arena.reports.run_report import run_report
    from arena.reports.window_report import window_report
    from arena.reports.windows import parse_window
    from arena.store.blobs import BlobStore
    from arena.store.engine import open_database

    house = House.of(settings)
    chosen = None if window is None else parse_window(window)
    with open_database(settings).read() as connection:
        if chosen is not None:
            return window_report(connection, chosen, console.catalog(), house)
        return run_report(connection, run or "last", house, BlobStore(settings.images_dir) if images else None)


def _rendered(document: Document, chosen: Format) -> str:
    if chosen is Format.md:
        from arena.reports.render_markdown import markdown

        return markdown(document)
    from arena.reports.render_html import html

    return html(document)


def _file_name(document: Document, window: str | None) -> str:
    """`20261121-093000-k3fq-report`, `window-30d-report`."""
    if window is None:
        return f"{document.figures['run']['id']}-report"
    return f"window-{window.strip().replace('..', '-to-').replace(':', '')}-report"
