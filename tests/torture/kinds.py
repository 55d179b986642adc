"""What can be killed, by name, and one kill of it from its seed."""

from __future__ import annotations

import random
import sys
import time
from collections import Counter
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

    from tests.torture.killing import Told
MOST_KILLS = 20
"""By then a planted bug is found."""


class Kind(Protocol):
    """Prepares a template once; kills a copy of it, and raises LostError if anything is missing."""

    def __init__(self, template: Place, stack: ExitStack) -> None: ...

    def kill(self, rng: random.Random, directory: Path) -> Told: ...


KINDS: dict[str, type[Kind]] = {
    "export": Exports,
    "import": Imports,
    "migration": Migrations,
    "run": Runs,
    "vote": Votes,
}


class Torture:
    """One kind on one database; `planted` is a bug that is to be found."""

    def __init__(
        self, kind: str, directory: Path, postgres_url: str | None, stack: ExitStack, planted: str | None = None
    ) -> None:
        self._kind, self._directory = kind, directory
        template = directory / "template"
        (template / "config").mkdir(parents=True)
        url = None if postgres_url is None else new_postgres_database(postgres_url, empty=kind == "migration")
        self._victim = KINDS[kind](Place(template, url, planted), stack)
        self.where: Counter[str] = Counter()
        self.sums: Counter[str] = Counter()

    def kill(self, seed: int) -> str:
        """One kill; what was found. LostError if anything is missing, doubled or half there."""
        rng = random.Random(f"{self._kind}/{seed}")
        told = self._victim.kill(rng, self._directory / f"seed-{seed}")
        self.where[told.killed.where] += 1
        self.sums.update(told.counts)
        return f"{told.killed}; {told.text}"

    def survives(self, seed: int) -> bool:
        """As `kill`, told on stdout."""
        begun_s = time.monotonic()
        try:
            told, survived = self.kill(seed), True
        except LostError as error:
            told, survived = f"LOST: {error}", False
        sys.stdout.write(f"{self._kind} seed {seed}: {told} ({time.monotonic() - begun_s:.1f} s)\n")
        sys.stdout.flush()
        return survived

    def summary(self) -> str:
        """Where the kills fell, and what was found, added up."""
        fell, found = ([f"{n} {name}" for name, n in each.most_common()] for each in (self.where, self.sums))
        return f"{self._kind}: {self.where.total()} kills: {', '.join(fell)}\n    {', '.join(found)}"


def found(planted: str, directory: Path, postgres_url: str | None, stack: ExitStack) -> str | None:
    """By which kill a planted bug is found, and as what; None if by none."""
    torture = Torture(planted.partition(",")[0], directory, postgres_url, stack, planted)
    for seed in range(MOST_KILLS):
        try:
            torture.kill(seed)
        except LostError as error:
            return f"by kill {seed + 1}: {error}"
    return None
