"""Made-up histories of endpoints: prompts that differ, days and batches that do, and trials that do."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from arena.domain.watch import Worth
from arena.metrics.changes import threshold, watch
from arena.metrics.rates import Rates
from arena.metrics.watched_figures import LEAST_TRIALS, log_levels, quality

SCORE_WORTH = 1.0
"""That of a CLIP score, in hundredths of the cosine."""


@dataclass(frozen=True)
class World:
    """Standard deviations are of logarithms of the time to image: 0.03 is 3 %."""

    runs_a_day: int = 4
    trials_a_run: int = 25
    prompts: int = 25
    prompt_sd: float = 0.3
    day_sd: float = 0.03
    batch_sd: float = 0.02
    trial_sd: float = 0.2
    autocorrelation: float = 0.0
    heavy_tails: bool = False
    failure_share: float = 0.01
    failure_spread: float = 0.005
    """Variance of the share between days over that of one trial: at 0.005, counts of 100 vary by half more."""
    score_day_sd: float = 0.1
    score_sd: float = 2.0
    """Of single images of a prompt, in the unit of the score; prompts differ by half more."""


def latencies(world, days, rng, slower_from=None, slower_by=0.0):
    """Day, prompt and log time of each trial of one endpoint."""
    per_day = world.runs_a_day * world.trials_a_run
    day = np.repeat(np.arange(days), per_day)
    prompt = np.tile(np.arange(per_day) % world.prompts, days)
    level = day_effects(world, days, rng)[day]
    level += np.repeat(rng.normal(0, world.batch_sd, days * world.runs_a_day), world.trials_a_run)
    level += rng.normal(0, world.prompt_sd, world.prompts)[prompt]
    if slower_from is not None:
        level += np.log1p(slower_by) * (day >= slower_from)
    return day, prompt, level + rng.normal(0, world.trial_sd, day.size)


def scores(world, days, rng, lower_from=None, lower_by=0.0):
    """What a machine says of each image of one endpoint, less of which is worse, and turned around: more is worse."""
    per_day = world.runs_a_day * world.trials_a_run
    day, prompt = np.repeat(np.arange(days), per_day), np.tile(np.arange(per_day) % world.prompts, days)
    level = (world.score_day_sd * standard_days(world, days, rng))[day]
    level += rng.normal(0, 1.5 * world.score_sd, world.prompts)[prompt]
    if lower_from is not None:
        level += lower_by * (day >= lower_from)
    return pd.DataFrame({"day": day, "prompt": prompt, "score": level + rng.normal(0, world.score_sd, day.size)})


def day_effects(world, days, rng):
    """What a day shares."""
    return world.day_sd * standard_days(world, days, rng)


def standard_days(world, days, rng):
    """Days of variance 1; with heavy tails by Student's law with 4 degrees of freedom."""
    drawn = rng.standard_t(4, days) / np.sqrt(2) if world.heavy_tails else rng.normal(size=days)
    rho = world.autocorrelation
    for i in range(1, days):
        drawn[i] = rho * drawn[i - 1] + np.sqrt(1 - rho**2) * drawn[i]
    return drawn


def failures(world, days, rng, worse_from=None, worse=0.0):
    """How many of each day's trials failed."""
    n = np.full(days, world.runs_a_day * world.trials_a_run)
    share = np.full(days, world.failure_share)
    if worse_from is not None:
        share[worse_from:] = worse
    if world.failure_spread:
        size = 1 / world.failure_spread - 1
        share = rng.beta(share * size, (1 - share) * size)
    return np.arange(days), rng.binomial(n, share), n


def watched(world, figure, days, at, rng, changed_from=None, size=0.0):
    """What is found in one made-up series."""
    if figure == "score":
        return watch(quality(scores(world, days, rng, changed_from, size), SCORE_WORTH), at, days - 1)
    worth = getattr(Worth(), figure)
    if figure == "success":
        counts = failures(world, days, rng, changed_from, size)
        series = Rates(*counts, worth=worth, least=LEAST_TRIALS["success"])
    else:
        day, prompt, log_time = latencies(world, days, rng, changed_from, size)
        series = log_levels(day, prompt, np.exp(log_time), figure, worth)
    return watch(series, at, days - 1)


def false_alarms(world, rng, *, figures=("p50", "p95", "success"), endpoints=20, days=90, per_year=1.0):
    """How many changes for the worse are noticed in quiet days of some endpoints, by figure; the first are learning."""
    at, found = threshold(endpoints * len(figures), per_year), {}
    for figure in figures:
        found[figure] = 0
        for _ in range(endpoints):
            told = watched(world, figure, days, at, rng)
            found[figure] += sum(change.sign > 0 for change in told.changes)
    return found


def delay(world, rng, figure, size, *, changed_from=40, wait=30, endpoints=20, figures=3, per_year=1.0):
    """How many days of a change were seen when it was noticed, the first one counted; None: not within `wait`.

    A series in which something else was noticed before is taken for one that missed it.
    """
    at = threshold(endpoints * figures, per_year)
    told = watched(world, figure, changed_from + wait, at, rng, changed_from, size)
    worse = [c for c in told.changes if c.sign > 0 and c.noticed >= changed_from]
    return worse[0].noticed - changed_from + 1 if worse else None
