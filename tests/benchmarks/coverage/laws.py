"""Latencies and successes whose truth is known: three laws, with and without what prompts do."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

LAWS = ("lognormal", "bimodal", "pareto")
PAIR_SHIFT = 1.1
"""The second side of a pair takes so many times as long."""
MANY = 4_000_000


def draw(rng, law, shape):
    """Times of no particular unit: spread as real providers' are; cold starts apart; without a variance."""
    match law:
        case "lognormal":
            return np.exp(rng.normal(0, 0.56, shape))
        case "bimodal":
            return np.where(rng.random(shape) < 0.7, rng.normal(1, 0.1, shape), rng.normal(3, 0.4, shape))
        case "even":  # the median lies in the gap: the hardest case for any rule that looks at widths
            return np.where(rng.random(shape) < 0.5, rng.normal(1, 0.1, shape), rng.normal(3, 0.4, shape))
        case "pareto":
            return 1 + rng.pareto(1.5, shape)
    raise ValueError(law)


@dataclass(frozen=True)
class Design:
    """`prompts` × `repetitions` cells. Prompts slow both sides alike by `shared` (of the logarithm), each by `own`."""

    prompts: int
    repetitions: int = 1
    shared: float = 0.0
    own: float = 0.0

    @property
    def labels(self):
        """The prompt of each cell; None where none repeats."""
        return None if self.repetitions == 1 else np.repeat(np.arange(self.prompts), self.repetitions).tolist()

    def times(self, rng, law):
        """One side's times, shape (cells,)."""
        return self.pair(rng, law)[0]

    def pair(self, rng, law):
        """Both sides' times of the same cells."""
        both = rng.normal(0, self.shared, self.prompts)
        sides = []
        for scale in (1.0, PAIR_SHIFT):
            effect = np.exp(both + rng.normal(0, self.own, self.prompts))[:, None]
            sides.append((scale * effect * draw(rng, law, (self.prompts, self.repetitions))).ravel())
        return sides

    def hits(self, rng, base=(2.2, 1.8)):
        """Both sides' successes of the same cells: about 90 and 86 in 100."""
        both = rng.normal(0, 3 * self.shared, self.prompts)
        chances = [1 / (1 + np.exp(-(b + both + rng.normal(0, 3 * self.own, self.prompts)))) for b in base]
        return [(rng.random((self.repetitions, self.prompts)) < chance).T.ravel() for chance in chances]

    def __str__(self):
        effect = f", effects {self.shared:g}/{self.own:g}" if self.shared or self.own else ""
        return f"{self.prompts} × {self.repetitions}{effect}"


@cache
def true_quantile(law, q, shared=0.0, own=0.0):
    """Of one trial on a prompt that was drawn at random."""
    return float(np.quantile(Design(MANY, 1, shared, own).times(np.random.default_rng(99), law), q))


@cache
def true_rates(shared=0.0, own=0.0):
    """Of both sides."""
    return [float(side.mean()) for side in Design(MANY, 1, shared, own).hits(np.random.default_rng(99))]
