"""Votes drawn from a known truth."""

import numpy as np

from arena.ratings.davidson import ELO_PER_LOGIT
from arena.ratings.votes import Votes


def simulate(n=8, votes=2000, prompts=20, voters=50, *, tie=0.0, side=0.0, spread_elo=80, prompt_elo=0, seed=0):
    """True skills on the Elo scale (mean 0), and votes; `prompt_elo` is the spread of how prompts suit contenders."""
    rng = np.random.default_rng(seed)
    skill = rng.normal(0, spread_elo, n)
    skill -= skill.mean()
    suits = rng.normal(0, prompt_elo, (prompts, n)) if prompt_elo else np.zeros((prompts, n))
    left = rng.integers(0, n, votes)
    right = (left + rng.integers(1, n, votes)) % n
    prompt, voter = rng.integers(0, prompts, votes), rng.integers(0, voters, votes)
    gap = (skill[left] + suits[prompt, left] - skill[right] - suits[prompt, right]) / ELO_PER_LOGIT + side
    won, lost = np.exp(gap / 2), np.exp(-gap / 2)
    draw = rng.random(votes) * (won + lost + tie)
    result = np.where(draw < won, 0, np.where(draw < won + lost, 1, 2))
    return skill, Votes(tuple(f"m{i:03}" for i in range(n)), left, right, result, prompt, voter)
