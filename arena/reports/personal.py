"""One voter's own board: what this person preferred, counted and no more.

It rates nobody. A few dozen votes of one person carry no rating: each entrant has met some others and not the rest, and
the interval is that of a share, as if all its votes were independent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from arena.domain.battle import Verdict
from arena.metrics.intervals import wilson
from arena.store.vote_facts import own_votes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from arena.metrics.base import Figure
    from arena.store.engine import Connection

LEAST_VOTES = 30
"""Below this, a board of one's own would be an anecdote; above, it is still few votes, and says so."""


@dataclass(frozen=True, slots=True)
class Preference:
    """How one entrant fared with this voter. `share` is that of its decided votes that it won, with n of them."""

    endpoint: str
    won: int
    lost: int
    tied: int
    share: Figure


@dataclass(frozen=True, slots=True)
class Personal:
    """A voter's own board over `votes` votes, most preferred first; no rows before there are enough votes."""

    votes: int
    rows: tuple[Preference, ...]

    @property
    def missing(self) -> int:
        """How many votes are wanting until there is a board."""
        return max(0, LEAST_VOTES - self.votes)


def personal(connection: Connection, voter_id: str, *, simulated: bool) -> Personal:
    """What a voter preferred, of simulated or of real images; skips, checks and votes taken back do not count."""
    votes = own_votes(connection, voter_id, simulated=simulated)
    if len(votes) < LEAST_VOTES:
        return Personal(len(votes), ())
    names = sorted({name for left, right, _ in votes for name in (left, right)})
    rows = [_preference(name, votes) for name in names]
    return Personal(
        len(votes), tuple(sorted(rows, key=lambda row: (-(row.share.value or 0.0), -row.won, row.endpoint)))
    )


def _preference(name: str, votes: Sequence[tuple[str, str, Verdict]]) -> Preference:
    mine = [(left == name, verdict) for left, right, verdict in votes if name in {left, right}]
    won = sum(verdict is (Verdict.LEFT if is_left else Verdict.RIGHT) for is_left, verdict in mine)
    decided = sum(verdict in {Verdict.LEFT, Verdict.RIGHT} for _, verdict in mine)
    return Preference(name, won, decided - won, len(mine) - decided, wilson(won, decided))
