"""Head-to-heads: who has won how often against whom, what the model expects, and which pairs are worth a look.

Two different claims stand beside each other. `win_share` is what was observed, of the votes that chose, with an
interval for one look at one pair. `verdict` is what may be claimed however often one looks and however many pairs there
are: it counts every prompt once, by who won more of its votes (`arena.ratings.sequence`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

from arena.metrics.clusters import codes, effective_n
from arena.metrics.intervals import wilson
from arena.ratings.davidson import probabilities
from arena.ratings.sequence import Lead, lead
from arena.ratings.votes import Result

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from arena.metrics.base import Figure
    from arena.reports.leaderboard import Leaderboard

Counts = np.ndarray[Any, np.dtype[np.int64]]
CONFIDENCE = 0.95
LEAST_EXPECTED = 5.0
"""A surprise is looked for where the model expects so many wins of either side at least: below, chance is coarse."""
LEAST_PROMPTS = 2
"""Of a pair that met on one prompt, nothing is said beyond that prompt: it is no highlight, whatever its votes."""
SHOWN = 5


@dataclass(frozen=True, slots=True)
class Matchup:
    """A pair that has met. `win_share` is of the votes that chose one of them, with Wilson's interval.

    `expected_share` is what the fitted model expects of these votes, with the sides on which they were shown.
    `surprise` is how many standard errors the share lies off that; None where too little is known to tell. `prompts` is
    on how many prompts they met.
    """

    a: str
    b: str
    votes: int
    a_wins: int
    b_wins: int
    ties: int
    win_share: Figure
    expected_share: float
    surprise: float | None
    prompts: int
    by_prompt: Lead

    @property
    def verdict(self) -> str:
        """Who may be called ahead however often one looks, or `open`."""
        return {"ahead": f"{self.a} ahead", "behind": f"{self.b} ahead"}.get(self.by_prompt.verdict, "open")

    def turned(self) -> Matchup:
        """The same from the other side."""
        share, said = self.win_share, self.by_prompt
        return Matchup(
            self.b, self.a, self.votes, self.b_wins, self.a_wins, self.ties,
            type(share)(_rest(share.value), share.n, _rest(share.high), _rest(share.low)),
            1 - self.expected_share,
            None if self.surprise is None else -self.surprise,
            self.prompts,
            Lead(said.losses, said.wins, _rest(said.share), 1 - said.high, 1 - said.low),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Highlights:
    """Pairs worth a look, a few of each kind, the most so first; see `highlights` for what counts as what."""

    closest: tuple[Matchup, ...]
    most_decisive: tuple[Matchup, ...]
    most_voted: tuple[Matchup, ...]
    surprises: tuple[Matchup, ...]


def matchups(board: Leaderboard) -> tuple[Matchup, ...]:
    """Every pair that has met, the most voted first; a is the one whose name comes first.

    Votes on one prompt lean the same way. So the interval of a share is that of as many independent votes as these are
    worth, and a claim counts every prompt once, by who won more of its votes, and allows for the number of pairs.
    """
    votes, n = board.columns, len(board.columns.contenders)
    low, high = np.minimum(votes.left, votes.right), np.maximum(votes.left, votes.right)
    swapped = votes.left > votes.right
    sign = np.select([votes.result == Result.LEFT, votes.result == Result.RIGHT], [1, -1], 0) * np.where(swapped, -1, 1)
    pair = low * n + high
    order = np.argsort(pair, kind="stable")
    codes_met, starts = np.unique(pair[order], return_index=True)
    expected = _expected_shares(board)
    found = []
    for code, mine in zip(codes_met, np.split(order, starts)[1:], strict=True):
        i, j = int(code) // n, int(code) % n
        pieces = (sign[mine], votes.prompt[mine], swapped[mine])
        found.append(_matchup(votes.contenders[i], votes.contenders[j], *pieces, expected[i, j], len(codes_met)))
    return tuple(sorted(found, key=lambda m: (-m.votes, m.a, m.b)))


def _expected_shares(board: Leaderboard) -> np.ndarray[Any, np.dtype[np.float64]]:
    """P(i wins | one of both is chosen) with i on the left and with i on the right, shape (n, n, 2)."""
    left, right, _ = probabilities(board.fitted.theta, board.fitted.side, board.fitted.tie)
    chosen = left / (left + right)
    return np.stack((chosen, 1 - chosen.T), axis=2)


def _matchup(
    a: str,
    b: str,
    sign: Counts,
    prompt: Counts,
    swapped: np.ndarray[Any, np.dtype[np.bool_]],
    expected: np.ndarray[Any, np.dtype[np.float64]],
    pairs: int,
) -> Matchup:
    """One pair from its votes: `sign` 1 where a won, -1 where b did, `swapped` where a stood on the right."""
    decided = sign != 0
    won = sign[decided] > 0
    worth = effective_n(won, codes(prompt[decided].tolist())) if won.size else 0.0
    share = wilson(int(won.sum()), int(won.size), worth)
    right = float(swapped[decided].mean()) if won.size else 0.5
    expects = float(expected[0] * (1 - right) + expected[1] * right)
    seen, place = np.unique(prompt, return_inverse=True)
    by_prompt = np.sign(np.bincount(place.reshape(-1), sign))
    said = lead(int((by_prompt > 0).sum()), int((by_prompt < 0).sum()), 1 - (1 - CONFIDENCE) / pairs)
    wins, losses = int(won.sum()), int(won.size - won.sum())
    surprise = _surprise(share.value, expects, worth) if seen.size >= LEAST_PROMPTS else None
    ties = int(sign.size) - wins - losses
    return Matchup(a, b, int(sign.size), wins, losses, ties, share, expects, surprise, int(seen.size), said)


def _surprise(share: float | None, expected: float, worth: float) -> float | None:
    """Standard errors between the share and what was expected, of as many independent votes as these are worth."""
    if share is None or worth * min(expected, 1 - expected) < LEAST_EXPECTED:
        return None
    return (share - expected) / math.sqrt(expected * (1 - expected) / worth)


def highlights(pairs: Sequence[Matchup], shown: int = SHOWN) -> Highlights:
    """A few pairs of each kind, each with its winner first.

    Closest: even is inside the interval, and its further end is nearest to even, so few votes are not close. Most
    decisive: even is outside, and the nearer end is furthest from it. Most voted: by votes. Surprises: further off what
    the model expects than chance would put any one of so many pairs in 95 % of boards (Šidák); either this pair has
    something of its own, or voters do not agree on one scale.
    """
    known = [m for m in pairs if m.win_share.low is not None and m.prompts >= LEAST_PROMPTS]
    tried = [m for m in pairs if m.surprise is not None]
    beyond = float(stats.norm.ppf((1 + CONFIDENCE ** (1 / len(tried))) / 2)) if tried else math.inf
    return Highlights(
        closest=_top([m for m in known if not _decided(m)], _furthest, shown),
        most_decisive=_top([m for m in known if _decided(m)], lambda m: -_least_lead(m), shown),
        most_voted=_top(pairs, lambda m: -m.votes, shown),
        surprises=_top([m for m in tried if abs(m.surprise or 0) > beyond], lambda m: -abs(m.surprise or 0), shown),
    )


def _top(pairs: Sequence[Matchup], key: Callable[[Matchup], float], shown: int) -> tuple[Matchup, ...]:
    """The first few by a key; of two the winner comes first."""
    first = sorted(pairs, key=key)[:shown]
    return tuple(m if (m.win_share.value or 0) >= 0.5 else m.turned() for m in first)


def _ends(matchup: Matchup) -> tuple[float, float]:
    """How far both ends of the interval lie above even."""
    return (matchup.win_share.low or 0.0) - 0.5, (matchup.win_share.high or 0.0) - 0.5


def _decided(matchup: Matchup) -> bool:
    low, high = _ends(matchup)
    return low > 0 or high < 0


def _furthest(matchup: Matchup) -> float:
    return max(abs(end) for end in _ends(matchup))


def _least_lead(matchup: Matchup) -> float:
    return min(abs(end) for end in _ends(matchup))


def _rest(share: float | None) -> float | None:
    return None if share is None else 1 - share


def flat_rows(pairs: Sequence[Matchup]) -> list[dict[str, Any]]:
    """One flat row a pair: what `--json` and files hold."""
    return [
        {
            "a": m.a,
            "b": m.b,
            "votes": m.votes,
            "a_wins": m.a_wins,
            "b_wins": m.b_wins,
            "ties": m.ties,
            "a_share": m.win_share.value,
            "a_share_low": m.win_share.low,
            "a_share_high": m.win_share.high,
            "a_share_expected": m.expected_share,
            "surprise_se": m.surprise,
            "prompts": m.prompts,
            "a_prompts": m.by_prompt.wins,
            "b_prompts": m.by_prompt.losses,
            "a_prompt_share_low": m.by_prompt.low,
            "a_prompt_share_high": m.by_prompt.high,
            "verdict": m.verdict,
        }
        for m in pairs
    ]
