"""Quality beside speed and cost: ratings joined with what was measured, and how likely who is on the frontier.

Ratings come from votes on every image of an endpoint, time and cost from the attempts of a window. Whatever lacks one
side of that is listed with the reason, never put at zero.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from arena.errors import ConfigError
from arena.ratings.contrasts import Contrast
from arena.ratings.draws import SEED, positive_draws, rating_draws
from arena.reports.board_rows import PROVISIONAL
from arena.reports.leaderboard import least_gaps_elo

if TYPE_CHECKING:
    from collections.abc import Sequence

    from arena.metrics.base import Figure
    from arena.ratings.davidson import Array
    from arena.reports.board_rows import Row
    from arena.reports.leaderboard import Leaderboard
    from arena.reports.summary import EndpointSummary

Against = Literal["cost", "speed"]
LIKELY = 0.5
"""From this chance on, a contender is taken to be on the frontier."""
_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Candidate:
    """An endpoint that is both rated and measured. Times are of time to image; cost is per 1,000 images."""

    endpoint: str
    provider: str
    rating: Row
    p50_ms: Figure
    p95_ms: Figure
    success: Figure
    usd_per_1000: Figure

    @property
    def elo(self) -> float:
        """Its rating, which every candidate has."""
        return float(self.rating.elo or 0.0)


@dataclass(frozen=True, slots=True)
class Omitted:
    """An endpoint that is left out, and why."""

    endpoint: str
    reasons: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """`lab/one: no votes yet; no success in this window`."""
        return f"{self.endpoint}: {'; '.join(self.reasons)}"


@dataclass(frozen=True, slots=True)
class Tradeoffs:
    """Candidates, best rated first, and who is none. `elo_draws` (draws, n) and `gaps_elo` (n, n) are in their order.

    `gaps_elo` is how far two must lie apart to be told apart, all pairs of the board compared at once: the same claims
    from which its tiers follow.
    """

    simulated: bool
    candidates: tuple[Candidate, ...]
    omitted: tuple[Omitted, ...]
    elo_draws: Array = field(repr=False)
    gaps_elo: Array = field(repr=False)

    def contrast(self, a: Candidate, b: Candidate) -> Contrast:
        """a - b with an interval that holds for all pairs at once."""
        half = float(self.gaps_elo[self.candidates.index(a), self.candidates.index(b)])
        return Contrast(a.elo - b.elo, a.elo - b.elo - half, a.elo - b.elo + half)


@dataclass(frozen=True, slots=True)
class Point:
    """A candidate and how likely it is on the frontier."""

    candidate: Candidate
    probability: float

    @property
    def likely(self) -> bool:
        """Whether it is likelier on the frontier than not."""
        return self.probability > LIKELY


@dataclass(frozen=True, slots=True)
class Frontier:
    """Rating against cost or speed: points from the cheapest or fastest on, and whom this figure lacks."""

    against: Against
    points: tuple[Point, ...]
    omitted: tuple[Omitted, ...]


def tradeoffs(board: Leaderboard, summaries: Sequence[EndpointSummary]) -> Tradeoffs:
    """Join a board of endpoints with figures of the same mode; simulated figures meet simulated ratings only.

    ConfigError for a board of models or providers: they have no one price and no one time.
    """
    if board.board.group_by != "endpoint":
        raise ConfigError("time and price belong to endpoints; leave --by out, or say --by endpoint")
    rows = {row.entrant: row for row in board.rows}
    figures = {s.endpoint: s for s in summaries if s.simulated == board.board.simulated}
    reasons = {name: _reasons(rows.get(name), figures.get(name)) for name in sorted({*rows, *figures})}
    joined = [_candidate(rows[name], figures[name]) for name, why in reasons.items() if not why]
    candidates = sorted(joined, key=lambda c: (-c.elo, c.endpoint))
    place = {name: i for i, name in enumerate(board.columns.contenders)}
    here = [place[c.endpoint] for c in candidates]
    elo = np.array([rows[name].elo for name in board.columns.contenders], dtype=float)
    return Tradeoffs(
        simulated=board.board.simulated,
        candidates=tuple(candidates),
        omitted=tuple(Omitted(name, why) for name, why in reasons.items() if why),
        elo_draws=rating_draws(board.precise, elo)[:, here],
        gaps_elo=least_gaps_elo(board)[np.ix_(here, here)],
    )


def _reasons(row: Row | None, summary: EndpointSummary | None) -> tuple[str, ...]:
    """Why an endpoint is no candidate; empty if it is one."""
    found = []
    if row is None:
        found.append("no votes yet")
    elif row.retired:
        found.append("retired")
    elif row.elo is None or row.provisional:
        found.append(row.note or PROVISIONAL)
    if summary is None:
        found.append("not measured in this window")
    elif summary.figures["time_to_image_p50_ms"].value is None:
        some = bool(summary.figures["success_rate"].value)
        found.append("no success on a warm connection in this window" if some else "no success in this window")
    return tuple(found)


def _candidate(row: Row, summary: EndpointSummary) -> Candidate:
    figures = summary.figures
    return Candidate(
        endpoint=row.entrant,
        provider=summary.provider,
        rating=row,
        p50_ms=figures["time_to_image_p50_ms"],
        p95_ms=figures["time_to_image_p95_ms"],
        success=figures["success_rate"],
        usd_per_1000=figures["cost_per_1000_usd"],
    )


def frontier(found: Tradeoffs, against: Against) -> Frontier:
    """How likely each candidate is on the frontier of rating against cost or speed.

    A candidate is on it if nobody is at least as good in both and better in one. The chance is the share of joint draws
    (`arena.ratings.draws`: ratings with their covariance, medians of time to image from their intervals) in which that
    holds. Cost is taken as known. Medians are drawn independently of each other and of the ratings: endpoints had the
    same prompts, which makes a difference better known than that, so chances are a little too near one half.
    """
    lacking = {c.endpoint: _lacking(c, against) for c in found.candidates}
    here = [i for i, c in enumerate(found.candidates) if lacking[c.endpoint] is None]
    chosen = [found.candidates[i] for i in here]
    elo = found.elo_draws[:, here]
    chances = on_frontier(elo, _burdens(chosen, against, len(elo)))
    points = [Point(c, float(p)) for c, p in zip(chosen, chances, strict=True)]
    also = [Omitted(name, (why,)) for name, why in lacking.items() if why is not None]
    omitted = sorted([*found.omitted, *also], key=lambda o: o.endpoint)
    return Frontier(against, tuple(sorted(points, key=lambda p: burden(p.candidate, against))), tuple(omitted))


def burden(candidate: Candidate, against: Against) -> float:
    """What one would have less of: dollars per 1,000 images, or milliseconds at the median."""
    figure = candidate.usd_per_1000 if against == "cost" else candidate.p50_ms
    return float(figure.value or 0.0)


def _lacking(candidate: Candidate, against: Against) -> str | None:
    if against == "cost":
        return "no price is known" if candidate.usd_per_1000.value is None else None
    p50 = candidate.p50_ms
    return f"its median rests on {p50.n} successes and has no interval" if p50.low is None else None


def _burdens(chosen: Sequence[Candidate], against: Against, draws: int) -> Array:
    """Draws of cost or time, shape (draws, n)."""
    if against == "cost":
        return np.tile([burden(c, against) for c in chosen], (draws, 1))
    normal = np.random.default_rng(SEED + 1).standard_normal((draws, len(chosen)))
    columns = [
        positive_draws(c.p50_ms.value or 0.0, c.p50_ms.low or 0.0, c.p50_ms.high or 0.0, normal[:, i])
        for i, c in enumerate(chosen)
    ]
    return np.column_stack(columns) if columns else normal


def on_frontier(quality: Array, burdens: Array) -> Array:
    """In what share of draws each of n is on the frontier; both of shape (draws, n), more quality, less burden."""
    beaten = np.zeros(quality.shape[1])
    for first in range(0, len(quality), _AT_ONCE):  # in pieces: all pairs of all draws at once would be large
        q, b = quality[first : first + _AT_ONCE], burdens[first : first + _AT_ONCE]
        no_worse = (q[:, None, :] >= q[:, :, None]) & (b[:, None, :] <= b[:, :, None])
        ahead = (q[:, None, :] > q[:, :, None]) | (b[:, None, :] < b[:, :, None])
        beaten += (no_worse & ahead).any(axis=2).sum(axis=0)
    return np.asarray(1 - beaten / max(1, len(quality)))


def flat_rows(found: Tradeoffs) -> list[dict[str, Any]]:
    """One flat row a candidate, with units in the names: what files and `--json` hold."""
    chances = {a: {p.candidate.endpoint: p.probability for p in frontier(found, a).points} for a in ("cost", "speed")}
    rows = []
    for c in found.candidates:
        row: dict[str, Any] = {
            "endpoint": c.endpoint,
            "provider": c.provider,
            "simulated": found.simulated,
            "tier": c.rating.tier,
            "elo": c.rating.elo,
            "elo_low": c.rating.low,
            "elo_high": c.rating.high,
            "votes": c.rating.votes,
        }
        for name in ("p50_ms", "p95_ms", "success", "usd_per_1000"):
            row |= {(name if key == "value" else f"{name}_{key}"): v for key, v in asdict(getattr(c, name)).items()}
        row["on_cost_frontier"] = chances["cost"].get(c.endpoint)
        row["on_speed_frontier"] = chances["speed"].get(c.endpoint)
        rows.append(row)
    return rows
