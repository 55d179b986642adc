"""The rows of a leaderboard, and what must be said with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from arena.ratings.contrasts import better, rank_ranges, tiers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from arena.ratings.connectivity import Connectivity
    from arena.ratings.davidson import Fit
    from arena.ratings.intervals import Precision
    from arena.ratings.votes import Votes

Mask = np.ndarray[Any, np.dtype[np.bool_]]
ANCHOR_ELO = 1000.0
"""The mean of a board's settled contenders."""
PROVISIONAL_HALF_WIDTH_ELO = 100.0
"""An entrant whose interval is wider than this to either side is listed, and is not ranked."""
PROVISIONAL = "provisional: its rating is not known well enough yet"
"""What is said of who is listed and not ranked, where nothing more is known: a wide interval, or far fewer votes."""
FEW_PROMPTS = FEW_VOTERS = 10
ONE_VOTER_SHARE = 0.3


@dataclass(frozen=True, slots=True)
class Row:
    """One entrant. `elo` is None where no vote links it to the board, `low` or `high` where that side is open.

    `votes` counts those that it took part in, whatever they weigh; `win_rate` weighs them.
    `provisional` ones are listed and not ranked: no tier, no ranks.
    """

    entrant: str
    provider: str
    elo: float | None
    low: float | None
    high: float | None
    votes: int
    win_rate: float | None
    tier: int | None
    rank_best: int | None
    rank_worst: int | None
    provisional: bool
    note: str
    retired: bool = False


@dataclass(frozen=True, slots=True)
class Entrant:
    """Who stands behind an entrant: its providers, and whether it still takes part."""

    providers: frozenset[str]
    active: bool


@dataclass(frozen=True, slots=True)
class Rated:
    """The contenders that votes link, with their fit; `settled` have been seen often enough to hold others against."""

    votes: Votes
    fitted: Fit
    precise: Precision
    settled: Mask

    @property
    def elo(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        """Ratings; the mean of the settled is the anchor."""
        chosen = self.settled if self.settled.any() else np.ones_like(self.settled)
        anchor = self.fitted.elo[chosen].mean() if chosen.size else 0.0
        return np.asarray(ANCHOR_ELO + self.fitted.elo - anchor)


def board_rows(votes: Votes, linked: Connectivity, rated: Rated, entrants: Mapping[str, Entrant]) -> tuple[Row, ...]:
    """Best first; then those whom no vote links to the board, by name."""
    n = len(rated.votes.contenders)
    half, elo, played = rated.precise.half_widths_elo(n), rated.elo, rated.votes.played()
    cast = rated.votes.cast()
    whole = {name: i for i, name in enumerate(votes.contenders)}
    place = [whole[name] for name in rated.votes.contenders]
    unbeaten, winless = linked.never_lost[place], linked.never_won[place]
    ranked = rated.settled & (half <= PROVISIONAL_HALF_WIDTH_ELO) & ~unbeaten & ~winless
    is_better = better(rated.fitted, rated.precise, ranked)
    tier, ranks = tiers(rated.fitted, is_better), rank_ranges(is_better, ranked)
    won, tied = rated.votes.gained()
    rows = []
    for i in np.argsort(-elo, kind="stable"):
        name, finite = rated.votes.contenders[i], bool(np.isfinite(half[i]))
        row = Row(
            entrant=name,
            provider=_providers(entrants, name),
            elo=float(elo[i]),
            low=float(elo[i] - half[i]) if finite and not winless[i] else None,
            high=float(elo[i] + half[i]) if finite and not unbeaten[i] else None,
            votes=int(cast[i]),
            win_rate=float((won[i] + tied[i] / 2) / played[i]) if played[i] else None,
            tier=int(tier[i]) if ranked[i] else None,
            rank_best=int(ranks[i, 0]) if ranked[i] else None,
            rank_worst=int(ranks[i, 1]) if ranked[i] else None,
            provisional=not ranked[i],
            note=_note(bool(unbeaten[i]), bool(winless[i])),
            retired=name in entrants and not entrants[name].active,
        )
        rows.append(row)
    rows += [_outside(votes, int(i), linked, entrants) for i in np.flatnonzero(~linked.main)]
    return tuple(rows)


def _outside(votes: Votes, i: int, linked: Connectivity, entrants: Mapping[str, Entrant]) -> Row:
    """An entrant of which the board's votes say nothing."""
    name, played = votes.contenders[i], int(votes.cast()[i])
    note = "not comparable: no vote links it to the others" if linked.component[i] >= 0 else "no votes yet"
    retired = name in entrants and not entrants[name].active
    return Row(
        name, _providers(entrants, name), None, None, None, played, None, None, None, None,
        provisional=True, note=note, retired=retired,
    )  # fmt: skip


def _providers(entrants: Mapping[str, Entrant], name: str) -> str:
    return ", ".join(sorted(entrants[name].providers)) if name in entrants else ""


def _note(unbeaten: bool, winless: bool) -> str:
    if unbeaten:
        return "has not lost yet: how far above the others it stands is open"
    if winless:
        return "has not won yet: how far below the others it stands is open"
    return ""


def warnings_of(votes: Votes, precise: Precision, linked: Connectivity, design: float) -> tuple[str, ...]:
    """What a reader of the board must know, in sentences."""
    if not len(votes):
        return ("no votes yet",)
    found = []
    if precise.prompts < FEW_PROMPTS:
        noun = "prompt" if precise.prompts == 1 else "prompts"
        found.append(f"only {precise.prompts} {noun}: claims hold for these prompts, hardly for others")
    if precise.voters < FEW_VOTERS:
        noun = "voter" if precise.voters == 1 else "voters"
        found.append(f"only {precise.voters} {noun}: claims hold for their taste, hardly for that of others")
    else:
        most = float(np.bincount(votes.voter).max()) / len(votes)
        if most > ONE_VOTER_SHARE:
            found.append(f"one voter cast {most:.0%} of the votes: claims lean on that one's taste")
    if linked.components > 1:
        found.append(f"{linked.components} groups that no vote links: only the largest is rated")
    if linked.separated:
        found.append("one group has won every vote against the rest: the gap between them rests on the prior alone")
    if np.isfinite(design) and design > 1.1:
        worth = round(len(votes) / design)
        found.append(f"votes share prompts and voters: these {len(votes):,} votes carry the information of {worth:,}")
    return tuple(found)
