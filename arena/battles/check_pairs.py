"""Pairs that check the voter: one that was shown before, with the sides swapped, and one whose answer is known.

The answer is known where an image meets a spoilt rendition of itself, and where the operator declared it. Neither kind
rates anybody. The names of a repeated pair were told after its first showing; a voter who remembers them can answer
alike for that reason, so agreement with oneself is an upper bound on care, and contradiction is what it shows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from arena.domain.battle import Entry, Purpose, Rule
from arena.store import checks, contenders

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import numpy as np

    from arena.battles.house import House
    from arena.battles.pool import Pool
    from arena.domain.battle import Battle, Cell
    from arena.store.battles import Seen
    from arena.store.engine import Connection

Drawn = tuple["Cell", Entry, Entry, Rule, float]
"""Cell, left, right, and what stands for rule and propensity: this one among all that were possible."""


def purpose(house: House, rng: np.random.Generator) -> Purpose:
    """What the next pair is for; without shares for checks nothing is drawn, so that seeds mean what they meant."""
    if not (house.gold_share or house.repeat_share):
        return Purpose.RATE
    chance = rng.random()
    if chance < house.gold_share:
        return Purpose.GOLD
    return Purpose.REPEAT if chance < house.gold_share + house.repeat_share else Purpose.RATE


def repeat(connection: Connection, voter_id: str, pool: Pool, house: House, rng: np.random.Generator) -> Drawn | None:
    """One of the voter's own pairs, sides swapped; None if there is none that lies back far enough."""
    candidates = [
        b
        for b in checks.repeatable(connection, voter_id, house.repeat_after)
        if b.cell.key in pool.cells and pool.holds(b.left.sha256) and pool.holds(b.right.sha256)
    ]
    if not candidates:
        return None
    chosen: Battle = candidates[int(rng.integers(len(candidates)))]
    return chosen.cell, chosen.right, chosen.left, chosen.rule, 1 / len(candidates)


def gold(
    connection: Connection, pool: Pool, seen: Seen, now: datetime, rng: np.random.Generator, *, simulated: bool
) -> Drawn | None:
    """A pair whose answer is known, declared by the operator if one is left for this voter; None if nothing is left.

    `connection` must be one that may write: the contender of spoilt images is made known at its first use.
    """
    drawn = _declared(connection, pool, seen, rng)
    return drawn or _spoilt(contenders.degraded(connection, now, simulated=simulated), pool, seen, rng)


def _declared(connection: Connection, pool: Pool, seen: Seen, rng: np.random.Generator) -> Drawn | None:
    possible = []
    for pair in checks.gold_pairs(connection):
        if pair.withdrawn_at is not None or {pair.better_sha256, pair.worse_sha256} & seen.revealed:
            continue
        met = [
            (a, b)
            for a in pool.named(pair.better_sha256)
            for b in pool.named(pair.worse_sha256)
            if a.cell == b.cell and (a.cell, *sorted((a.contender, b.contender))) not in seen.pairs
        ]
        possible += [m for m in met if m[0].contender != m[1].contender][:1]
    return _sided(pool, possible[int(rng.integers(len(possible)))], len(possible), rng) if possible else None


def _spoilt(spoilt: int, pool: Pool, seen: Seen, rng: np.random.Generator) -> Drawn | None:
    """An image whose maker was not told, beside a spoilt rendition of itself, which is made when it is shown."""
    shown = {cell for cell, low, high in seen.pairs if spoilt in {low, high}}
    drawn = pool.pick_any(seen, shown, rng)
    if drawn is None:
        return None
    better, possible = drawn
    worse = Entry(contender=spoilt, attempt_id=None, position=None, sha256=None, cell=better.cell)
    return _sided(pool, (better, worse), possible, rng)


def _sided(pool: Pool, pair: Sequence[Entry], possible: int, rng: np.random.Generator) -> Drawn:
    left, right = pair if rng.random() < 0.5 else (pair[1], pair[0])
    return pool.cells[left.cell], left, right, Rule.UNIFORM, 1 / possible
