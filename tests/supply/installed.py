"""The distributions that an installation with some extras consists of, as their own metadata tells."""

from __future__ import annotations

import re
import tomllib
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
SHIPPED = ("app", "keyring", "postgres")
"""Extras that users install; the local pipelines (torch) and the tests are apart."""


def normal(name: str) -> str:
    """A name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def declared(extras: tuple[str, ...] = SHIPPED) -> list[Requirement]:
    """What pyproject.toml asks for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = [*project["dependencies"], *(r for e in extras for r in project["optional-dependencies"][e])]
    return [Requirement(text) for text in asked]


def closure(extras: tuple[str, ...] = SHIPPED) -> dict[str, metadata.Distribution]:
    """The same with all that they need in turn, on this Python and this platform, by normal name."""
    found: dict[str, metadata.Distribution] = {}
    walked: set[tuple[str, frozenset[str]]] = set()
    todo = declared(extras)
    while todo:
        wanted = todo.pop()
        key = normal(wanted.name), frozenset(wanted.extras)
        if key in walked:
            continue
        walked.add(key)
        found[key[0]] = distribution = metadata.distribution(wanted.name)
        for text in distribution.requires or []:
            needed = Requirement(text)
            contexts = [{"extra": extra} for extra in ("", *wanted.extras)]
            if needed.marker is None or any(needed.marker.evaluate(context) for context in contexts):
                todo.append(needed)
    return found
