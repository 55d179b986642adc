"""Settings from a file and from what a command line adds to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from arena.catalog import parse, read_toml
from harness.local.settings import LocalSettings

if TYPE_CHECKING:
    from pathlib import Path


def read_settings(path: Path | None, given: dict[str, Any], where: str) -> LocalSettings:
    """The settings of a TOML file, whose keys are the fields of `LocalSettings`; what is `given` goes before them.

    In `given`, `speed` holds single fields of `Speed`. Raises `ConfigError`, which names the file, or `where` for what
    was given beside it.
    """
    if path is None:
        return parse(LocalSettings, given, where)
    told = read_toml(path)
    parse(LocalSettings, told, str(path))
    speed = told.get("speed", {}) | given.get("speed", {})
    return parse(LocalSettings, {**told, **given, "speed": speed}, f"{where} with {path}")
