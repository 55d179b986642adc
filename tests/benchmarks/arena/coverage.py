"""How often intervals and claims hold."""

from __future__ import annotations

import numpy as np

from arena.ratings.contrasts import better
from arena.ratings.davidson import ELO_PER_LOGIT, fit
from arena.ratings.intervals import precision
from arena.ratings.sequence import lead
from tests.benchmarks.arena.truth import Truth

N = 30
CELLS = [  # prompt effect in Elo, prompts, votes, voters, runs
    (50, 20, 10_000, 500, 200),
    (50, 20, 100_000, 2000, 100),
    (100, 20, 10_000, 500, 200),
    (100, 20, 100_000, 2000, 100),
    (50, 100, 10_000, 500, 100),
    (0, 100, 10_000, 500, 100),
]


def report(share: float) -> None:
    print(f"coverage of nominal 95 % intervals, {N} contenders, a quarter of ties; aim 93-97 %, whole boards >= 93 %")
    print("prompt effect  prompts    votes   runs  clustered  plain  board's claims hold  half-width")
    for prompt_elo, prompts, votes, voters, runs in CELLS:
        cell = [_run(seed, prompt_elo, prompts, votes, voters) for seed in range(max(5, round(runs * share)))]
        covered, plain, held, width = (float(np.mean([c[k] for c in cell])) for k in range(4))
        print(
            f"{prompt_elo:8} Elo {prompts:9} {votes:9,} {len(cell):6} {covered:9.1%} {plain:7.1%} {held:16.1%}"
            f" {width:12.1f} Elo"
        )
    _looks(max(50, round(1000 * share)))


def _run(seed: int, prompt_elo: float, prompts: int, count: int, voters: int) -> tuple[float, float, float, float]:
    rng = np.random.default_rng([2026, seed, prompts, count])
    truth = Truth.drawn(rng, N, prompts, prompt_elo=prompt_elo)
    votes = truth.votes(rng, count, voters, side=0.05)
    fitted = fit(votes.counts())
    found = precision(fitted, votes)
    off = np.abs(fitted.elo - truth.skill)
    half = found.half_widths_elo(N)
    plain = 1.96 * np.sqrt(np.diag(found.independent)[:N]) * ELO_PER_LOGIT
    wrong = better(fitted, found) & (truth.skill[:, None] <= truth.skill[None, :])
    return float(np.mean(off <= half)), float(np.mean(off <= plain)), float(not wrong.any()), float(half.mean())


def _looks(runs: int) -> None:
    """Two equals, looked at after every vote."""
    rng = np.random.default_rng(7)
    wrong = plain = 0
    for _ in range(runs):
        wins = np.cumsum(rng.random(5000) < 0.5)
        m = np.arange(1, 5001)
        wrong += any(lead(int(w), int(k - w)).verdict != "open" for w, k in zip(wins[::5], m[::5], strict=True))
        share = wins[9:] / m[9:]
        plain += bool(np.any(np.abs(share - 0.5) > 1.96 * np.sqrt(0.25 / m[9:])))
    print(
        f"claims between equals, looked at up to 5,000 votes, {runs} runs: wrong at some time in {wrong / runs:.1%}"
        f" (aim <= 5 %), with a plain 95 % interval in {plain / runs:.1%}\n"
    )
