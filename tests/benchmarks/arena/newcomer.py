"""How often the interval of a newcomer holds, whose votes come from a few prompts, on a board of veterans with many."""

from __future__ import annotations

import numpy as np

from arena.ratings.contrasts import contrast
from arena.ratings.davidson import fit
from arena.ratings.intervals import precision
from arena.ratings.votes import Votes
from tests.benchmarks.arena.truth import Truth

VETERANS, VETERANS_VOTES, VETERANS_PROMPTS, VOTERS = 20, 8000, 100, 400
CELLS = [  # prompt effect in Elo, the newcomer's prompts, its votes, runs
    (50, 100, 200, 300),
    (50, 20, 200, 300),
    (50, 8, 200, 300),
    (50, 4, 200, 300),
    (100, 8, 200, 300),
    (100, 4, 200, 300),
    (100, 4, 2000, 300),
    (100, 2, 200, 300),
]
SKEWED = (100, 8, 200, 300)
"""The same again with half of the newcomer's votes on one prompt."""


def report(share: float) -> None:
    print(
        f"a newcomer among {VETERANS} veterans with {VETERANS_VOTES:,} votes on {VETERANS_PROMPTS} prompts: coverage of"
        " nominal 95 % intervals; aim >= 93 %"
    )
    print("prompt effect  its prompts  votes  runs  newcomer  against a veteran  veterans  half-width")
    cells = [(cell, False) for cell in CELLS] + [(SKEWED, True)]
    for (prompt_elo, prompts, votes, runs), skewed in cells:
        seeds = range(max(10, round(runs * share)))
        cell = [_run(seed, prompt_elo, prompts, votes, skewed=skewed) for seed in seeds]
        mine, gaps, others, width = (float(np.mean([c[k] for c in cell])) for k in range(4))
        shown = f"{prompts}{' (one has half)' if skewed else ''}"
        print(
            f"{prompt_elo:8} Elo {shown:>12} {votes:6,} {len(cell):5} {mine:9.1%} {gaps:18.1%} {others:9.1%}"
            f" {width:9.0f} Elo"
        )
    print()


def _run(seed: int, prompt_elo: float, prompts: int, count: int, *, skewed: bool) -> tuple[float, float, float, float]:
    """Whether the newcomer's interval covers, which share of its differences do, and of the veterans' intervals."""
    rng = np.random.default_rng([2027, seed, prompts, count])
    n = VETERANS + 1
    truth = Truth.drawn(rng, n, VETERANS_PROMPTS, prompt_elo=prompt_elo)
    skill = truth.skill - truth.skill[:VETERANS].mean()
    left = rng.integers(0, VETERANS, VETERANS_VOTES)
    right = (left + rng.integers(1, VETERANS, VETERANS_VOTES)) % VETERANS
    prompt = rng.integers(0, VETERANS_PROMPTS, VETERANS_VOTES)
    opponent, on_left = rng.integers(0, VETERANS, count), rng.random(count) < 0.5
    of_few = rng.integers(0, prompts, count)
    if skewed:
        of_few[: count // 2] = 0
    left = np.concatenate((left, np.where(on_left, VETERANS, opponent)))
    right = np.concatenate((right, np.where(on_left, opponent, VETERANS)))
    prompt = np.concatenate((prompt, of_few))
    result = truth.vote(rng, left, right, prompt, side=0.05)
    names = tuple(f"m{i:03}" for i in range(n))
    votes = Votes(names, left, right, result, prompt, rng.integers(0, VOTERS, len(left)))
    fitted = fit(votes.counts())
    veterans = np.arange(n) < VETERANS
    found = precision(fitted, votes, veterans)
    elo = fitted.elo - fitted.elo[veterans].mean()
    half = found.half_widths_elo(n)
    covered = np.abs(elo - skill) <= half
    gaps = [contrast(fitted, found, VETERANS, v) for v in range(VETERANS)]
    true = skill[VETERANS] - skill[:VETERANS]
    held = np.mean([g.low_elo <= t <= g.high_elo for g, t in zip(gaps, true, strict=True)])
    return float(covered[VETERANS]), float(held), float(covered[:VETERANS].mean()), float(half[VETERANS])
