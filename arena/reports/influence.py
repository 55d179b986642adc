"""Who moves the top of a board, and how few votes would change it: in names instead of indices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from arena.ratings.influence import by_voter, fragility
from arena.store.vote_facts import voters_by_key

if TYPE_CHECKING:
    from arena.reports.leaderboard import Leaderboard
    from arena.store.engine import Connection

MOST_VOTERS = 20


def influence(connection: Connection, board: Leaderboard) -> dict[str, Any] | None:
    """The fragility of the first place and the voters who move it most; None where nobody can be first yet."""
    found = fragility(board.fitted, board.columns)
    if found is None:
        return None
    names = board.columns.contenders
    order, pull = by_voter(board.fitted, board.columns, found.first, found.second)
    keys = voters_by_key(connection)
    voters = [
        {
            "voter": keys.get(int(board.voter_keys[v]), "unknown"),
            "votes": int((board.columns.voter == v).sum()),
            "moves_gap_elo": float(elo),
        }
        for v, elo in zip(order[:MOST_VOTERS], pull[:MOST_VOTERS], strict=True)
    ]
    return {
        "first": names[found.first],
        "second": names[found.second],
        "gap_elo": found.gap_elo,
        "votes_that_would_change_it": found.votes,
        "share_of_votes": found.share,
        "voters": voters,
    }
