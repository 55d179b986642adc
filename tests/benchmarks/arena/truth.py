"""Skills, prompts that suit some contenders more than others, and votes drawn from them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from arena.ratings.davidson import ELO_PER_LOGIT
from arena.ratings.votes import Votes

TIE = 0.8  # about a quarter of the votes between equals


@dataclass(frozen=True)
class Truth:
    """`skill` in Elo (n,), `suits` in Elo (prompts, n): one image a contender and prompt."""

    skill: np.ndarray
    suits: np.ndarray

    @classmethod
    def drawn(cls, rng, n=30, prompts=100, spread_elo=80.0, prompt_elo=0.0):
        skill = rng.normal(0, spread_elo, n)
        suits = rng.normal(0, prompt_elo, (prompts, n)) if prompt_elo else np.zeros((prompts, n))
        return cls(skill - skill.mean(), suits)

    def vote(self, rng, left, right, prompt, tie=TIE, side=0.0):
        """Results for these pairs on these prompts."""
        gap = self.skill[left] + self.suits[prompt, left] - self.skill[right] - self.suits[prompt, right]
        eta = gap / ELO_PER_LOGIT + side
        won, lost = np.exp(eta / 2), np.exp(-eta / 2)
        draw = rng.random(len(left)) * (won + lost + tie)
        return np.where(draw < won, 0, np.where(draw < won + lost, 1, 2))

    def votes(self, rng, count, voters=500, tie=TIE, side=0.0):
        """Votes on uniform pairs."""
        n, prompts = len(self.skill), len(self.suits)
        left = rng.integers(0, n, count)
        right = (left + rng.integers(1, n, count)) % n
        prompt, voter = rng.integers(0, prompts, count), rng.integers(0, voters, count)
        result = self.vote(rng, left, right, prompt, tie, side)
        return Votes(tuple(f"m{i:03}" for i in range(n)), left, right, result, prompt, voter)
