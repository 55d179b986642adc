"""What an endpoint really does with what it is asked: seeds, caches, sizes, formats, counts, and pauses.

Everything is a pure function of stored rows and images, of runs made for it or of any others that happen to have such
trials. One case settles that something happens; that something never happens, or always does, is said from three cases
on (of calls for several images, which are dear, from one), and beside every answer stands n, the number of cases.
Blank images are left out where images are compared: filters put them in the place of a result, and all of them are
alike.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations, islice, pairwise
from typing import TYPE_CHECKING, Any

from arena.metrics.likeness import Likeness
from arena.metrics.shift import first_call_shift
from arena.units import format_ms

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import pandas as pd

    from arena.metrics.base import Figure
    from arena.metrics.likeness import Gallery

NAME = "behaviour"
"""What the plans of runs that were made for this are called, with a stamp behind it."""
LEAST_CASES = 3
PAUSE_S = 30.0
"""How long nothing must have been sent for a call to be called the first after a pause, where nothing else is said."""
NOTICEABLE = 0.25
"""A cold start is called one if it adds this share of an ordinary call at least."""


class Answer(StrEnum):
    """What the rows say to a question."""

    YES = "yes"
    NO = "no"
    UNTOLD = "cannot be told"


@dataclass(frozen=True, slots=True)
class Finding:
    """One question, its answer, the number of cases that it rests on, and what was seen, in words."""

    name: str
    question: str
    answer: Answer
    n: int
    seen: str
    figure: Figure | None = None


@dataclass(frozen=True, slots=True)
class Behaviour:
    """All findings about one endpoint. Simulated and real rows of one endpoint are two of these, never one."""

    endpoint: str
    simulated: bool
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """Measured rows of one endpoint, and what it takes to look at them.

    `rows` have the columns of `arena.store.queries.OUTCOME_COLUMNS`, `images` those of
    `arena.store.images.delivered_images`; `asked_n` is the number of images a call, by run.
    """

    rows: pd.DataFrame
    images: pd.DataFrame
    asked_n: Mapping[str, int]
    gallery: Gallery
    pause_s: float = PAUSE_S

    def cannot_be_told(self, name: str) -> bool:
        """Whether the endpoint takes no such field at all, so that it cannot be blamed for ignoring it."""
        return any(name in json.loads(text) for text in self.rows["unsupported"].dropna())


def behaviours(
    rows: pd.DataFrame,
    images: pd.DataFrame,
    asked_n: Mapping[str, int],
    gallery: Gallery,
    pause_s: float = PAUSE_S,
) -> list[Behaviour]:
    """What each endpoint of some runs does; columns as in `Evidence`, warm-up is left out."""
    measured = rows[rows["phase"] == "measure"]
    return [
        Behaviour(str(endpoint), bool(simulated), _findings(Evidence(mine, images, asked_n, gallery, pause_s)))
        for (endpoint, simulated), mine in measured.groupby(["endpoint", "simulated"], sort=True)
    ]


def _findings(evidence: Evidence) -> tuple[Finding, ...]:
    return tuple(
        look(evidence)
        for look in (
            same_seed,
            different_seeds,
            without_seed,
            size_matches,
            format_matches,
            count_matches,
            images_of_a_call_differ,
            cold_start,
        )
    )


# -- seeds and caches --------------------------------------------------------------------------------------------------


def same_seed(evidence: Evidence) -> Finding:
    """Does the same seed give the same image? The least alike of the pairs decides; n counts pairs."""
    ask = _Asker("same_seed", "does the same seed give the same image?")
    if evidence.cannot_be_told("seed"):
        return ask(Answer.UNTOLD, 0, "the endpoint cannot be told a seed")
    groups = list(_requests(evidence))
    pairs = [pair for images in groups for pair in _same_seed_pairs(images)]
    seen = Counter(evidence.gallery.alike(*pair) for pair in pairs if not _any_blank(evidence, pair))
    total = seen.total()
    if seen[Likeness.DIFFERENT]:
        return ask(Answer.NO, total, _counted(seen))
    if total < LEAST_CASES:
        return ask(Answer.UNTOLD, total, _counted(seen) or "no request was made twice with one seed")
    if _seed_has_no_effect(evidence, groups):
        return ask(Answer.UNTOLD, total, f"{_counted(seen)}, but so are those of other seeds: it may not be used")
    return ask(Answer.YES, total, _counted(seen))


def different_seeds(evidence: Evidence) -> Finding:
    """Do different seeds ever bring identical bytes? n counts images, one a seed, of prompts with several seeds."""
    ask = _Asker("seed_cache", "do different seeds bring identical bytes?")
    groups = [list(_first_by_seed(images).values()) for images in _requests(evidence)]
    return _any_identical(evidence, ask, groups, "a cache, or a seed that is not used")


def without_seed(evidence: Evidence) -> Finding:
    """Does the same request without a seed ever bring identical bytes? n counts images of requests made repeatedly."""
    ask = _Asker("unseeded_repeat", "does a request without a seed repeat bytes?")
    groups = [[sha for seed, sha in images if seed is None] for images in _requests(evidence)]
    return _any_identical(evidence, ask, groups, "a cache, or a fixed seed")


def _any_identical(evidence: Evidence, ask: _Asker, groups: Sequence[Sequence[str]], meaning: str) -> Finding:
    n = repeated = 0
    for group in groups:
        shared = {sha: count for sha, count in Counter(group).items() if count > 1}
        blank = sum(count for sha, count in shared.items() if evidence.gallery.blank(sha))
        if len(group) - blank > 1:
            n, repeated = n + len(group) - blank, repeated + sum(shared.values()) - blank
    if repeated:
        return ask(Answer.YES, n, f"{repeated} of {n} images have the bytes of another: {meaning}")
    if n < LEAST_CASES:
        return ask(Answer.UNTOLD, n, "too few such requests were made")
    return ask(Answer.NO, n, f"none of {n} images has the bytes of another")


def _requests(evidence: Evidence) -> Iterator[list[tuple[int | None, str]]]:
    """Seed and image of the answers to requests that differ in nothing but the seed, in the order of the rows."""
    came = evidence.rows.dropna(subset=["image_sha256"])
    came = came[came["run_id"].map(lambda run: evidence.asked_n.get(run, 1)) == 1]
    request = ["prompt_sha256", "requested_width_px", "requested_height_px", "requested_format"]
    for _, alike in came.groupby(request, sort=True):
        seeds = [None if missing else int(s) for s, missing in zip(alike["seed"], alike["seed"].isna(), strict=True)]
        yield list(zip(seeds, alike["image_sha256"].astype(str), strict=True))


def _first_by_seed(images: Iterable[tuple[int | None, str]]) -> dict[int, str]:
    first: dict[int, str] = {}
    for seed, sha in images:
        if seed is not None:
            first.setdefault(seed, sha)
    return first


def _same_seed_pairs(images: Sequence[tuple[int | None, str]]) -> Iterator[tuple[str, str]]:
    """Each further image of a seed with its first."""
    first: dict[int, str] = {}
    for seed, sha in images:
        if seed is None:
            continue
        if seed in first:
            yield first[seed], sha
        first.setdefault(seed, sha)


def _seed_has_no_effect(evidence: Evidence, groups: Iterable[Sequence[tuple[int | None, str]]]) -> bool:
    """Whether images of other seeds are all alike, too; a few of them are enough to see it."""
    neighbours = (pair for images in groups for pair in pairwise(_first_by_seed(images).values()))
    seen = [evidence.gallery.alike(*pair) for pair in islice(neighbours, 12)]
    return bool(seen) and Likeness.DIFFERENT not in seen


def _any_blank(evidence: Evidence, pair: tuple[str, str]) -> bool:
    return any(evidence.gallery.blank(sha) for sha in set(pair))


# -- what was asked for, and what came ---------------------------------------------------------------------------------


def size_matches(evidence: Evidence) -> Finding:
    """Do the pixels match the request?"""
    came = evidence.rows.dropna(subset=["image_width_px", "image_height_px"])
    asked = _sizes(came, "requested_width_px", "requested_height_px")
    sizes = _sizes(came, "image_width_px", "image_height_px")
    return _all_match(_Asker("size", "do the pixels match the request?"), asked, sizes)


def format_matches(evidence: Evidence) -> Finding:
    """Does the format match the request?"""
    ask = _Asker("format", "does the format match the request?")
    came = evidence.rows.dropna(subset=["image_format"])
    if evidence.cannot_be_told("format"):
        formats = ", ".join(sorted(set(came["image_format"])))
        return ask(Answer.UNTOLD, len(came), f"the endpoint cannot be told a format; it sends {formats or 'none'}")
    return _all_match(ask, came["requested_format"].tolist(), came["image_format"].tolist())


def count_matches(evidence: Evidence) -> Finding:
    """Do as many images come as were asked for, where that was more than one?"""
    ask = _Asker("count", "does a call for several images bring as many?")
    answered = _answered(_several(evidence))
    if answered.empty:
        return ask(Answer.UNTOLD, 0, "no call asked for several images and was answered")
    asked = [str(evidence.asked_n[run]) for run in answered["run_id"]]
    return _all_match(ask, asked, answered["image_count"].astype(str).tolist(), least=1)


def images_of_a_call_differ(evidence: Evidence) -> Finding:
    """Are the images of one call different from each other?"""
    ask = _Asker("several_differ", "do the images of one call differ?")
    rows = _several(evidence)
    keys = set(zip(rows["run_id"], rows["trial"].astype(int), rows["attempt"].astype(int), strict=True))
    seen: Counter[Likeness] = Counter()
    for key, images in evidence.images.groupby(["run_id", "trial", "attempt"], sort=True):
        if key in keys:
            shown = [str(sha) for sha in images["sha256"] if not evidence.gallery.blank(str(sha))]
            seen.update(evidence.gallery.alike(one, other) for one, other in combinations(shown, 2))
    if not seen:
        return ask(Answer.UNTOLD, 0, "no call brought several images")
    alike = seen.total() - seen[Likeness.DIFFERENT]
    return ask(Answer.NO if alike else Answer.YES, seen.total(), _counted(seen))


def _several(evidence: Evidence) -> pd.DataFrame:
    return evidence.rows[evidence.rows["run_id"].map(lambda run: evidence.asked_n.get(run, 1)) > 1]


def _answered(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows that brought images, as wished or not."""
    return rows[rows["image_count"].fillna(0) > 0]


