"""Votes as scores of images: what an image won, minus what its endpoint's rating led to expect of that pair."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from arena.ratings.davidson import fit, probabilities
from arena.ratings.votes import Result, Votes
from arena.store.watched import ImageVote, image_votes

if TYPE_CHECKING:
    from datetime import datetime

    import pandas as pd

    from arena.store.engine import Connection

COLUMNS = ("endpoint", "simulated", "day", "prompt", "score")
SECONDS_PER_DAY = 86_400


def vote_scores(connection: Connection, start: datetime) -> pd.DataFrame:
    """One row an image and vote, in `COLUMNS`: 1 for a win, 1/2 for no preference, 0 for a loss, minus the expected.

    `day` is the UTC day on which the image was made. The expectation is that of ratings fitted to the same votes, so
    that a stronger opponent is no sign of worse images; whoever's images change moves those of its opponents a little,
    too, in the other direction.
    """
    import pandas as pd

    votes = image_votes(connection, start)
    found = [row for kind in (False, True) for row in scores_of([v for v in votes if v.simulated is kind])]
    return pd.DataFrame(found, columns=list(COLUMNS))


def scores_of(votes: list[ImageVote]) -> list[tuple[str, bool, int, str, float]]:
    """The rows of some votes, all of simulated or all of real images: two a vote, one for each side."""
    if not votes:
        return []
    rows = [(v.left, v.right, Result(v.result), "", "") for v in votes]
    columns = Votes.of(rows)
    fitted = fit(columns.counts())
    left_wins, _, tied = probabilities(fitted.theta, fitted.side, fitted.tie)
    expected = (left_wins + tied / 2)[columns.left, columns.right]
    got = np.array([1.0, 0.0, 0.5])[columns.result]
    found = []
    for vote, more in zip(votes, (got - expected).tolist(), strict=True):
        for endpoint, made, score in ((vote.left, vote.left_made, more), (vote.right, vote.right_made, -more)):
            day = int(made.timestamp() // SECONDS_PER_DAY)
            found.append((endpoint, vote.simulated, day, "", score))
    return found
