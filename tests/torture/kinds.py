"""What can be killed, by name, and one kill of it from its seed."""

from __future__ import annotations

import random
import sys
from typing import TYPE_CHECKING, Protocol

from tests.postgres import new_postgres_database
from tests.torture.exports import Exports
from tests.torture.imports import Imports
from tests.torture.migrations import Migrations
from tests.torture.place import LostError, Place
from tests.torture.runs import Runs
from tests.torture.votes import Votes

if TYPE_CHECKING:
    from contextlib import ExitStack
    from pathlib import Path


class Kind(Protocol):
    """Prepares a template once; kills a copy of it, and raises LostError if anything is missing."""

    def __init__(self, template: Place, stack: ExitStack) -> None: ...

    def kill(self, rng: random.Random, directory: Path) -> str: ...


KINDS: dict[str, type[Kind]] = {
    "export": Exports,
    "import": Imports,
    "migration": Migrations,
    "run": Runs,
    "vote": Votes,
}


class Torture:
    """One kind on one database."""

    def __init__(self, kind: str, directory: Path, postgres_url: str | None, stack: ExitStack) -> None:
        self._kind, self._directory = kind, directory
        template = directory / "template"
        (template / "config").mkdir(parents=True)
        url = None if postgres_url is None else new_postgres_database(postgres_url)
        self._victim = KINDS[kind](Place(template, url), stack)

    def kill(self, seed: int) -> str:
        """One kill; what was found. LostError if anything is missing, doubled or half there."""
        rng = random.Random(f"{self._kind}/{seed}")
        return self._victim.kill(rng, self._directory / f"seed-{seed}")

    def survives(self, seed: int) -> bool:
        """As `kill`, told on stdout."""
        try:
            told = self.kill(seed)
        except LostError as error:
            sys.stdout.write(f"{self._kind} seed {seed}: LOST: {error}\n")
            return False
        sys.stdout.write(f"{self._kind} seed {seed}: {told}\n")
        sys.stdout.flush()
        return True
