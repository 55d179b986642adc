"""What every figure means and how it comes about, put together from the very literals that compute it.

Read by the app's Methodology page and by `arena report`. Whoever changes a constant changes this text with it; whoever
adds a figure adds its definition where the figure is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from arena.battles import pairing, voter_checks
from arena.battles.renditions import BOX_PX, QUALITY
from arena.domain.battle import Rule
from arena.domain.failure import FailureKind
from arena.domain.timings import MARKS
from arena.metrics.figures import METRICS
from arena.metrics.intervals import CONFIDENCE, smallest_n_for_value
from arena.metrics.phases import PHASES
from arena.metrics.uptime import UPTIME
from arena.ratings.davidson import PRIOR_SD_ELO
from arena.ratings.draws import DRAWS
from arena.reports import board_rows, fitness, leaderboard

if TYPE_CHECKING:
    from collections.abc import Sequence

    from arena.battles.house import House
    from arena.metrics.base import Metric

EVERY = (*METRICS, UPTIME, *PHASES)
QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}
UNITS = {"ms": "ms or s", "ratio": "%", "usd": "US dollars", "1/min": "per minute", "count": "count"}


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, what there is to say, and a table of it; every row has the same columns."""

    title: str
    text: str
    rows: Sequence[dict[str, str]] = field(default=())


def sections(house: House) -> list[Section]:
    """All of it, in the order in which one reads it; `house` are the rules for votes that hold here."""
    return [
        Section("Figures", _FIGURES, [_figure_row(metric) for metric in EVERY]),
        Section("How many values a quantile needs", _NEEDS, [_need_row(name, q) for name, q in QUANTILES.items()]),
        Section("Marks of time", _MARKS, [{"Mark": mark, "When": when} for mark, when in MARKS.items()]),
        Section("Failures", _FAILURES, [_failure_row(kind) for kind in FailureKind]),
        Section("Fitness of the machine", _fitness()),
        Section("Blind battles", _battles(house)),
        Section("Which pairs meet", _PAIRS, [_rule_row(rule, share) for rule, share in pairing.SHARES.items()]),
        Section("Ratings", _ratings()),
        Section("Trade-offs and limits", _tradeoffs()),
        Section("Voters and images that are set apart", _set_apart()),
        Section("Simulated", _SIMULATED),
    ]


_FIGURES = (
    "Every prompt goes unchanged to every endpoint of a plan; all times are UTC and all latencies monotonic. Figures "
    "are of the measured phase; warm-up is stored and left out. Those of a run are of that run; those of a window "
    "are of every attempt that was sent in it, whatever run it belongs to, except runs that were made to look for "
    "limits, to look at behaviour, or in the playground. Latencies are of successes only, with the success rate beside "
    "them. Intervals are two-sided and hold "
    f"with {CONFIDENCE:.0%} confidence: order statistics for quantiles, Wilson's score for rates, both clustered by "
    "prompt where prompts repeat. A dash means unknown or withheld because there are too few values, never zero. "
    "Endpoints whose intervals overlap are not told apart."
)
_NEEDS = (
    "A quantile is shown once one value is expected beyond it, and its interval once its largest value lies above "
    f"the true quantile with {CONFIDENCE:.0%} certainty. Where trials share prompts, the interval needs as many "
    "independent trials as these are worth."
)
_MARKS = (
    "Stamped at the socket, on a monotonic clock, before anything is decoded. A server's own timings are kept beside "
    "them and never subtracted from ours."
)
_FAILURES = (
    "A failure is named after what was observed. Its blame says whether it counts: the provider's failures lower the "
    "success rate; refusals by moderation and failures that our side caused are left out of it and counted apart."
)
_PAIRS = (
    "The server chooses pair, sides and rule before anything is shown, and stores with what probability it chose so. "
    "Each battle follows one of these rules, by lot."
)
_SIMULATED = (
    "A simulated endpoint is a server on the same machine that speaks a provider's protocol, draws its delays and "
    "failures from known laws and answers with pictures it made itself, at prices that are made up. It shows that "
    "Arena measures what it says it measures, and nothing about any provider. Simulated results are marked wherever "
    "they appear, and the simulated and real results of one endpoint are two rows, never one."
)
_RULES = {
    Rule.NEWCOMER: (
        f"one with under {pairing.LAGGING:.0%} of the median number of votes (all, while that is under "
        f"{pairing.AT_LEAST_VOTES}) meets one near it"
    ),
    Rule.UNCERTAIN: "pairs whose order is uncertain, the more so the likelier",
    Rule.UNIFORM: "any pair, all alike: against it the other rules can be checked",
}


def _figure_row(metric: Metric) -> dict[str, str]:
    better = metric.better or "–"
    title = metric.title[:1].upper() + metric.title[1:]
    return {"Figure": title, "Unit": UNITS[metric.unit], "Better": better, "Definition": metric.definition}


