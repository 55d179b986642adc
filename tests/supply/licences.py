"""`make licences`: the licence of everything that is installed with Arena, and whether it may be.

Data: `licences.toml`. A package that gives no SPDX expression is read by its classifier, then by its licence field.
"""

from __future__ import annotations

import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.supply.installed import closure

if TYPE_CHECKING:
    from importlib.metadata import Distribution

RULES = Path(__file__).with_name("licences.toml")


@dataclass(frozen=True)
class Finding:
    """`objection` is empty for what may be used."""

    name: str
    version: str
    licence: str
    objection: str = ""


def rules() -> dict[str, Any]:
    return tomllib.loads(RULES.read_text())


def licence_of(distribution: Distribution, spelled: dict[str, str]) -> str:
    """An SPDX expression if it can be had, else what the package says of itself."""
    told = distribution.metadata
    expression = told.get("License-Expression")
    if expression:
        return str(expression)
    field = (told.get("License") or "").strip()
    if field and "\n" not in field and len(field) < 40:
        return spelled.get(field, field)
    named = [c.split(" :: ")[-1] for c in told.get_all("Classifier", []) if c.startswith("License :: OSI")]
    return spelled.get(named[0], named[0]) if named else "none that is told"


def examined(distributions: dict[str, Distribution], rule: dict[str, Any]) -> list[Finding]:
    """Every distribution, by name; all parts of an AND must be allowed, one of an OR."""
    found = []
    for name, distribution in sorted(distributions.items()):
        licence = licence_of(distribution, rule["spelled"])
        exception = rule["exceptions"].get(name)
        fits = any(set(one.strip(" ()").split(" AND ")) <= set(rule["allowed"]) for one in licence.split(" OR "))
        objection = "" if fits or (exception and exception["licence"] == licence) else "is not allowed by licences.toml"
        found.append(Finding(name, distribution.version, licence, objection))
    return found


def main() -> None:
    found = examined(closure(), rules())
    for one in found:
        sys.stdout.write(f"{one.name} {one.version}: {one.licence}{'  ' + one.objection if one.objection else ''}\n")
    raise SystemExit(1 if any(one.objection for one in found) else 0)


if __name__ == "__main__":
    main()
