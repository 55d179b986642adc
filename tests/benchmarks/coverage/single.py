"""Intervals of one side's figures."""

from __future__ import annotations

import numpy as np
from scipy.stats import binom

from arena.metrics.intervals import clustered_rate, order_statistic_ranks, quantile
from tests.benchmarks.coverage.laws import LAWS, Design, true_quantile, true_rates
from tests.benchmarks.coverage.score import Score

QUANTILES = (0.5, 0.9, 0.95, 0.99)
SIZES = (30, 100, 300, 1000)
CLUSTERED = [
    Design(20, 10),
    Design(20, 10, 0.1),
    Design(20, 10, 0.3),
    Design(20, 50, 0.3),
    Design(50, 4, 0.3),
    Design(8, 12, 0.3),
    Design(20, 10, 0.6),
]


def exact(n, q):
    """The coverage that is proven for any continuous law; None where the interval is withheld."""
    ranks = order_statistic_ranks(n, q)
    return None if ranks is None else float(binom.cdf(ranks[1] - 1, n, q) - binom.cdf(ranks[0] - 1, n, q))


def quantiles(law, q, design, runs, *, plain=False):
    """How often the interval of a quantile covers it; `plain`: as if trials of one prompt shared nothing."""
    rng = np.random.default_rng([1, LAWS.index(law), round(q * 100), design.prompts, design.repetitions])
    truth = true_quantile(law, q, design.shared, design.own)
    labels = None if plain else design.labels
    return Score.of(truth, (quantile(design.times(rng, law), q, labels) for _ in range(runs)))


def rates(design, runs, *, plain=False):
    """The same for a success rate."""
    rng = np.random.default_rng([2, design.prompts, design.repetitions])
    truth = true_rates(design.shared, design.own)[0]
    labels = None if plain else design.labels
    return Score.of(truth, (clustered_rate(design.hits(rng)[0], labels) for _ in range(runs)))


def report(share):
    runs = max(100, round(4000 * share))
    print(f"one side, no prompt twice, {runs} runs a cell; in brackets the coverage that is proven for every law")
    print("law               n " + "".join(f"{f'p{q * 100:g}':>19}" for q in QUANTILES))
    for law in LAWS:
        for n in SIZES:
            cells = [(quantiles(law, q, Design(n), runs), exact(n, q)) for q in QUANTILES]
            told = ["withheld" if p is None else f"{score} ({p:.1%})" for score, p in cells]
            print(f"{law:10} {n:8} " + "".join(f"{text:>19}" for text in told))
    print("success rate      n")
    for n in SIZES:
        print(f"{'':10} {n:8} {rates(Design(n), runs)!s:>18}")
    print("\none side, prompts that repeat: clustered, and in brackets as if trials of one prompt shared nothing")
    print("law        prompts × repetitions             p50                p95       success rate")
    for design in CLUSTERED:
        rate = f"{rates(design, runs)} ({rates(design, runs, plain=True)})"
        for law in LAWS:
            told = [
                f"{quantiles(law, q, design, runs)} ({quantiles(law, q, design, runs, plain=True)})"
                for q in (0.5, 0.95)
            ]
            print(f"{law:10} {design!s:26}" + "".join(f"{text:>19}" for text in (*told, rate)))
    print()
