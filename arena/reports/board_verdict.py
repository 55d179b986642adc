"""What a board says in one sentence: whether anybody stands out, and what the first tier costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from arena.reports.leaderboard import least_gaps_elo
from arena.units import format_usd

if TYPE_CHECKING:
    from collections.abc import Mapping

    from arena.metrics.base import Figure
    from arena.reports.board_rows import Row
    from arena.reports.leaderboard import Leaderboard

WORTH_SAYING = 1.2
"""A price that is not a fifth lower is no news."""


def board_verdict(board: Leaderboard, usd_per_1000: Mapping[str, Figure]) -> str | None:
    """The verdict sentence of a board, or None where there is nothing honest to say.

    The rule, over the ranked entrants:

    1. Something must be told apart at all. With one tier only, "not told apart" would say that votes are few, not that
       anybody is good: None. Nor is anything said where the highest rated one is retired.
    2. If the highest rated one is told apart from every other, that is the sentence.
    3. Else it is compared with the cheapest of the first tier, by the prices given: what was charged per image in one
       window, for one mode and one size. They are not told apart, which is no proof that they are equal: what the votes
       leave open, by the same simultaneous comparison as the tiers, is part of the sentence.
    4. Without the price of the highest rated, or of anybody else in the tier: None. A price that is lower by less than
       a sixth is not worth a sentence; that nobody costs less is.
    """
    ranked = [row for row in board.rows if row.tier is not None]
    if len({row.tier for row in ranked}) < 2 or ranked[0].retired:
        return None
    best, place = ranked[0], {name: i for i, name in enumerate(board.columns.contenders)}
    gaps = least_gaps_elo(board)[place[best.entrant]]
    least_ahead = {row.entrant: _elo(best) - _elo(row) - gaps[place[row.entrant]] for row in ranked[1:]}
    if all(ahead > 0 for ahead in least_ahead.values()):
        others = "the other one that is ranked" if len(ranked) == 2 else f"all {len(ranked) - 1} others that are ranked"
        said: str | None = f"{_title(board, best)}, {best.entrant}, is told apart from {others}"
    else:
        first = [row for row in ranked if row.tier == 1 and not row.retired]
        prices = {row.entrant: usd_per_1000[row.entrant].value for row in first if row.entrant in usd_per_1000}
        known = {name: price for name, price in prices.items() if price is not None}
        said = _priced(
            _title(board, best),
            best,
            known,
            {row.entrant: _elo(best) - _elo(row) + gaps[place[row.entrant]] for row in first},
        )
    return f"simulated: {said}" if said and board.board.simulated else said


def _title(board: Leaderboard, best: Row) -> str:
    """What the best of the ranked is called: a provisional one may stand above it on the board."""
    above = any(row.provisional and _elo(row) > _elo(best) for row in board.rows)
    return "the highest rated that is not provisional" if above else "the highest rated"


def _elo(row: Row) -> float:
    return row.elo or 0.0


def _priced(title: str, best: Row, prices: Mapping[str, float], most_behind_elo: Mapping[str, float]) -> str | None:
    """The cheapest of the first tier beside its highest rated; `prices` are those known."""
    top = prices.get(best.entrant)
    if top is None or len(prices) < 2:
        return None
    cheapest, least = min(prices.items(), key=lambda item: (item[1], item[0] != best.entrant))
    written = [format_usd(price) for price in (least, top)]
    if cheapest == best.entrant:
        said = f"{title}, {cheapest}, costs no more than anybody of known price in tier 1"
        return f"{said}: {written[0]} per 1,000"
    if least > 0 and top / least < WORTH_SAYING:
        return None
    ratio = "free" if least == 0 else f"{_times(top / least)} cheaper"
    return (
        f"{ratio}, and not told apart from {title}, {best.entrant}: {cheapest} at {written[0]} instead of "
        f"{written[1]} per 1,000; the votes leave open that it is up to {most_behind_elo[cheapest]:.0f} Elo worse"
    )


def _times(ratio: float) -> str:
    """`6.4×`, `12×`, rounded down: as many times as it is at least."""
    return f"{int(ratio * 10) / 10:g}×" if ratio < 10 else f"{int(ratio):,}×"
