"""Intervals at the moment at which a run stops because they are narrow enough."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from arena.metrics.intervals import quantile
from arena.metrics.sequential import Precision, looks, width
from tests.benchmarks.coverage.laws import LAWS, Design, true_quantile

PROMPTS = 20
MOST = 2000
CELLS = [  # law, quantile, relative width, prompt effect
    *((law, 0.5, w, 0.0) for law in (*LAWS, "even") for w in (0.3, 0.1)),
    *((law, 0.95, 0.5, 0.0) for law in LAWS),
    *((law, 0.5, 0.3, 0.2) for law in LAWS),
]


@dataclass(frozen=True)
class Stopped:
    """Shares of the runs: whose interval at the stop covered, whose plain 95 % interval of the values so far did."""

    covered: float
    plain: float
    reached: float
    values: float
    naive: float
    naive_values: float


def stop(law, q, relative_width, effect, runs, most=MOST):
    """Runs that stop by the rule; `naive`: by the first plain interval that is narrow enough, at the same looks."""
    rng = np.random.default_rng([5, round(q * 100), round(relative_width * 100), sum(map(ord, law))])
    truth = true_quantile(law, q, effect)
    found = [_run(rng, law, q, relative_width, effect, most, truth) for _ in range(runs)]
    return Stopped(*(float(np.mean(column)) for column in zip(*found, strict=True)))


def _run(rng, law, q, relative_width, effect, most, truth):
    design = Design(PROMPTS, -(-most // PROMPTS), effect)
    # repetition by repetition, as a run fires them
    values = design.times(rng, law).reshape(PROMPTS, -1).T.ravel()[:most].tolist()
    labels = [i % PROMPTS for i in range(most)] if effect else list(range(most))
    rule, n = Precision(q, relative_width, most), 0
    while not rule.reached and n < most:
        rule.add(values[n], labels[n])
        n += 1
    plain = quantile(values[:n], q, labels[:n])
    return (
        _covers(rule.figure, truth),
        _covers(plain, truth),
        rule.reached,
        n,
        *_naive(values, labels, q, relative_width, truth),
    )


def _naive(values, labels, q, relative_width, truth):
    for n in looks(len(values)):
        figure = quantile(values[:n], q, labels[:n])
        if n == len(values) or (width(figure) or np.inf) <= relative_width:
            return _covers(figure, truth), n
    raise ValueError("fewer values than a look needs")


def _covers(figure, truth):
    return figure.low is not None and figure.low <= truth <= figure.high


def report(share):
    runs = max(50, round(1000 * share))
    print(
        f"at the stop, at most {MOST:,} values, {runs} runs a cell: the rule's interval; the plain one of the same\n"
        "values; and the plain one, had the run stopped as soon as that was narrow enough"
    )
    print("law          figure  width  prompts   rule   plain   naive  reached  values at the stop, naive")
    for law, q, relative_width, effect in CELLS:
        s = stop(law, q, relative_width, effect, runs)
        print(
            f"{law:12} p{q * 100:<5g} {relative_width:6.0%} {effect:8g} {s.covered:6.1%} {s.plain:7.1%} {s.naive:7.1%}"
            f" {s.reached:8.0%} {s.values:10.0f} {s.naive_values:10.0f}"
        )
    print()
