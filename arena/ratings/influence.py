"""How much hangs on how few: which voters move the top, and how few votes would change it.

One Newton step from the fit tells what it would be without some votes (the approximate maximum influence perturbation
of Broderick, Giordano & Meager 2020, arXiv:2011.14999); what it claims of the top is held against a fit without them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from arena.ratings.davidson import ELO_PER_LOGIT, Array, Fit, fit
from arena.ratings.intervals import vote_scores

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from arena.ratings.votes import Votes


@dataclass(frozen=True, slots=True)
class Fragility:
    """The fewest votes found whose removal puts another contender first; `votes` None: no such set was found.

    `first` and `second` are indices of contenders, `gap_elo` is what lies between them.
    """

    first: int
    second: int
    gap_elo: float
    votes: int | None
    share: float | None


def gap_influence(fitted: Fit, votes: Votes, first: int, second: int) -> Array:
    """How many Elo each vote adds to the gap between two contenders, to first order; shape (m,)."""
    inverse = fitted.inverse()
    direction = (inverse[first] - inverse[second]) * ELO_PER_LOGIT
    values, columns = vote_scores(fitted, votes)
    return np.asarray((values * direction[columns]).sum(axis=1))


def by_voter(fitted: Fit, votes: Votes, first: int, second: int) -> tuple[NDArray[np.int64], Array]:
    """Voters by how much they move the gap, the strongest first, and by how many Elo each."""
    pull = np.bincount(votes.voter, gap_influence(fitted, votes, first, second))
    order = np.argsort(-np.abs(pull), kind="stable")
    return np.asarray(order, dtype=np.int64), np.asarray(pull[order])


def fragility(fitted: Fit, votes: Votes) -> Fragility | None:
    """How few votes decide who is first; None with fewer than two contenders."""
    if len(fitted.theta) < 2 or not len(votes):
        return None
    first, second = (int(i) for i in np.argsort(-fitted.theta, kind="stable")[:2])
    gap = float(fitted.elo[first] - fitted.elo[second])
    pull = gap_influence(fitted, votes, first, second)
    order = np.argsort(-pull, kind="stable")
    falls = np.cumsum(pull[order])
    enough = int(np.searchsorted(falls, gap)) + 1
    helpful = int((pull > 0).sum())
    for count in (enough, round(enough * 1.2) + 1, round(enough * 1.5) + 2):
        if count > helpful:
            break
        left = np.ones(len(votes), dtype=bool)
        left[order[:count]] = False
        if int(np.argmax(fit(votes.where(left).counts(), fitted.model, fitted).theta)) != first:
            return Fragility(first, second, gap, count, count / len(votes))
    return Fragility(first, second, gap, None, None)
