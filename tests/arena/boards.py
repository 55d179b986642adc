"""Boards over votes of a known truth, and summaries to stand beside them."""

from datetime import UTC, datetime

import numpy as np

from arena.domain.battle import Contender
from arena.metrics.base import Figure
from arena.metrics.figures import METRICS
from arena.ratings.davidson import ELO_PER_LOGIT
from arena.ratings.votes import Votes
from arena.reports.leaderboard import Board, rate
from arena.reports.summary import EndpointSummary


def board_of_skills(skills, votes=6000, *, prompts=100, voters=300, board=None, seed=0, retired=()):
    """A board of contenders with these skills in Elo, by name; every prompt and voter is neutral."""
    names, rng = tuple(sorted(skills)), np.random.default_rng(seed)
    skill, n = np.array([skills[name] for name in names], dtype=float), len(skills)
    left = rng.integers(0, n, votes)
    right = (left + rng.integers(1, n, votes)) % n
    wins = 1 / (1 + np.exp(-(skill[left] - skill[right]) / ELO_PER_LOGIT))
    result = np.where(rng.random(votes) < wins, 0, 1)
    drawn = Votes(names, left, right, result, rng.integers(0, prompts, votes), rng.integers(0, voters, votes))
    board, began = board or Board(), datetime(2026, 1, 1, tzinfo=UTC)
    everybody = [
        Contender(
            id=i, endpoint_id=name, simulated=board.simulated, provider=name.split("/")[0], model="m", family="f",
            added_at=began, retired_at=began if name in retired else None,
        )
        for i, name in enumerate(names, start=1)
    ]  # fmt: skip
    return rate(drawn, board, everybody)


def summary(endpoint, *, p50=(1000, 950, 1050), p95=(2000, 1900, 2100), success=(0.99, 0.97, 0.995), usd=10.0,
            n=200, simulated=False):  # fmt: skip
    """A summary with these figures; None is unknown, a number alone has no interval."""
    blank = {metric.name: Figure(None, 0) for metric in METRICS}
    told = {
        "time_to_image_p50_ms": _figure(p50, n),
        "time_to_image_p95_ms": _figure(p95, n),
        "success_rate": _figure(success, n),
        "cost_per_1000_usd": _figure(usd, n),
    }
    return EndpointSummary(endpoint, endpoint.split("/")[0], "m", None, simulated, blank | told, {}, 0)


def _figure(told, n):
    value, low, high = told if isinstance(told, tuple) else (told, None, None)
    return Figure(value, 0 if value is None else n, low, high)
