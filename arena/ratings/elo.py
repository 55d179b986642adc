"""Online Elo, for a ticker alone: it depends on the order of the votes and stops improving, so it never ranks.

Elo 1978, The Rating of Chessplayers. K = 4 is what public arenas used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from arena.ratings.votes import Result

if TYPE_CHECKING:
    from arena.ratings.davidson import Array
    from arena.ratings.votes import Votes


def ticker(votes: Votes, k: float = 4.0, initial: float = 1000.0) -> Array:
    """The online rating of each contender after all votes in their order, shape (n,)."""
    rating = np.full(len(votes.contenders), initial)
    score = {Result.LEFT: 1.0, Result.RIGHT: 0.0, Result.TIE: 0.5}
    for i, j, result in zip(votes.left, votes.right, votes.result, strict=True):
        expected = 1 / (1 + 10 ** ((rating[j] - rating[i]) / 400))
        change = k * (score[Result(result)] - expected)
        rating[i] += change
        rating[j] -= change
    return rating
