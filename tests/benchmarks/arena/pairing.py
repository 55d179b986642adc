"""How many votes the pairing needs."""

from __future__ import annotations

import numpy as np
from scipy.stats import kendalltau

from arena.battles.pairing import Outlook, probabilities
from arena.ratings.davidson import ELO_PER_LOGIT, fit
from tests.benchmarks.arena.truth import Truth

N = 30


def report(share: float) -> None:
    _newcomer(max(3, round(30 * share)))
    _kendall(max(2, round(12 * share)))


def _newcomer(runs: int) -> None:
    """29 settled contenders of 2,000 votes each and one that nobody has seen: votes in all until it is known to ±30."""
    needed = [_votes_until_known(seed) for seed in range(runs)]
    print(
        f"a newcomer among 29 settled contenders, until ±30 Elo: {np.mean(needed):.0f} votes in all on average, "
        f"{max(needed)} at most, {runs} runs (aim <= 600)"
    )


def _votes_until_known(seed: int) -> int:
    rng = np.random.default_rng([30, seed])
    truth = Truth.drawn(rng, N)
    counts = np.zeros((N, N, 3))
    settled = truth.votes(rng, 29_000, tie=0.0)
    among = (settled.left < N - 1) & (settled.right < N - 1)
    np.add.at(counts, (settled.left[among], settled.right[among], settled.result[among]), 1)
    fitted, cast = fit(counts), 0
    while True:
        half = 1.96 * _error(fitted, N - 1) * ELO_PER_LOGIT
        if half <= 30 or cast >= 5000:
            return cast
        _cast(rng, truth, counts, fitted, 20, tie=0.0)
        cast += 20
        fitted = fit(counts, start=fitted)


def _kendall(runs: int) -> None:
    """All new at first, no ties: votes until the order agrees with the truth to Kendall's tau of 0.95 on average."""
    grid = np.unique(np.geomspace(1000, 60_000, 40).astype(int))
    by_rule = {"arena's pairing": True, "uniform pairs": False}
    for name, ours in by_rule.items():
        taus = np.mean([_path(seed, grid, ours=ours) for seed in range(runs)], axis=0)
        reached = grid[np.argmax(taus >= 0.95)] if (taus >= 0.95).any() else None
        at = {k: float(np.interp(k, grid, taus)) for k in (3000, 12_000, 44_000)}
        shown = ", ".join(f"{k:,}: {tau:.3f}" for k, tau in at.items())
        print(f"Kendall's tau over {N} contenders, {name}: 0.95 on average at {reached} votes ({shown}), {runs} runs")
    print("  (aim: 44,000)\n")


def _path(seed: int, grid: np.ndarray, *, ours: bool) -> list[float]:
    rng = np.random.default_rng([95, seed])
    truth = Truth.drawn(rng, N)
    counts = np.zeros((N, N, 3))
    fitted, cast, taus = fit(counts), 0, []
    for goal in grid:
        while cast < goal:
            step = min(max(50, cast // 50), goal - cast)
            _cast(rng, truth, counts, fitted if ours else None, step, tie=0.0)
            cast += step
            if ours:
                fitted = fit(counts, start=fitted)
        fitted = fit(counts, start=fitted)
        taus.append(float(kendalltau(fitted.theta, truth.skill).statistic))
    return taus


def _cast(rng, truth, counts, fitted, step, tie) -> None:
    """Some votes on pairs that the pairing draws from what is known, or on uniform ones."""
    possible = np.triu(np.ones((N, N), dtype=bool), 1)
    table = possible / possible.sum()
    if fitted is not None:
        played = counts.sum(axis=(1, 2)) + counts.sum(axis=(0, 2))
        by_rule = probabilities(possible, Outlook(played, fitted.theta, _errors(fitted)))
        table = sum(share * chances for share, chances in by_rule.values())
    cells = rng.choice(N * N, size=step, p=table.ravel())
    flip = rng.random(step) < 0.5
    first, second = cells // N, cells % N
    left, right = np.where(flip, first, second), np.where(flip, second, first)
    prompt = rng.integers(0, len(truth.suits), step)
    np.add.at(counts, (left, right, truth.vote(rng, left, right, prompt, tie)), 1)


def _errors(fitted) -> np.ndarray:
    """Of differences, from the curvature: what the app's outlook comes to without clusters."""
    inverse = fitted.inverse()[:N, :N]
    variance = np.diag(inverse)
    return np.sqrt(np.maximum(variance[:, None] + variance[None, :] - 2 * inverse, 0))


def _error(fitted, index: int) -> float:
    """Of one skill relative to the mean."""
    centring = np.eye(N) - 1 / N
    return float(np.sqrt((centring @ fitted.inverse()[:N, :N] @ centring.T)[index, index]))
