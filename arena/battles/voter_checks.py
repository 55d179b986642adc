"""What is known of a voter's care, and what follows: votes are set apart with a reason, never dropped.

Three checks, each with an interval and three results: passed, failed, and could not be checked. A voter of whom little
is known is none who failed. Only what the interval leaves no doubt of is a failure; and since a check is looked at
again and again, it needs a few answers at least.

Limits: whoever takes care on purpose and votes for a favourite passes all of them. Against that stand the server's
choice of pairs, the caps and `arena votes influence`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from arena.domain.check import Ruler, Ruling, Standing
from arena.metrics.intervals import wilson
from arena.store import checks, rulings

if TYPE_CHECKING:
    from datetime import datetime

    from arena.metrics.base import Figure
    from arena.store.checks import Answers
    from arena.store.engine import Connection

LEAST_ANSWERS = 4
CHANCE = 0.5
LEAST_CONSISTENCY, LEAST_ACCURACY = 0.7, 0.8
"""Who is below with 95 % certainty has failed. Careful voters contradict themselves on close pairs now and then; a pair
of an image and its ruin leaves less room. Who clicks at random is at one half."""
HASTY_MS, LEAST_VOTES = 1000, 20
"""Two images and a prompt are not compared in under a second again and again."""
HASTY_SHARE = 0.5

FAILED_GOLD = "gold pairs answered wrongly"
FAILED_REPEATS = "repeated pairs answered differently"
FAILED_DWELL = "too fast to have looked"


@dataclass(frozen=True, slots=True)
class VoterChecks:
    """Agreement with oneself on repeated pairs, accuracy on gold pairs, and the share of votes in under a second."""

    consistency: Figure
    consistent: Standing
    accuracy: Figure
    accurate: Standing
    hasty_share: Figure
    unhurried: Standing

    @property
    def standing(self) -> Standing:
        """Failed if any check failed, passed if one of repeats and gold passed, otherwise it could not be checked."""
        if Standing.FAILED in {self.consistent, self.accurate, self.unhurried}:
            return Standing.FAILED
        return Standing.PASSED if Standing.PASSED in {self.consistent, self.accurate} else Standing.UNCHECKED

    @property
    def failures(self) -> tuple[str, ...]:
        """The checks that failed, in words."""
        found = (
            (self.accurate, FAILED_GOLD),
            (self.consistent, FAILED_REPEATS),
            (self.unhurried, FAILED_DWELL),
        )
        return tuple(reason for standing, reason in found if standing is Standing.FAILED)


def assessed(answers: Answers, dwell_ms: list[int]) -> VoterChecks:
    """What the answers and the times of one voter say; times of 0 were not measured."""
    measured = [ms for ms in dwell_ms if ms > 0]
    hasty = wilson(sum(ms < HASTY_MS for ms in measured), len(measured))
    alike, right = wilson(answers.alike, answers.repeats), wilson(answers.right, answers.gold)
    return VoterChecks(
        consistency=alike,
        consistent=_standing(alike, LEAST_CONSISTENCY),
        accuracy=right,
        accurate=_standing(right, LEAST_ACCURACY),
        hasty_share=hasty,
        unhurried=_hurry(hasty),
    )


def _standing(share: Figure, least: float) -> Standing:
    if share.n < LEAST_ANSWERS or share.low is None or share.high is None:
        return Standing.UNCHECKED
    if share.high < least:
        return Standing.FAILED
    return Standing.PASSED if share.low > CHANCE else Standing.UNCHECKED


def _hurry(share: Figure) -> Standing:
    if share.n < LEAST_VOTES or share.low is None:
        return Standing.UNCHECKED
    return Standing.FAILED if share.low > HASTY_SHARE else Standing.PASSED


def assess(connection: Connection, voter_id: str | None = None) -> dict[str, VoterChecks]:
    """The checks of every voter (or of one) of whom anything is known; whoever is missing could not be checked."""
    answers, times = checks.answers(connection, voter_id), checks.dwell_times_ms(connection, voter_id)
    nothing = checks.Answers()
    return {v: assessed(answers.get(v, nothing), times.get(v, [])) for v in {**answers, **times}}


def review(connection: Connection, voter_id: str, now: datetime) -> Ruling | None:
    """Set a voter's votes apart if a check has failed, or take them back in if none fails any more.

    The operator's word about a voter stands: then nothing changes. Returns the ruling that was made, if any.
    """
    found = assess(connection, voter_id).get(voter_id) or assessed(checks.Answers(), [])
    return _rule(connection, voter_id, found, rulings.ruling_on_voter(connection, voter_id), now)


def review_all(connection: Connection, now: datetime) -> list[Ruling]:
    """The same for every voter; returns the rulings that were made."""
    known, found = rulings.rulings_on_voters(connection), assess(connection)
    nothing = assessed(checks.Answers(), [])
    made = [_rule(connection, v, found.get(v, nothing), known.get(v), now) for v in sorted({*known, *found})]
    return [ruling for ruling in made if ruling is not None]


def _rule(
    connection: Connection, voter_id: str, found: VoterChecks, known: Ruling | None, now: datetime
) -> Ruling | None:
    if known is not None and known.by is Ruler.OPERATOR:
        return None
    reason, apart = "; ".join(found.failures), known is not None and known.apart
    if bool(reason) == apart and (not apart or (known is not None and known.reason == reason)):
        return None
    said = reason or "no check fails any more"
    ruling = Ruling(voter_id=voter_id, apart=bool(reason), reason=said, by=Ruler.HOUSE, at=now)
    rulings.rule(connection, ruling)
    return ruling
