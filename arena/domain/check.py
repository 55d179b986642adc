"""Checks of voters and images: what was found, and who said so."""

from __future__ import annotations

from enum import StrEnum

from pydantic import AwareDatetime

from arena.domain.base import Value


class Standing(StrEnum):
    """What a check found. That too little is known to tell is a result of its own, and never a failure."""

    PASSED = "passed"
    FAILED = "failed"
    UNCHECKED = "could not be checked"


class Ruler(StrEnum):
    """Who set something apart or took it back in: the rules of the house, or the operator, whose word stands."""

    HOUSE = "house"
    OPERATOR = "operator"


class Ruling(Value):
    """A voter, a vote or an image is set apart, or taken back in, with a reason; the latest one counts."""

    voter_id: str | None = None
    vote_id: int | None = None
    image_sha256: str | None = None
    apart: bool
    reason: str
    by: Ruler
    at: AwareDatetime


class GoldPair(Value):
    """Two images of one prompt of which everybody must see which is better; `withdrawn_at` is when it was given up."""

    id: int
    prompt_id: str
    prompt_sha256: str
    better_sha256: str
    worse_sha256: str
    reason: str
    declared_at: AwareDatetime
    withdrawn_at: AwareDatetime | None = None