def _sizes(rows: pd.DataFrame, width: str, height: str) -> list[str]:
    return [f"{w}x{h}" for w, h in zip(rows[width], rows[height], strict=True)]


def _all_match(ask: _Asker, asked: Sequence[str], came: Sequence[str], least: int = LEAST_CASES) -> Finding:
    """One that does not match settles it."""
    wrong = Counter((a, c) for a, c in zip(asked, came, strict=True) if a != c)
    n = len(asked)
    if wrong:
        (wanted, got), _ = wrong.most_common(1)[0]
        return ask(Answer.NO, n, f"{wrong.total()} of {n} do not: {got} came where {wanted} was asked for")
    if n < least:
        return ask(Answer.UNTOLD, n, "too few images came")
    return ask(Answer.YES, n, f"all {n} as asked: {', '.join(sorted(set(came)))}")


# -- pauses ------------------------------------------------------------------------------------------------------------


def cold_start(evidence: Evidence) -> Finding:
    """Does the first call after a pause take longer than those that follow it?

    Times are times to image without the opening of a connection, which a pause costs anywhere. Calls that follow are
    those of the same run up to the next pause.
    """
    ask = _Asker("cold_start", "does the first call after a pause take longer?")
    blocks = list(_blocks(evidence.rows, evidence.pause_s))
    shift = first_call_shift(blocks)
    pauses = f"{shift.n} pause{'' if shift.n == 1 else 's'} of {evidence.pause_s:g} s or more"
    following = sorted(value for _, others in blocks for value in others)
    if shift.value is None or not following:
        return ask(Answer.UNTOLD, 0, f"no call after {pauses.partition(' ')[2]} was answered, and followed by others")
    usual_ms = following[len(following) // 2]
    seen = f"{_signed(shift.value)} on top of {format_ms(usual_ms)}"
    if shift.low is None or shift.high is None:
        return ask(Answer.UNTOLD, shift.n, f"{seen}, after {pauses}: too few for an interval", shift)
    seen += f" [{_signed(shift.low)}, {_signed(shift.high)}], after {pauses}"
    if shift.low > NOTICEABLE * usual_ms:
        return ask(Answer.YES, shift.n, seen, shift)
    return ask(Answer.NO if shift.high < NOTICEABLE * usual_ms else Answer.UNTOLD, shift.n, seen, shift)


def _blocks(rows: pd.DataFrame, pause_s: float) -> Iterator[tuple[float, list[float]]]:
    """For each pause, how long the first call after it took, and how long those that followed in its run."""
    import pandas as pd

    timed = rows.dropna(subset=["started_at", "ended_ms"]).sort_values("started_at")
    ends = timed["started_at"] + pd.to_timedelta(timed["ended_ms"].astype(float), unit="ms")
    quiet_s = (timed["started_at"] - ends.cummax().shift()).dt.total_seconds()
    block = (quiet_s >= pause_s * 0.95).cumsum()  # clocks and sleeps are not exact
    for number, calls in timed.groupby(block):
        own = calls[calls["run_id"] == calls["run_id"].iloc[0]]
        if number == 0 or own["status"].iloc[0] != "succeeded":
            continue
        won = own[own["status"] == "succeeded"]
        times_ms = (won["time_to_image_ms"] - won["connected_ms"].fillna(0.0)).astype(float).tolist()
        yield times_ms[0], times_ms[1:]


def _signed(value_ms: float) -> str:
    return f"{'-' if value_ms < 0 else '+'}{format_ms(abs(value_ms))}"


# -- words -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Asker:
    name: str
    question: str

    def __call__(self, answer: Answer, n: int, seen: str, figure: Figure | None = None) -> Finding:
        return Finding(self.name, self.question, answer, n, seen, figure)


def _counted(seen: Counter[Likeness]) -> str:
    """`4 of 6 pairs identical bytes, 2 different`."""
    parts = [f"{seen[kind]} of {seen.total()} {kind}" for kind in Likeness if seen[kind]]
    return ", ".join(parts)


def as_json(found: Sequence[Behaviour]) -> list[dict[str, Any]]:
    """The same for machines."""
    return [
        {"endpoint": one.endpoint, "simulated": one.simulated, "findings": [_finding_json(f) for f in one.findings]}
        for one in found
    ]


def _finding_json(finding: Finding) -> dict[str, Any]:
    figure = finding.figure
    shift = None if figure is None else {"value": figure.value, "low": figure.low, "high": figure.high, "n": figure.n}
    return {
        "name": finding.name,
        "question": finding.question,
        "answer": finding.answer,
        "n": finding.n,
        "seen": finding.seen,
        **({} if shift is None else {"shift_ms": shift}),
    }
