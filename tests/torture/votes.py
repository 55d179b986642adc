"""Two people vote in a process that is killed: each vote that was acknowledged is there, once, and as it was cast."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import sqlalchemy as sa

from arena.battles.ballots import Ballots
from arena.battles.house import House
from arena.domain.battle import Verdict
from arena.store.battles import BATTLE, VOTE
from tests.arena.battles.conftest import fill
from tests.torture import killing
from tests.torture.exported import exported
from tests.torture.killing import Told
from tests.torture.place import Place, demand

if TYPE_CHECKING:
    import random
    from contextlib import ExitStack
    from pathlib import Path

MOST = "60"
"""So many votes each would cast who is not killed."""


@dataclass
class Said:
    """What the voters noted: token to voter and verdict; of those acknowledged, the seconds it took."""

    cast: dict[str, tuple[str, str]] = field(default_factory=dict)
    stored: dict[str, float] = field(default_factory=dict)


class Votes:
    """Kills voters."""

    def __init__(self, template: Place, _stack: ExitStack) -> None:
        fill(template.settings, prompts=20).close()
        self._template = template
        probe = template.copy(template.directory.with_name("probe"))
        self._whole = killing.whole(probe, ["vote", "notes", MOST])
        probe.drop()

    def kill(self, rng: random.Random, directory: Path) -> Told:
        place = self._template.copy(directory)
        notes = directory / "notes"
        killed = killing.kill(place, ["vote", str(notes), MOST], self._whole.aim(rng))
        place.check()
        said = read(notes)
        before = _votes(place)
        for token in said.stored:
            demand(before[token] == [said.cast[token][1]], f"an acknowledged vote is there as {before[token]}")
        demand(set(before) <= set(said.cast), "a vote is there that nobody cast")
        again = self._cast_again(place, said)
        after = _votes(place)
        expected = {token: [verdict] for token, (_, verdict) in said.cast.items()}
        demand(dict(after) == expected, "after casting again, votes are missing or doubled")
        place.drop()
        on_their_way = len(said.cast) - len(said.stored)
        counts = {"votes acknowledged": len(said.stored), "on their way": on_their_way, "of them not counted": again}
        return Told(killed, "; ".join(f"{count} {name}" for name, count in counts.items()), counts)

    def _cast_again(self, place: Place, said: Said) -> int:
        """As a page does whose answer never came; how many counted only now."""
        database = place.open()
        ballots = Ballots(database, House(least_dwell_ms=0))
        counted = 0
        for token, (voter, verdict) in said.cast.items():
            if token not in said.stored:
                counted += ballots.cast(token, voter, Verdict(verdict), 900).counted
        with database.read() as connection:
            rows = sum(1 for _ in exported(connection))
        database.close()
        demand(rows == len(said.cast), f"an export has {rows} of {len(said.cast)} votes")
        return counted


def read(notes: Path) -> Said:
    """The notes; a last line without its end was not yet one."""
    said = Said()
    text = notes.read_text() if notes.exists() else ""
    for line in text.splitlines(keepends=True):
        if not line.endswith("\n"):
            continue
        what, token, *rest = line.split()
        if what == "cast":
            said.cast[token] = rest[0], rest[1]
        else:
            said.stored[token] = float(rest[0])
    return said


class _ByToken(dict[str, list[str]]):
    """Verdicts by token; tokens are stored as hashes only."""

    def __missing__(self, token: str) -> list[str]:
        return []


def _votes(place: Place) -> dict[str, list[str]]:
    """The verdicts that stand, by token."""
    tokens = {hashlib.sha256(t.encode()).hexdigest(): t for t in read(place.directory / "notes").cast}
    query = sa.select(BATTLE.c.token_sha256, VOTE.c.verdict).join(VOTE, VOTE.c.battle_id == BATTLE.c.id)
    database = place.open()
    with database.read() as connection:
        rows = connection.execute(query).all()
    database.close()
    found = _ByToken()
    for row in rows:
        found.setdefault(tokens.get(row.token_sha256, row.token_sha256), []).append(row.verdict)
    demand(max(Counter(len(v) for v in found.values()), default=1) == 1, "a battle has two votes")
    return found
