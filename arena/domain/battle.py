"""Battles and votes: two images of one prompt, shown blind, and what a voter said of them."""

from __future__ import annotations

from enum import StrEnum

from pydantic import AwareDatetime, Field

from arena.domain.base import Value
from arena.domain.request import Mode


class Verdict(StrEnum):
    """What a voter may say. `both_good` and `both_bad` rate as ties and are kept apart; a skip rates as nothing."""

    LEFT = "left"
    RIGHT = "right"
    TIE = "tie"
    BOTH_GOOD = "both_good"
    BOTH_BAD = "both_bad"
    SKIP = "skip"


class VoterKind(StrEnum):
    """People and automatic judges are never pooled."""

    HUMAN = "human"
    JUDGE = "judge"


class Rule(StrEnum):
    """Which part of the pairing drew a battle."""

    NEWCOMER = "newcomer"
    UNCERTAIN = "uncertain"
    UNIFORM = "uniform"


class Purpose(StrEnum):
    """Why a battle is shown: to rate, or to check the voter with a pair whose answer is known or was given before."""

    RATE = "rate"
    GOLD = "gold"
    REPEAT = "repeat"


class Contender(Value):
    """An endpoint as it takes part: one model at one provider, simulated or not.

    `family` names the weights, whoever serves them; `retired_at` is when it was taken off the boards.
    """

    id: int
    endpoint_id: str
    simulated: bool
    provider: str
    model: str
    family: str
    added_at: AwareDatetime
    retired_at: AwareDatetime | None = None


class Entry(Value):
    """One image that can be drawn: which attempt made it, of which prompt, under which settings.

    `cell` joins what may meet: the same prompt and the same requested settings. Of a battle that was imported, neither
    attempt nor image need be here.
    """

    contender: int
    attempt_id: int | None
    position: int | None = Field(ge=0)
    sha256: str | None
    cell: str


class Cell(Value):
    """A prompt under one set of requested settings."""

    key: str
    prompt_id: str
    prompt_sha256: str
    mode: Mode
    category: str
    simulated: bool


class Battle(Value):
    """A pair as it was drawn and stored, before anything was shown.

    `propensity` is the probability with which this pair of contenders was drawn; `salt` makes its images' names and
    bytes its own.
    """

    id: int
    voter_id: str
    cell: Cell
    left: Entry
    right: Entry
    rule: Rule
    propensity: float = Field(gt=0, le=1)
    purpose: Purpose = Purpose.RATE
    salt: str
    created_at: AwareDatetime
    shown_at: AwareDatetime | None = None
    expires_at: AwareDatetime


class Vote(Value):
    """What was said of a battle. `network` is a salted hash of the voter's network prefix, where it is known."""

    battle_id: int
    voter_id: str
    verdict: Verdict
    cast_at: AwareDatetime
    dwell_ms: int = Field(ge=0)
    network: str | None = None
