"""An import of votes is killed: all rows of the file are there or none, and importing again ends the same."""

from __future__ import annotations

import csv
import random
from collections import Counter
from typing import TYPE_CHECKING, Any

from arena.reports.exports.foreign import read_votes
from arena.store.vote_exchange import imported
from tests.torture import killing
from tests.torture.exported import exported
from tests.torture.killing import Told
from tests.torture.place import Place, demand

if TYPE_CHECKING:
    from contextlib import ExitStack
    from pathlib import Path

ROWS = 800
WINNERS = ("model_a", "model_b", "tie", "both_bad")


class Imports:
    """Kills imports."""

    def __init__(self, template: Place, _stack: ExitStack) -> None:
        self._template = template
        template.open(create=True).close()
        _write(template.directory / "votes.csv")
        probe = template.copy(template.directory.with_name("probe"))
        self._whole = killing.whole(probe, ["votes", "import", "votes.csv"])
        self._expected = _rows(probe)
        probe.drop()

    def kill(self, rng: random.Random, directory: Path) -> Told:
        place = self._template.copy(directory)
        killed = killing.kill(place, ["votes", "import", "votes.csv"], self._whole.aim(rng))
        place.check()
        found = sum(_rows(place).values())
        demand(found in {0, ROWS}, f"{found} of {ROWS} rows are there")
        database = place.open()
        with database.write() as connection:
            told = imported(connection, read_votes(place.directory / "votes.csv"))
        database.close()
        demand(told.stored + told.known == ROWS, f"{told} of {ROWS} rows")
        demand(_rows(place) == self._expected, "what was imported in the end is not what one import alone brings")
        place.check()
        place.drop()
        return Told(
            killed, f"of {self._whole.lasts_s:.2f} s; {found} rows were there, then all {ROWS}", {f"{found} rows": 1}
        )


def _write(path: Path) -> None:
    rng = random.Random(7)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "model_a", "model_b", "winner", "evaluation_session_id", "tstamp", "prompt"])
        for number in range(ROWS):
            a, b = rng.sample(["lab/one", "lab/two", "mill/one", "mill/two"], 2)
            winner, voter = rng.choice(WINNERS), rng.randrange(40)
            writer.writerow([f"v{number}", a, b, winner, f"s{voter}", 1_760_000_000 + number, f"p{number % 30}"])


def _rows(place: Place) -> Counter[tuple[tuple[str, Any], ...]]:
    """What an export would say of every vote, but for the numbers that the database gave it."""
    database = place.open()
    with database.read() as connection:
        found = Counter(
            tuple((k, v) for k, v in row.items() if k not in {"id", "evaluation_order"}) for row in exported(connection)
        )
    database.close()
    return found
