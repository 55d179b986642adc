"""How far automatic judges agree with people, on the battles that both have seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from arena.metrics.intervals import wilson
from arena.store.vote_facts import shared_verdicts

if TYPE_CHECKING:
    from arena.metrics.base import Figure
    from arena.store.engine import Connection


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of the decided pairs of images that people and one judge have both voted on, how many they decided alike."""

    judge: str
    pairs: int
    agreement: Figure


def agreement(connection: Connection, *, simulated: bool = False) -> list[Agreement]:
    """One entry a judge, the best known first; a pair counts once, by the majority of either side's votes on it.

    Pairs on which either side is split or tied are left out: they say nothing about who is better.
    """
    found = []
    for judge, verdicts in sorted(shared_verdicts(connection, simulated=simulated).items()):
        decided = [(people, machine) for people, machine in verdicts if people and machine]
        alike = sum((people > 0) == (machine > 0) for people, machine in decided)
        found.append(Agreement(judge, len(decided), wilson(alike, len(decided))))
    return sorted(found, key=lambda a: (-a.pairs, a.judge))
