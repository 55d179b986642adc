"""Does a host serve the model that it says it serves? Its images beside those of a reference, prompt by prompt.

Four kinds of evidence, of different weight:

    copies      the same picture for different seeds, or for a request made again without one: a cache. One case
                settles it, because the reference, asked the same, made different pictures.
    size        images of another size than was asked for and than the reference sent.
    indicators  differences of quality scores, of fine detail and of noise, paired by prompt, all tested together.
    pixels      whether the same seed gives the reference's picture, and its own picture again. That speaks for the same
                weights and is never required: other hardware, another library or another order of additions give other
                pixels, or other pictures, from the same weights.

Weights that differ so little that no indicator moves by more than what is negligible are not told (docs/quality.md).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from arena.metrics.intervals import wilson
from arena.metrics.likeness import Likeness
from arena.metrics.paired_hosts import FAMILY_ERROR, SAME_ERROR, contrast, holm, least_prompts
from arena.reports import host_pictures
from arena.reports.scores import figure_json, instrument_json

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from arena.domain.score import Instrument
    from arena.metrics.base import Figure
    from arena.metrics.likeness import Gallery
    from arena.metrics.paired_hosts import Contrast

MEANS = {
    "fine_detail": ("less fine detail: made smaller and enlarged, or smoothed", "more fine detail"),
    "noise": ("smoother", "noisier"),
}
"""What a lower and a higher value of an indicator say, in words; of others it is their title with lower or higher."""
OF_PIXELS = frozenset({"fine_detail", "noise"})
"""Indicators that another codec or another size changes by itself."""
EQUAL_SHARE = 0.5
"""Where surely more than this share of same-seed pictures have the pixels of the reference, its weights made them.
Nearly the same is not enough: a little noise, or a little less detail, leaves pictures nearly the same."""


class Verdict(StrEnum):
    """What follows for one host."""

    SERVES = "serves what it claims"
    DIFFERS = "differs"
    UNTOLD = "cannot be told apart"


@dataclass(frozen=True, slots=True)
class Indicator:
    """One score's difference, host less reference, with its corrected p value; `reading` says what it means.

    Without a p value it was not tested: too few prompts have it. Then nothing rests on it, either way.
    """

    instrument: Instrument
    tested: Contrast
    p_corrected: float | None
    differs: bool
    same: bool
    reading: str


@dataclass(frozen=True, slots=True)
class Host:
    """Everything that is known of one endpoint beside the reference."""

    endpoint: str
    simulated: bool
    prompts: int
    pairs: int
    verdict: Verdict
    reasons: tuple[str, ...]
    indicators: tuple[Indicator, ...]
    copies: Figure
    wrong_size: Figure
    same_seed: Mapping[Likeness, int]
    repeated_seed: Mapping[Likeness, int]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Comparison:
    """All hosts of a run beside one reference, and the error rates that hold for them together."""

    reference: str
    simulated: bool
    reference_repeats: Mapping[Likeness, int]
    hosts: tuple[Host, ...]
    tests: int
    false_alarm_rate: float = FAMILY_ERROR
    false_same_rate: float = SAME_ERROR

    @property
    def least_prompts(self) -> int:
        """Below so many prompts no indicator can tell anything, whatever it shows."""
        return least_prompts(max(1, self.tests))


@dataclass(slots=True)
class _Seen:
    """What is found before the tests of all hosts are corrected together."""

    endpoint: str
    prompts: int
    pairs: int
    contrasts: dict[int, Contrast]
    copies: Figure
    wrong_size: Figure
    same_seed: Counter[Likeness]
    repeated_seed: Counter[Likeness]
    notes: list[str] = field(default_factory=list)


def compare_hosts(
    images: pd.DataFrame,
    scores: pd.DataFrame,
    instruments: Mapping[int, Instrument],
    reference: str,
    hosts: Sequence[str],
    gallery: Gallery,
) -> Comparison:
    """Each of `hosts` beside `reference`, by the measured trials of one run that both answered.

    `images` are outcome rows (`arena.store.queries.OUTCOME_COLUMNS`), `scores` rows as of
    `arena.store.scores.delivered_scores`; all of one kind, simulated or real.
    """
    came = images[(images["phase"] == "measure")].dropna(subset=["image_sha256"])
    mine = came[came["endpoint"] == reference]
    values = scores[(scores["phase"] == "measure") & (scores["position"] == 0)].dropna(subset=["value"])
    seen = [
        _seen(host, mine, came[came["endpoint"] == host], values, instruments, reference, gallery) for host in hosts
    ]
    tested = {(s.endpoint, number): c for s in seen for number, c in s.contrasts.items() if _can_tell(c)}
    by_test = dict(zip(tested, holm([c.p_differs for c in tested.values()]), strict=True))
    simulated = bool(mine["simulated"].any())
    return Comparison(
        reference,
        simulated,
        host_pictures.repeats(mine, gallery),
        tuple(_host(s, instruments, by_test, simulated=simulated, tests=len(tested)) for s in seen),
        len(tested),
    )


def _seen(
    host: str,
    mine: pd.DataFrame,
    theirs: pd.DataFrame,
    values: pd.DataFrame,
    instruments: Mapping[int, Instrument],
    reference: str,
    gallery: Gallery,
) -> _Seen:
    pairs = mine.merge(theirs, on=["prompt_sha256", "repetition"], suffixes=("_reference", "_host"))
    notes = []
    formats = set(pairs["image_format_reference"]) | set(pairs["image_format_host"])
    encoded_alike = len(formats) <= 1
    if not encoded_alike:
        notes.append(f"images came as {' and '.join(sorted(formats))}: fine detail and noise are not compared")
    copies, odd = host_pictures.copies(mine, theirs, gallery), host_pictures.other_sizes(pairs)
    if not copies.n:
        notes.append("no prompt was asked for with two seeds, so a cache would not be seen; repeat prompts in the plan")
    skipped = frozenset() if encoded_alike and not odd.value else OF_PIXELS
    prompts = set(pairs["prompt_sha256"])
    return _Seen(
        host,
        len(prompts),
        len(pairs),
        _contrasts(values, instruments, reference, host, prompts, skipped),
        copies,
        odd,
        host_pictures.same_seed(pairs, gallery),
        host_pictures.repeats(theirs, gallery),
        notes,
    )


def _contrasts(
    values: pd.DataFrame,
    instruments: Mapping[int, Instrument],
    reference: str,
    host: str,
    prompts: set[str],
    skipped: frozenset[str],
) -> dict[int, Contrast]:
    """One contrast an indicator that both were scored by: means of prompts, host less reference."""
    there = values[values["prompt_sha256"].isin(prompts) & values["endpoint"].isin({reference, host})]
    means = there.groupby(["instrument", "prompt_sha256", "endpoint"])["value"].mean().unstack("endpoint")
    found = {}
    for number in sorted(set(there["instrument"])):
        instrument = instruments[int(number)]
        if instrument.negligible is None or instrument.metric in skipped or {reference, host} - set(means.columns):
            continue
        both = means.loc[number].dropna()
        if len(both):
            found[int(number)] = contrast((both[host] - both[reference]).tolist(), instrument.negligible)
    return found


def _host(
    seen: _Seen, instruments: Mapping[int, Instrument], corrected: Mapping[tuple[str, int], float], *,
    simulated: bool, tests: int,
) -> Host:  # fmt: skip
    indicators = tuple(
        _indicator(instruments[number], tested, corrected.get((seen.endpoint, number)))
        for number, tested in seen.contrasts.items()
    )
    reasons = _accusations(seen, indicators)
    if reasons:
        verdict = Verdict.DIFFERS
    else:
        reasons = _assurances(seen, indicators)
        verdict = Verdict.SERVES if reasons else Verdict.UNTOLD
    if verdict is Verdict.UNTOLD:
        needed = least_prompts(max(1, tests))
        reasons = [f"with {seen.prompts} prompts" + (f"; it takes {needed} at least" if seen.prompts < needed else "")]
        wide = [i.instrument.title for i in indicators if not i.same and i.p_corrected is not None]
        if wide and seen.prompts >= needed:
            reasons.append(f"not yet narrow enough: {', '.join(wide)}")
    return Host(
        seen.endpoint, simulated, seen.prompts, seen.pairs, verdict, tuple(reasons), indicators, seen.copies,
        seen.wrong_size, seen.same_seed, seen.repeated_seed, tuple(seen.notes),
    )  # fmt: skip


def _can_tell(tested: Contrast) -> bool:
    """Whether there are enough prompts to tell anything, were this the only test; others would only weaken it."""
    return tested.difference.n >= least_prompts(1)


def _indicator(instrument: Instrument, tested: Contrast, p: float | None) -> Indicator:
    low, high = MEANS.get(instrument.metric, (f"lower {instrument.title}", f"higher {instrument.title}"))
    reading = low if (tested.difference.value or 0.0) < 0 else high
    differs = p is not None and p <= FAMILY_ERROR
    return Indicator(instrument, tested, p, differs, tested.p_same <= SAME_ERROR, reading)


def _accusations(seen: _Seen, indicators: Sequence[Indicator]) -> list[str]:
    """Everything that shows a difference."""
    found = []
    if seen.copies.value:
        found.append(
            f"cached: {round(seen.copies.value * seen.copies.n)} of {seen.copies.n} pictures that should differ are "
            "copies of another"
        )
    if seen.wrong_size.value:
        found.append(
            f"another size: {round(seen.wrong_size.value * seen.wrong_size.n)} of {seen.wrong_size.n} images are not "
            "of the size that was asked for and that the reference sent"
        )
    return found + [f"{i.reading}: {_written(i)}" for i in indicators if i.differs]


def _assurances(seen: _Seen, indicators: Sequence[Indicator]) -> list[str]:
    """What shows that it is the same; nothing where that cannot be said."""
    compared = sum(seen.same_seed.values())
    equal = seen.same_seed[Likeness.BYTES] + seen.same_seed[Likeness.PIXELS]
    share = wilson(equal, compared)
    if share.low is not None and share.low > EQUAL_SHARE:
        return [f"{equal} of {compared} pictures of the same seed are the reference's, pixel by pixel"]
    tested = [i for i in indicators if i.p_corrected is not None]
    if tested and all(i.same for i in tested):
        widest = max(tested, key=_reach)
        return [f"every indicator is the same within what is negligible; the widest is {_written(widest)}"]
    return []


def _reach(one: Indicator) -> float:
    """How far an interval reaches, in units of what is negligible."""
    difference = one.tested.difference
    return max(abs(difference.low or 0.0), abs(difference.high or 0.0)) / one.tested.negligible


def _written(one: Indicator) -> str:
    difference = one.tested.difference
    value = f"{difference.value:+.2f} {one.instrument.unit}"
    if difference.low is None or difference.high is None:
        return f"{one.instrument.title} {value} over {difference.n} prompts, too few for an interval"
    return f"{one.instrument.title} {value} [{difference.low:+.2f}, {difference.high:+.2f}] over {difference.n} prompts"


# -- for machines ------------------------------------------------------------------------------------------------------


def as_json(found: Comparison) -> dict[str, Any]:
    """The whole comparison."""
    return {
        "reference": found.reference,
        "simulated": found.simulated,
        "false_alarm_rate": found.false_alarm_rate,
        "false_same_rate": found.false_same_rate,
        "tests": found.tests,
        "least_prompts": found.least_prompts,
        "reference_repeated_seed": dict(found.reference_repeats),
        "hosts": [_host_json(host) for host in found.hosts],
    }


def _host_json(host: Host) -> dict[str, Any]:
    return {
        "endpoint": host.endpoint,
        "simulated": host.simulated,
        "verdict": host.verdict,
        "reasons": list(host.reasons),
        "prompts": host.prompts,
        "pairs": host.pairs,
        "copies": figure_json(host.copies),
        "wrong_size": figure_json(host.wrong_size),
        "same_seed": dict(host.same_seed),
        "repeated_seed": dict(host.repeated_seed),
        "indicators": [
            {
                **instrument_json(i.instrument),
                "difference": figure_json(i.tested.difference),
                "p_differs": i.tested.p_differs,
                "p_corrected": i.p_corrected,
                "p_same": i.tested.p_same,
                "differs": i.differs,
                "same": i.same,
                "reading": i.reading,
            }
            for i in host.indicators
        ],
        "notes": list(host.notes),
    }
