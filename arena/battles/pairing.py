"""Which pair comes next: newcomers first, then the pairs whose order is least certain, and always some at random.

In a balanced pool hardly any rule beats chance by much; in a pool with a newcomer it matters fifteenfold. So most of
the draws go to who was seen least, as long as somebody lags behind; the rest to pairs that one more vote may put in
another order. A share that is drawn uniformly keeps every pair possible. The probability with which a pair was drawn is
stored with it, because whoever weighs the votes later needs it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtr

from arena.domain.battle import Rule

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from arena.ratings.davidson import Array

SHARES = {Rule.NEWCOMER: 0.70, Rule.UNCERTAIN: 0.20, Rule.UNIFORM: 0.10}
LAGGING = 0.5
"""Who has fewer than this share of the median number of votes is a newcomer."""
AT_LEAST_VOTES = 20
"""A median below this says that everybody is new."""
NEARNESS, SHARPNESS = 8, 3
"""How much a newcomer prefers opponents of its own strength, and the uncertain share the least certain pairs; chosen by
`make bench-arena`: 1 and 1 need a third more votes for a newcomer."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is known of n contenders: votes of each, skills in logits, standard errors of all differences."""

    votes: Array
    theta: Array
    errors: Array

    @classmethod
    def blank(cls, n: int) -> Outlook:
        """Nothing is known yet."""
        return cls(np.zeros(n), np.zeros(n), np.ones((n, n)))


@dataclass(frozen=True, slots=True)
class Pair:
    """Two contenders by index, the rule that drew them, and how likely this pair was to be drawn by any rule."""

    first: int
    second: int
    rule: Rule
    propensity: float


def draw(possible: NDArray[np.bool_], outlook: Outlook, rng: np.random.Generator) -> Pair | None:
    """One pair of those that are possible (shape (n, n), upper triangle), or None if there is none."""
    if not possible.any():
        return None
    by_rule = probabilities(possible, outlook)
    rules = list(by_rule)
    shares = np.array([share for share, _ in by_rule.values()])
    rule = rules[int(rng.choice(len(rules), p=shares))]
    chances = by_rule[rule][1]
    cell = int(rng.choice(chances.size, p=chances.ravel()))
    first, second = divmod(cell, chances.shape[1])
    propensity = sum(share * float(table[first, second]) for share, table in by_rule.values())
    return Pair(first, second, rule, min(1.0, propensity))


def probabilities(possible: NDArray[np.bool_], outlook: Outlook) -> dict[Rule, tuple[float, Array]]:
    """For each rule its share of the draws and, under it, the probability of every pair, shape (n, n), summing to 1.

    Without a newcomer their share goes to the pairs whose order is least certain.
    """
    uniform = possible / possible.sum()
    uncertain = _uncertain(possible, outlook)
    lag = _lag(possible, outlook)
    shares = dict(SHARES)
    if lag is None:
        shares[Rule.UNCERTAIN] += shares.pop(Rule.NEWCOMER)
        tables = {Rule.UNCERTAIN: uncertain, Rule.UNIFORM: uniform}
    else:
        tables = {Rule.NEWCOMER: _newcomers(possible, outlook, lag), Rule.UNCERTAIN: uncertain, Rule.UNIFORM: uniform}
    return {rule: (shares[rule], table) for rule, table in tables.items()}


def _lag(possible: NDArray[np.bool_], outlook: Outlook) -> Array | None:
    """How far each contender lags behind, or None if nobody does."""
    able = possible.any(axis=0) | possible.any(axis=1)
    median = max(float(np.median(outlook.votes[able])), AT_LEAST_VOTES)
    behind = np.where(able & (outlook.votes < LAGGING * median), median - outlook.votes, 0.0)
    return behind if behind.sum() > 0 else None


def _newcomers(possible: NDArray[np.bool_], outlook: Outlook, lag: Array) -> Array:
    """A newcomer in proportion to its lag, against anybody, rather of its own strength as far as that is known."""
    opponents = np.where(possible | possible.T, _information(outlook) ** NEARNESS, 0.0)
    total = opponents.sum(axis=1, keepdims=True)
    chosen = np.divide(opponents, total, out=np.zeros_like(opponents), where=total > 0) * (lag / lag.sum())[:, None]
    table = np.where(possible, chosen + chosen.T, 0.0)
    return np.asarray(table / table.sum())


def _uncertain(possible: NDArray[np.bool_], outlook: Outlook) -> Array:
    """In proportion to the chance that a pair stands in the wrong order, times what one vote would take off that."""
    gap = np.abs(outlook.theta[:, None] - outlook.theta[None, :])
    errors = np.where(outlook.errors > 0, outlook.errors, 1e-9)
    wrong = ndtr(-gap / errors)
    told = errors**2 * _information(outlook)
    gain = told / (1 + told)
    table = np.where(possible, (wrong * gain) ** SHARPNESS, 0.0)
    total = table.sum()
    return np.asarray(table / total) if total > 0 else possible / possible.sum()


def _information(outlook: Outlook) -> Array:
    """What one decided vote tells of each difference: p (1 - p), shape (n, n)."""
    return np.asarray(1 / (2 + 2 * np.cosh(outlook.theta[:, None] - outlook.theta[None, :])))
