"""`arena import`: exports, read back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli import console
from harness.cli.console import Json, print_json, say


def import_(
    paths: Annotated[list[Path], typer.Argument(help="Files of an export, or directories of such files.")],
    *,
    images: Annotated[
        Path | None, typer.Option("--images", help="A directory of images by their hash, to copy those that lack.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Read exports into the database: all of them or nothing, each row once, nothing over what was measured here."""
    from arena.reports.exports.importing import import_files, read_images
    from arena.store.engine import open_database

    settings = console.settings()
    settings.require_writable()
    database = open_database(settings, create=True)
    found = import_files(database, paths)
    if as_json:
        print_json({name: {"new": t.new, "changed": t.changed, "known": t.known} for name, t in found.tallies.items()})
    for name, tally in found.tallies.items():
        changed = f", {tally.changed} changed" if tally.changed else ""
        known = f", {tally.known} were there already" if tally.known else ""
        say(f"{name}: {tally.new} rows read{changed}{known}")
    if found.skipped:
        say(f"{', '.join(found.skipped)}: not read, as these figures follow from the other tables")
    if images is not None:
        copied, missing = read_images(database, images, settings.images_dir)
        say(f"{copied} images copied" + (f", {missing} are not in {images}" if missing else ""))
