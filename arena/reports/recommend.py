"""The best endpoint within limits, how sure that is, and what each limit costs.

Best is the highest rating among the candidates whose figures keep every limit. A figure whose interval reaches across
a limit is admitted or refused by its value, and that is said. Chances are counted from joint draws of the ratings;
who is "not told apart" follows from the same simultaneous comparison as the tiers of the board.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from arena.reports.limits import Check, Kept, LimitName, Limits, checks, text
from arena.reports.wording import chance_text, listed
from arena.units import format_usd

if TYPE_CHECKING:
    from arena.ratings.contrasts import Contrast
    from arena.reports.tradeoffs import Candidate, Tradeoffs


@dataclass(frozen=True, slots=True)
class Held:
    """A candidate with every limit held against it, and how likely it is the best of those admitted (None: is none)."""

    candidate: Candidate
    checks: tuple[Check, ...]
    probability_best: float | None

    @property
    def admitted(self) -> bool:
        """Whether its figures keep every limit."""
        return all(check.kept.admits for check in self.checks)

    @property
    def doubts(self) -> tuple[Check, ...]:
        """Limits of which its interval does not tell whether it keeps them."""
        return tuple(c for c in self.checks if c.kept in {Kept.LIKELY, Kept.UNPROVEN, Kept.UNLIKELY})


@dataclass(frozen=True, slots=True)
class Shadow:
    """What a limit costs: the choice without it, and by how much that one is rated higher.

    `instead` is None where the limit changes nothing, `gain` also where there is no choice with it.
    """

    limit: LimitName
    instead: Candidate | None
    gain: Contrast | None
    sentence: str


@dataclass(frozen=True, slots=True)
class Recommendation:
    """The answer. `held` are all candidates, best rated first; `cheaper` is not told apart from the choice."""

    limits: Limits
    simulated: bool
    held: tuple[Held, ...]
    choice: Held | None
    not_told_apart: tuple[Candidate, ...]
    cheaper: Candidate | None
    shadows: tuple[Shadow, ...]
    nearest: Held | None
    sentence: str


def recommend(found: Tradeoffs, limits: Limits) -> Recommendation:
    """Choose among the candidates of a join; see the head of this module for the rule."""
    held = _held(found, limits)
    admitted = [h for h in held if h.admitted]
    choice = admitted[0] if admitted else None
    open_to: tuple[Candidate, ...] = ()
    if choice is not None:
        best = choice.candidate
        open_to = tuple(h.candidate for h in admitted[1:] if not found.contrast(best, h.candidate).decided)
    cheaper = _cheaper(choice, open_to)
    nearest = _nearest(held) if choice is None else None
    shadows = tuple(_shadow(found, limits, name, choice) for name in limits.set_ones)
    sentence = _chosen(choice, open_to, cheaper, len(admitted)) if choice else _nobody(held, limits, nearest)
    said = f"simulated: {sentence}" if found.simulated else sentence
    return Recommendation(limits, found.simulated, held, choice, open_to, cheaper, shadows, nearest, said)


def _held(found: Tradeoffs, limits: Limits) -> tuple[Held, ...]:
    """All candidates, those admitted with their chance of being the best of them."""
    against = [checks(c, limits) for c in found.candidates]
    inside = [i for i, each in enumerate(against) if all(check.kept.admits for check in each)]
    chances: dict[int, float] = {}
    if inside:
        first = np.argmax(found.elo_draws[:, inside], axis=1)
        shares = np.bincount(first, minlength=len(inside)) / len(first)
        chances = {i: float(share) for i, share in zip(inside, shares, strict=True)}
    return tuple(
        Held(c, each, chances.get(i)) for i, (c, each) in enumerate(zip(found.candidates, against, strict=True))
    )


def _cheaper(choice: Held | None, open_to: tuple[Candidate, ...]) -> Candidate | None:
    """The cheapest of those not told apart from the choice, if it costs less at all."""
    price = None if choice is None else choice.candidate.usd_per_1000.value
    priced = [(c.usd_per_1000.value, -c.elo, c) for c in open_to if c.usd_per_1000.value is not None]
    if price is None or not priced:
        return None
    least, _, candidate = min(priced, key=lambda entry: entry[:2])
    return candidate if least < price else None


def _nearest(held: tuple[Held, ...]) -> Held | None:
    """Who misses its worst limit by the smallest share of it, among those whose figures are known."""
    known = []
    for h in held:
        excesses = [check.excess for check in h.checks]
        if all(e is not None for e in excesses):
            known.append((max((e for e in excesses if e is not None), default=0.0), -h.candidate.elo, h))
    return min(known, key=lambda entry: entry[:2])[2] if known else None


def _shadow(found: Tradeoffs, limits: Limits, name: LimitName, choice: Held | None) -> Shadow:
    freer = next((h.candidate for h in _held(found, limits.without(name)) if h.admitted), None)
    short = {"p95": "p95", "price": "price", "success": "success"}[name]
    if freer is None:
        return Shadow(name, None, None, f"without the {short} limit: still nobody keeps the others")
    if choice is not None and freer is choice.candidate:
        return Shadow(name, None, None, f"the {short} limit costs nothing: the choice is the same without it")
    gain = None if choice is None else found.contrast(freer, choice.candidate)
    parts = [f"without the {short} limit: {freer.endpoint}"]
    if gain is not None:
        told = "" if gain.decided else ", not told apart"
        parts.append(f"{gain.difference_elo:+.0f} Elo{_interval(gain)}{told}")
    more = _difference(name, freer, choice.candidate if choice else None)
    return Shadow(name, freer, gain, ", ".join([*parts, more] if more else parts))


def _interval(gain: Contrast) -> str:
    return f" [{gain.low_elo:+.0f}, {gain.high_elo:+.0f}]" if np.isfinite(gain.low_elo) else ""


def _difference(name: LimitName, freer: Candidate, choice: Candidate | None) -> str:
    """How the figure that a limit is about differs without it: `$12.00 more per 1,000`."""
    figures = {"p95": "p95_ms", "price": "usd_per_1000", "success": "success"}
    there = getattr(freer, figures[name]).value
    here = None if choice is None else getattr(choice, figures[name]).value
    title = {"p95": "p95", "price": "per 1,000", "success": "success"}[name]
    if there is None:
        return f"whose {'price' if name == 'price' else title} is not known"
    if here is None:
        return f"{text(name, there)} {title}" if name == "price" else f"{title} {text(name, there)}"
    gap = there - here
    if name == "price":
        return f"{format_usd(abs(gap))} {'more' if gap > 0 else 'less'} per 1,000"
    if name == "success":
        return f"success {gap * 100:+.1f} points"
    return f"p95 {text(name, abs(gap))} {'longer' if gap > 0 else 'shorter'}"


def _chosen(choice: Held, open_to: tuple[Candidate, ...], cheaper: Candidate | None, admitted: int) -> str:
    """The answer in a sentence of two or three parts."""
    best, kept = choice.candidate, " that keep every limit" if choice.checks else ""
    if admitted == 1:
        return f"the choice is {best.endpoint}: it {'alone keeps every limit' if kept else 'is the only candidate'}"
    chance = f"a probability of {chance_text(choice.probability_best or 0.0)}"
    parts = [
        f"the choice is {best.endpoint}: rated highest of the {admitted}{kept}, and the best of them with {chance}"
    ]
    if open_to:
        parts.append(f"not told apart from it: {listed([c.endpoint for c in open_to])}")
    else:
        parts.append("it is told apart from all of them")
    if cheaper is not None:
        prices = [format_usd(c.usd_per_1000.value) for c in (cheaper, best)]
        parts.append(f"the cheapest of these, {cheaper.endpoint}, costs {prices[0]} per 1,000 instead of {prices[1]}")
    return "; ".join(parts)


def _nobody(held: tuple[Held, ...], limits: Limits, nearest: Held | None) -> str:
    """Which limit excludes whom, and who comes nearest."""
    if not held:
        return "no endpoint is both rated and measured, so there is nothing to choose from"
    parts = []
    for name in limits.set_ones:
        out = [h for h in held if any(c.limit == name and not c.kept.admits for c in h.checks)]
        if out:
            whom = f"all {len(held)}" if len(out) == len(held) > 1 else listed([h.candidate.endpoint for h in out])
            parts.append(f"{limits.written(name)} excludes {whom}")
    said = f"nobody keeps every limit: {'; '.join(parts)}"
    if nearest is None:
        return said
    missed = "; ".join(c.sentence for c in nearest.checks if not c.kept.admits)
    return f"{said}. The nearest miss is {nearest.candidate.endpoint}: {missed}"


def as_json(found: Recommendation) -> dict[str, Any]:
    """The recommendation for `--json`."""
    return {
        "limits": asdict(found.limits),
        "simulated": found.simulated,
        "sentence": found.sentence,
        "choice": None if found.choice is None else found.choice.candidate.endpoint,
        "probability_best": None if found.choice is None else found.choice.probability_best,
        "not_told_apart": [c.endpoint for c in found.not_told_apart],
        "cheaper_not_told_apart": None if found.cheaper is None else found.cheaper.endpoint,
        "nearest_miss": None if found.nearest is None else found.nearest.candidate.endpoint,
        "without": [_shadow_json(shadow) for shadow in found.shadows],
        "candidates": [_held_json(held) for held in found.held],
    }


def _shadow_json(shadow: Shadow) -> dict[str, Any]:
    gain = shadow.gain
    finite = gain is not None and bool(np.isfinite(gain.low_elo))
    return {
        "limit": shadow.limit,
        "instead": None if shadow.instead is None else shadow.instead.endpoint,
        "gain_elo": None if gain is None else gain.difference_elo,
        "gain_elo_low": gain.low_elo if gain is not None and finite else None,
        "gain_elo_high": gain.high_elo if gain is not None and finite else None,
        "sentence": shadow.sentence,
    }


def _held_json(held: Held) -> dict[str, Any]:
    return {
        "endpoint": held.candidate.endpoint,
        "elo": held.candidate.elo,
        "admitted": held.admitted,
        "probability_best": held.probability_best,
        "checks": [
            {"limit": c.limit, "bound": c.bound, "kept": c.kept.name.lower(), **asdict(c.figure)} for c in held.checks
        ],
    }
