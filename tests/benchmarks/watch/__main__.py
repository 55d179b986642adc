"""`make bench-watch`: false alarms in quiet histories, and how soon a change is noticed.

`ARENA_BENCH_REPETITIONS` sets how many histories (100).
"""

import os
import time

import numpy as np

from tests.benchmarks.watch.histories import World, delay, false_alarms

REPETITIONS = int(os.environ.get("ARENA_BENCH_REPETITIONS", "100"))
FIGURES = ("p50", "p95", "success")
QUIET = {
    "4 runs x 25 a day, days 2 %": World(day_sd=0.02),
    "4 runs x 25 a day, days 5 %": World(day_sd=0.05),
    "1 run x 25 a day, days 3 %": World(runs_a_day=1),
    "4 runs x 100 a day, days 3 %": World(trials_a_run=100),
    "days resemble the last, 0.4": World(autocorrelation=0.4),
    "days resemble the last, 0.7": World(autocorrelation=0.7),
    "days with heavy tails": World(heavy_tails=True),
    "5 % failures, overdispersed": World(failure_share=0.05, failure_spread=0.02),
}
SCORED = {
    "4 runs x 25 a day, days 0.1": World(),
    "1 run x 25 a day, days 0.1": World(runs_a_day=1),
    "4 runs x 25 a day, days 0.5": World(score_day_sd=0.5),
    "days 0.5 that resemble the last, 0.4": World(score_day_sd=0.5, autocorrelation=0.4),
}
CHANGES = (
    ("p50", 0.15, {"days 1 %": World(day_sd=0.01), "days 2 %": World(day_sd=0.02), "days 3 %": World(),
                   "days 5 %": World(day_sd=0.05), "days 3 %, 2 runs": World(runs_a_day=2),
                   "days 3 %, 1 run": World(runs_a_day=1)}),
    ("p50", 0.30, {"days 3 %": World(), "days 5 %": World(day_sd=0.05), "days 3 %, 1 run": World(runs_a_day=1)}),
    ("p95", 0.30, {"days 2 %": World(day_sd=0.02), "days 5 %": World(day_sd=0.05)}),
    ("score", 1.0, {"1 run x 25 a day": World(runs_a_day=1), "4 runs, days 0.5": World(score_day_sd=0.5)}),
    ("score", 2.0, {"1 run x 25 a day": World(runs_a_day=1), "4 runs, days 0.5": World(score_day_sd=0.5)}),
    ("success", 0.05, {"1 % before": World()}),
    ("success", 0.15, {"1 % before": World(), "1 % before, 1 run": World(runs_a_day=1)}),
)  # fmt: skip


def quiet():
    """False alarms by kind of history."""
    print(f"false alarms in 90 quiet days of 20 endpoints, one a year allowed (0.25 expected at most), n {REPETITIONS}")
    print(f"{'':34}{'p50':>7}{'p95':>7}{'success':>9}{'all':>7}{'most':>6}{'at most one':>13}")
    for name, world in QUIET.items():
        rng = np.random.default_rng(20260101)
        found = [false_alarms(world, rng) for _ in range(REPETITIONS)]
        each = {figure: np.mean([one[figure] for one in found]) for figure in FIGURES}
        together = np.array([sum(one.values()) for one in found])
        print(
            f"{name:34}{each['p50']:7.2f}{each['p95']:7.2f}{each['success']:9.2f}{together.mean():7.2f}"
            f"{together.max():6d}{(together <= 1).mean():13.0%}",
            flush=True,
        )


def scored():
    """False alarms where a machine scores every image; those for the worse."""
    print(f"\nfalse alarms of a machine's score, images of a prompt differ by {World().score_sd:g}, n {REPETITIONS}")
    for name, world in SCORED.items():
        rng = np.random.default_rng(20260103)
        found = [false_alarms(world, rng, figures=("score",), endpoints=20)["score"] for _ in range(REPETITIONS)]
        print(f"{name:34}{np.mean(found):7.2f}", flush=True)


def changes():
    """Days until a change from day 40 on is noticed, by kind of history."""
    print(f"\ndays until noticed, of a change on day 40, 4 runs x 25 a day unless told otherwise, n {REPETITIONS}")
    print(f"{'':40}{'median':>8}{'p90':>6}{'within 3':>10}{'not in 30':>11}")
    for figure, size, worlds in CHANGES:
        said = {"success": f"failures {size:.0%}", "score": f"score {-size:+g}"}
        what = said.get(figure, f"{figure} +{size:.0%}")
        for name, world in worlds.items():
            rng = np.random.default_rng(20260102)
            days = [delay(world, rng, figure, size) for _ in range(REPETITIONS)]
            known = np.array([31 if d is None else d for d in days])
            median, p90 = np.quantile(known, (0.5, 0.9), method="higher")
            print(
                f"{what + ', ' + name:40}{median:8.0f}{p90:6.0f}{(known <= 3).mean():10.0%}{days.count(None):11d}",
                flush=True,
            )


if __name__ == "__main__":
    began = time.monotonic()
    quiet()
    scored()
    changes()
    print(f"\n{time.monotonic() - began:.0f} s; everything is simulated: it says something of the watch alone")
