"""`arena keys`: the keys of providers in the keyring of the operating system, instead of in the environment."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness.cli.console import Json, catalog, out, print_json, say

if TYPE_CHECKING:
    from pydantic import SecretStr

cli = typer.Typer(name="keys", help="Keep the keys of providers in the system's keyring.", no_args_is_help=True)
VARIABLE = re.compile("[A-Z][A-Z0-9_]*")
Name = Annotated[str, typer.Argument(help="The variable that an endpoint names; `arena keys ls` lists them.")]


@cli.command("set")
def set_(
    name: Name,
    surplus: Annotated[list[str] | None, typer.Argument(hidden=True, metavar="")] = None,
) -> None:
    """Store a key; it is asked for, or read from standard input, and never given as an argument."""
    from arena.errors import ConfigError
    from harness.keys import KEYS, store

    if surplus:
        raise ConfigError(
            "a key is not given as an argument, where other users and the shell's history see it; "
            "write `arena keys set NAME` and type it when asked, and replace the key that was just shown"
        )
    _known(name)
    where = store(name, _asked(name))
    say(f"{name} is kept in {where}")
    if KEYS.source(name) == "environment":
        say(f"the environment variable {name} is set, too, and comes first")


@cli.command()
def ls(*, as_json: Json = False) -> None:
    """List the keys that endpoints need, and where each comes from; no part of a key is shown."""
    from harness.keys import KEYS

    rows: list[dict[str, Any]] = [
        {"name": name, "endpoints": count, "source": KEYS.source(name)} for name, count in sorted(_needed().items())
    ]
    if as_json:
        print_json(rows)
        return
    from rich.table import Table

    table = Table(pad_edge=False, header_style="bold")
    for column in ("key", "endpoints", "from"):
        table.add_column(column, justify="right" if column == "endpoints" else "left")
    for row in rows:
        table.add_row(row["name"], str(row["endpoints"]), row["source"] or "not set")
    out().print(table)


@cli.command()
def rm(name: Name) -> None:
    """Take a key out of the keyring; one in the environment stays."""
    from harness.keys import KEYS, remove

    _known(name)
    remove(name)
    say(f"{name} is no longer in the keyring")
    if KEYS.source(name) == "environment":
        say(f"the environment variable {name} is still set")


def _needed() -> dict[str, int]:
    """How many endpoints need each key."""
    found: dict[str, int] = {}
    for endpoint in catalog().endpoints().values():
        if endpoint.key_env:
            found[endpoint.key_env] = found.get(endpoint.key_env, 0) + 1
    return found


def _known(name: str) -> None:
    from arena.errors import ConfigError, UnknownNameError

    if not VARIABLE.fullmatch(name):  # perhaps the key itself: it is not repeated
        raise ConfigError("what was given is not the name of a key; `arena keys ls` lists them")
    needed = _needed()
    if name not in needed:
        raise UnknownNameError("key", name, needed, "endpoints")


def _asked(name: str) -> SecretStr:
    from pydantic import SecretStr

    from arena.errors import ConfigError
    from harness.plan import key_problem

    typed = typer.prompt(name, hide_input=True, err=True) if sys.stdin.isatty() else sys.stdin.read()
    value = typed.strip()
    if not value:
        raise ConfigError(f"{name}: nothing was given; pipe the key in, or type it when asked")
    problem = key_problem(value)
    if problem is not None:
        raise ConfigError(f"{name}: {problem}")
    return SecretStr(value)
