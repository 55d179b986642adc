"""The rules of the house."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from arena.settings import Settings

PAIRS_PER_VOTE = 4
"""Pairs are drawn that get no vote: by a reload, a second window, a pair that was loaded and never looked at."""


@dataclass(frozen=True, slots=True)
class House:
    """The rules of the house. Caps count votes, and pairs that were drawn, in a sliding day; None: no cap.

    Of all pairs, `gold_share` have a known answer and `repeat_share` were shown to the same voter before, at least
    `repeat_after` pairs ago, with the sides swapped. Neither rates anybody.
    """

    expires_after_s: float = 900.0
    least_dwell_ms: int = 700
    undo_within_s: float = 8.0
    votes_per_voter_and_day: int | None = 500
    votes_per_network_and_day: int | None = 2000
    pairs_per_voter_and_day: int | None = 2000
    gold_share: float = 0.0
    repeat_share: float = 0.0
    repeat_after: int = 10

    @classmethod
    def of(cls, settings: Settings) -> House:
        """The rules that the operator's settings make."""
        return cls(
            votes_per_voter_and_day=settings.votes_per_voter_and_day,
            votes_per_network_and_day=settings.votes_per_network_and_day,
            pairs_per_voter_and_day=PAIRS_PER_VOTE * settings.votes_per_voter_and_day,
            gold_share=settings.vote_gold_share,
            repeat_share=settings.vote_repeat_share,
        )
