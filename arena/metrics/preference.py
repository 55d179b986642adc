"""How far a metric goes with what people prefer, vote by vote.

A vote says that the left image is better (1), that the right one is (-1), or neither (0); a metric says the same by the
sign of its difference. Of those pairs of signs there are three usual summaries: the share of decided votes that the
metric decided alike, Goodman & Kruskal's gamma (1954, JASA 49:732-764), and Kendall's tau-b (1945, Biometrika
33:239-251), which ties on either side hold down.

Votes on one prompt share it, so intervals come from a bootstrap that draws whole prompts. Percentiles are taken further
out than 2.5 %, by as much as Student's t and the small number of prompts ask for (Hesterberg 2015, Am. Stat.
69:371-386, expanded percentile interval). They speak of prompts like these, and of people like these voters.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from arena.metrics.base import Figure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

LEAST_PROMPTS = 10
"""Below it no interval is shown: too few clusters for a bootstrap."""
DRAWS = 4000
SEED = 20


@dataclass(frozen=True, slots=True)
class Preference:
    """The three summaries over `votes` votes on `prompts` prompts; `decided`: neither the vote nor the metric ties."""

    votes: int
    prompts: int
    decided: int
    agreement: Figure
    gamma: Figure
    tau_b: Figure


def preference(verdicts: Sequence[int], differences: Sequence[float], prompts: Sequence[str]) -> Preference:
    """Votes (-1, 0, 1), the metric's left less right (turned so that higher is better), and the prompt of each."""
    from scipy.special import ndtr, stdtrit

    vote, sign = np.asarray(verdicts, dtype=float), np.sign(np.asarray(differences, dtype=float))
    names, cluster = np.unique(np.asarray(prompts, dtype=object).astype(str), return_inverse=True)
    count = len(names)
    parts = np.array(
        [
            np.bincount(cluster, weights=column, minlength=count)
            for column in ((vote * sign) > 0, (vote * sign) < 0, vote != 0, sign != 0)
        ],
        dtype=float,
    )
    alike, unlike = parts[0].sum(), parts[1].sum()
    point = _summaries(parts.sum(axis=1)[:, None])[:, 0]
    sizes = int(alike + unlike), int(alike + unlike), len(vote)
    bounds: list[tuple[float | None, float | None]] = [(None, None)] * 3
    if count >= LEAST_PROMPTS:
        rng = np.random.default_rng(SEED)
        drawn = _summaries(parts @ rng.multinomial(count, np.full(count, 1 / count), size=DRAWS).T)
        tail = float(ndtr(math.sqrt(count / (count - 1)) * stdtrit(count - 1, 0.025)))
        bounds = [_percentiles(values, tail) for values in drawn]
    figures = [
        Figure(None if math.isnan(v) else float(v), n, *(bound if not math.isnan(v) else (None, None)))
        for v, n, bound in zip(point, sizes, bounds, strict=True)
    ]
    return Preference(len(vote), count, int(alike + unlike), *figures)


def _summaries(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Agreement, gamma and tau-b, shape (3, k), of k columns of: alike, unlike, votes and signs that are no ties."""
    alike, unlike, voted, signed = sums
    with np.errstate(divide="ignore", invalid="ignore"):
        decided = alike + unlike
        return np.array(
            [alike / decided, (alike - unlike) / decided, (alike - unlike) / np.sqrt(voted * signed)],
            dtype=np.float64,
        )


def _percentiles(values: NDArray[np.float64], tail: float) -> tuple[float | None, float | None]:
    """The interval of the draws that have a value; none if many have not.

    Nor where all draws are alike, as when not one vote went the other way: that only says that none was seen.
    """
    known = values[~np.isnan(values)]
    if known.size < 0.9 * values.size or np.ptp(known) == 0:
        return None, None
    low, high = np.quantile(known, [tail, 1 - tail])
    return float(low), float(high)