def _need_row(name: str, q: float) -> dict[str, str]:
    interval = 6 if q == 0.5 else math.ceil(math.log(1 - CONFIDENCE) / math.log(q))
    return {"Quantile": name, "Shown from": str(smallest_n_for_value(q)), "Its interval from": str(interval)}


def _failure_row(kind: FailureKind) -> dict[str, str]:
    return {
        "Failure": kind.value.replace("_", " "),
        "Blame": kind.blame.value,
        "In the success rate": "yes" if kind.blame == "provider" else "no",
        "May be billed": "yes" if kind.may_be_billed else "no",
    }


def _rule_row(rule: Rule, share: float) -> dict[str, str]:
    return {"Rule": rule.value, "Share": f"{share:.0%}", "What it draws": _RULES[rule]}


def _fitness() -> str:
    return (
        "A canary runs beside every run. A run is called not fit to measure when the event loop woke up late or "
        f"requests left late by more than {fitness.BEARABLE_MS:.0f} ms or {fitness.BEARABLE_SHARE:.0%} of the fastest "
        f"endpoint's median (p95), when the processors were over {fitness.BUSY:.0%} busy at the median, or when the "
        f"wall clock jumped by more than {fitness.STEP_MS:.0f} ms. Its figures are shown under that headline."
    )


def _battles(house: House) -> str:
    cap = house.votes_per_voter_and_day
    most = "" if cap is None else f" A voter has at most {cap} votes a day."
    checks = (
        f"{house.gold_share:.0%} of pairs have a known answer and {house.repeat_share:.0%} come again with sides "
        "swapped; neither rates anybody. "
        if house.gold_share or house.repeat_share
        else ""
    )
    return (
        f"Both images of one prompt under the same settings are fitted into {BOX_PX} × {BOX_PX} pixels, encoded as "
        f"JPEG at quality {QUALITY} without metadata, made equally long and shown at the same moment under names that "
        "mean nothing. Who made them, at what price and how fast is told after the vote. A vote before "
        f"{house.least_dwell_ms / 1000:.1f} s is refused, a battle expires after {house.expires_after_s / 60:.0f} "
        f"minutes, and a vote can be taken back for {house.undo_within_s:.0f} s. {checks}Both good and both bad count "
        f"as ties.{most}"
    )


def _ratings() -> str:
    return (
        "Bradley–Terry with Davidson's ties and a term for the left side, fitted exactly to all standing votes by "
        f"maximum a posteriori with a prior of {PRIOR_SD_ELO:.0f} Elo around the mean, and shown on the Elo scale "
        f"with the mean of all that have votes enough at {board_rows.ANCHOR_ELO:.0f}: 400 points are odds of ten to "
        "one. Intervals are "
        f"{CONFIDENCE:.0%} and know that votes share prompts and voters (clustered sandwich, Student's t by the "
        "number of prompts). Tiers come from simultaneous comparison of all pairs: two in one tier are not told "
        "apart. An entrant is provisional while its interval is wider than ± "
        f"{board_rows.PROVISIONAL_HALF_WIDTH_ELO:.0f} Elo, while it has under {leaderboard.SETTLED_VOTES} votes or "
        f"under {leaderboard.SETTLED_SHARE:.0%} of the median, and until it has both gained and given up a point. "
        "Entrants that no chain of votes connects are not compared. "
        f"With a skill that differs between prompts by some {leaderboard.PROMPT_SD_ELO:.0f} Elo, many prompts tell "
        "more than many votes on few."
    )


def _tradeoffs() -> str:
    return (
        "Price, time and success beside a rating are of one mode and one requested size in the window that is named. "
        f"The probability of being on the frontier is the share of {DRAWS:,} joint draws of ratings and "
        "medians, with a fixed seed, in which nobody is at least as good in both and better in one; cost is taken as "
        "known. The best within limits is the highest rated whose figures keep every limit; where an interval reaches "
        "across a limit, that is said. A surprise among matchups lies further off what the model expects than chance "
        f"would put any one of so many pairs in {CONFIDENCE:.0%} of boards."
    )


def _set_apart() -> str:
    return (
        "Votes are set apart with a reason, never dropped, and the board says how many. A voter is, whose "
        f"{CONFIDENCE:.0%} interval lies below {voter_checks.LEAST_ACCURACY:.0%} on pairs with a known answer or "
        f"below {voter_checks.LEAST_CONSISTENCY:.0%} agreement with itself on repeated pairs (from "
        f"{voter_checks.LEAST_ANSWERS} answers on), or who surely votes in under {voter_checks.HASTY_MS / 1000:.0f} s "
        f"in more than {voter_checks.HASTY_SHARE:.0%} of at least {voter_checks.LEAST_VOTES} votes. Images that show "
        "nothing, or carry a provider's mark, are kept out of battles."
    )
