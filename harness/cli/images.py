"""`arena images`: which images are kept out of battles, and why; the operator has the last word."""

from __future__ import annotations

from typing import Annotated

import typer

from harness.cli import console
from harness.cli.console import Json, out, print_json, say

cli = typer.Typer(name="images", help="List what is kept out of battles and why, and decide it.", no_args_is_help=True)
Sha = Annotated[str, typer.Argument(help="The image's SHA-256, as `arena images kept-out --json` shows it.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it is kept and shown.")]


@cli.command("kept-out")
def kept_out(*, as_json: Json = False) -> None:
    """List the images that are kept out, with their endpoint, prompt and reason."""
    from arena.reports.kept_out import kept_out as found_in
    from arena.store.engine import open_database

    with open_database(console.settings()).read() as connection:
        rows = found_in(connection)
    if as_json:
        print_json(rows)
        return
    from rich.table import Table

    table = Table(pad_edge=False, header_style="bold")
    for name in ("image", "endpoint", "prompts", "reason", "by"):
        table.add_column(name)
    for row in rows:
        table.add_row(row["sha256"][:16], row["endpoint"], ", ".join(row["prompts"]), row["reason"], row["by"])
    out().print(table)


@cli.command()
def screen() -> None:
    """Look at every image that is new: blank ones, placeholders and watermarks are kept out of battles."""
    from arena.battles.screening import Screen
    from arena.store.blobs import BlobStore
    from arena.store.engine import open_database

    settings = console.settings()
    found = Screen(open_database(settings), BlobStore(settings.images_dir)).run()
    for sha256, reason in sorted(found.kept_out.items(), key=lambda item: item[1]):
        out().print(f"{sha256[:16]}  {reason}")
    say(f"{found.looked_at} new images, {len(found.kept_out)} kept out; `arena images kept-out` lists all of them")


@cli.command()
def admit(image: Sha, *, reason: Reason) -> None:
    """Let an image into battles, whatever was found and will be found of it."""
    _ruled(image, reason, apart=False)
    say("it can be drawn again")


@cli.command("keep-out")
def keep_out(image: Sha, *, reason: Reason) -> None:
    """Keep an image out of battles that nothing was found of."""
    _ruled(image, reason, apart=True)
    say("it is drawn no longer; votes that were cast on it stay")


def _ruled(image: str, reason: str, *, apart: bool) -> None:
    from datetime import UTC, datetime

    from arena.errors import ConfigError
    from arena.store.engine import open_database
    from arena.store.screening import is_image, rule_on_image

    with open_database(console.settings()).write() as connection:
        if not is_image(connection, image):
            raise ConfigError(f"there is no image {image!r}; give the whole SHA-256, as --json shows it")
        if not reason.strip():
            raise ConfigError("--reason is empty; say why, as others will read it")
        rule_on_image(connection, image, reason.strip(), datetime.now(UTC), apart=apart)
