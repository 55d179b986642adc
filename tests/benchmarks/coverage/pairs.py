"""Intervals of differences between two sides, paired and not, beside two other ways to pair."""

from __future__ import annotations

import numpy as np

from arena.metrics.base import Figure
from arena.metrics.differences import quantile_difference, rate_difference
from tests.benchmarks.coverage.laws import LAWS, PAIR_SHIFT, Design, true_quantile, true_rates
from tests.benchmarks.coverage.score import Score

DESIGNS = [
    Design(30),
    Design(100),
    Design(300),
    Design(1000),
    Design(100, 1, 0.3, 0.1),
    Design(20, 10),
    Design(20, 10, 0.3, 0.1),
    Design(20, 10, 0.1, 0.3),
    Design(20, 50, 0.3, 0.1),
    Design(20, 50, 0.1, 0.3),
    Design(50, 4, 0.3, 0.1),
    Design(8, 12, 0.3, 0.1),
]
RESAMPLES = 199


def quantiles(law, q, design, runs, method="ours", *, paired=True):
    """How often the interval of the difference of two quantiles covers it."""
    rng = np.random.default_rng([3, LAWS.index(law), round(q * 100), design.prompts, design.repetitions])
    first = true_quantile(law, q, design.shared, design.own)
    truth = first * (1 - PAIR_SHIFT)
    ways = {"ours": _ours, "bootstrap": _bootstrap, "hodges-lehmann": _hodges_lehmann}
    return Score.of(truth, (ways[method](*design.pair(rng, law), q, design, rng, paired=paired) for _ in range(runs)))


def rates(design, runs, *, paired=True):
    """The same for success rates."""
    rng = np.random.default_rng([4, design.prompts, design.repetitions])
    one, other = true_rates(design.shared, design.own)
    labels = design.labels
    return Score.of(
        one - other, (rate_difference(*design.hits(rng), labels, labels, paired=paired) for _ in range(runs))
    )


def _ours(a, b, q, design, _, *, paired):
    return quantile_difference(a, b, q, design.labels, design.labels, paired=paired)


def _bootstrap(a, b, q, design, rng, *, paired):
    """Whole prompts drawn anew; the middle 95 % of the differences."""
    drawn = rng.integers(0, design.prompts, (RESAMPLES, design.prompts))
    sides = [x.reshape(design.prompts, -1)[drawn].reshape(RESAMPLES, -1) for x in (a, b)]
    found = np.quantile(sides[0], q, axis=1) - np.quantile(sides[1], q, axis=1)
    low, high = np.quantile(found, [0.025, 0.975])
    return Figure(float(found.mean()), a.size, float(low), float(high))


def _hodges_lehmann(a, b, q, design, _, *, paired):
    """The median of the pairs' differences' means with the signed-rank interval, which is of another quantity."""
    d, n = a - b, a.size
    walsh = np.sort(((d[:, None] + d[None, :]) / 2)[np.triu_indices(n)])
    out = int(max(0, walsh.size / 2 - 1.96 * np.sqrt(n * (n + 1) * (2 * n + 1) / 24)))
    return Figure(float(np.median(walsh)), n, float(walsh[out]), float(walsh[-1 - out]))


def report(share):
    runs = max(100, round(1500 * share))
    print(f"differences, {runs} runs a cell: paired, and in brackets the mean width over that of the unpaired interval")
    print("law        prompts × repetitions           p50 paired  p50 unpaired      p95 paired  p95 unpaired")
    for design in DESIGNS:
        for law in LAWS:
            cells = []
            for q in (0.5, 0.95):
                ours, apart = (quantiles(law, q, design, runs, paired=p) for p in (True, False))
                ratio = f" ({ours.width / apart.width:.2f})" if ours.shown and apart.shown else ""
                cells += [f"{ours}{ratio}", str(apart)]
            print(f"{law:10} {design!s:28}" + "".join(f"{text:>15}" for text in cells))
    print("\nsuccess rates                                paired       unpaired")
    for design in DESIGNS:
        paired, apart = (rates(design, runs, paired=p) for p in (True, False))
        told = f"{paired} ({paired.width / apart.width:.2f})"
        print(f"{'':10} {design!s:28}{told:>15}{apart!s:>15}")
    print("\nother ways to pair medians                     ours      bootstrap hodges-lehmann")
    few = max(100, runs // 4)
    for design in (Design(30), Design(100, 1, 0.3, 0.1), Design(20, 10, 0.3, 0.1)):
        for law in LAWS:
            scores = [quantiles(law, 0.5, design, few, method=m) for m in ("ours", "bootstrap", "hodges-lehmann")]
            print(f"{law:10} {design!s:28}" + "".join(f"{score!s:>15}" for score in scores))
    print()
