"""Data goes to stdout, everything else to stderr."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console

    from arena.catalog import Catalog
    from arena.settings import Settings

Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines on stdout.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
PIPED_WIDTH = 170


def out() -> Console:
    """Where results go, with no markup read from them. In a pipe nothing is wrapped to a terminal that is not there."""
    from harness.cli.screen import Screen

    width = None if sys.stdout.isatty() else PIPED_WIDTH
    return Screen(width=width, highlight=False, markup=False, emoji=False)


def err() -> Console:
    """Where everything else goes."""
    from harness.cli.screen import Screen

    width = None if sys.stderr.isatty() else PIPED_WIDTH
    return Screen(stderr=True, width=width, highlight=False, markup=False, emoji=False)


def say(message: str) -> None:
    """One plain line on stderr."""
    typer.echo(shown(message), err=True)


def shown(message: str) -> str:
    """A message as it may be printed: nothing that a terminal would obey."""
    if message.isascii() and message.isprintable():
        return message
    from harness.cli.screen import printable

    return printable(message)


def print_json(value: Any) -> None:
    """Indented JSON on stdout; NaN is refused, as JSON has none."""
    from harness.cli.screen import json_safe

    typer.echo(json_safe(json.dumps(value, indent=2, ensure_ascii=False, default=str, allow_nan=False)))


def settings() -> Settings:
    """The settings from the environment; a bad value is one sentence."""
    from pydantic import ValidationError

    from arena.errors import ConfigError
    from arena.settings import Settings

    try:
        return Settings()
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = "ARENA_" + "_".join(str(part) for part in first["loc"]).upper()
        raise ConfigError(f"{name}: {first['msg']}") from None


def catalog() -> Catalog:
    """The data files in use."""
    from arena.catalog import Catalog

    return Catalog(settings().config_dir)


def refuse_before_command(context: typer.Context, given: Mapping[str, object]) -> None:
    """ConfigError if an option stands before a command instead of behind it: nothing would heed it there."""
    from arena.errors import ConfigError

    for option in (name for name, value in given.items() if value):
        command = context.invoked_subcommand
        raise ConfigError(
            f"{option} stands before `{command}`; put it behind: {context.command_path} {command} {option}"
        )


def confirm(question: str, *, yes: bool) -> None:
    """Go on only with consent; without a terminal to ask on, `--yes` must say so."""
    from arena.errors import ConfigError

    if yes:
        return
    if not sys.stdin.isatty():
        raise ConfigError("there is no terminal to ask on; add --yes to go ahead")
    if not typer.confirm(question, err=True):
        raise typer.Exit(0)
