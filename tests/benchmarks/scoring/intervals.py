"""How often the interval of a metric's agreement with votes holds the truth, over votes that share their prompts."""

from __future__ import annotations

import numpy as np

from arena.metrics.preference import preference

VOTES_PER_PROMPT = 8


def votes(rng: np.random.Generator, prompts: int) -> tuple[list[int], list[float], list[str]]:
    """People follow the metric more on some prompts than on others; one vote in five is a tie."""
    follows = np.repeat(rng.beta(4, 2, prompts), VOTES_PER_PROMPT)
    differences = rng.choice([-1.0, 1.0], follows.size)
    alike = rng.random(follows.size) < follows
    verdicts = np.where(alike, differences, -differences) * (rng.random(follows.size) > 0.2)
    names = [str(i) for i in np.repeat(np.arange(prompts), VOTES_PER_PROMPT)]
    return verdicts.astype(int).tolist(), differences.tolist(), names


def coverage(prompts: int, times: int = 400) -> float:
    """The share of so many data sets whose 95 % interval holds the true agreement, 4/6."""
    held = 0
    for seed in range(times):
        found = preference(*votes(np.random.default_rng(seed), prompts)).agreement
        held += found.low is not None and found.high is not None and found.low <= 4 / 6 <= found.high
    return held / times
