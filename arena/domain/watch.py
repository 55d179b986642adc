"""What is watched for changes, and what an incident is."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from pydantic import Field

from arena.domain.base import Value

VOTES = "votes"
"""By what quality is watched, beside machines."""


class Watchable(StrEnum):
    """The figures that are watched."""

    P50 = "p50"
    P95 = "p95"
    SUCCESS = "success"
    PRICE = "price"
    QUALITY = "quality"


class Direction(StrEnum):
    """Which way a figure went."""

    WORSE = "worse"
    BETTER = "better"
    DIFFERENT = "different"
    """Of a score that has no better or worse."""


class Worth(Value):
    """The smallest changes worth knowing.

    Of p50, p95 and of prices that differ from call to call, relative; of success, a share of attempts (beside twice the
    odds of a failure); of quality, expected votes out of one against the same opponents. What is worth knowing of a
    machine's score comes with the machine.
    """

    p50: float = Field(default=0.10, ge=0.02, le=1)
    p95: float = Field(default=0.20, ge=0.02, le=1)
    success: float = Field(default=0.03, ge=0.001, le=0.5)
    price: float = Field(default=0.05, ge=0.01, le=1)
    quality: float = Field(default=0.10, ge=0.01, le=0.5)


class Rules(Value):
    """What is watched, and how often it may be wrong, over all endpoints and figures together."""

    false_alarms_per_year: float = Field(default=1.0, ge=0.001, le=365)
    figures: tuple[Watchable, ...] = Field(default=tuple(Watchable), min_length=1)
    endpoints: tuple[str, ...] = Field(default=("*",), min_length=1)
    tell_better: bool = False
    worth: Worth = Worth()


@dataclass(frozen=True, slots=True)
class Incident:
    """A stretch of days on which a figure of an endpoint differed from its own past.

    `since` is the likeliest first day, between `earliest` and `latest`; `noticed` the day whose data sufficed. `before`
    and `now` are the figure over the baseline and since then, in `unit`; `change` is relative, or for success and
    quality the difference, with a 95 % interval where it is not known exactly; `n` counts trials, images or votes.
    `by`: whose scores, of quality. `until` and `ending`: the first day after it, and how it ended; None while open.
    """

    endpoint: str
    simulated: bool
    figure: Watchable
    direction: Direction
    since: date
    earliest: date
    latest: date
    noticed: date
    last: date
    unit: str
    before: float | None
    now: float | None
    change: float | None
    change_low: float | None
    change_high: float | None
    n: int
    baseline_from: date
    baseline_to: date
    until: date | None = None
    ending: str | None = None
    by: str = ""

    @property
    def open(self) -> bool:
        """Whether it goes on."""
        return self.until is None

    @property
    def series(self) -> str:
        """What it is an incident of; stable, for machines."""
        kind = "simulated" if self.simulated else "real"
        return " ".join(filter(None, (self.endpoint, kind, self.figure, self.by, self.direction)))

    @property
    def key(self) -> str:
        """Twelve letters that stay the same as long as the incident does."""
        return hashlib.sha256(f"{self.series} {self.noticed.isoformat()}".encode()).hexdigest()[:12]

    @property
    def command(self) -> str:
        """The command that shows the figures since the change beside those of other endpoints."""
        if self.figure is Watchable.QUALITY:
            return "arena leaderboard" if self.by == VOTES else "arena score show last"
        last = self.last if self.until is None else max(self.since, self.last)
        return f"arena providers table --window {self.since.isoformat()}..{date.fromordinal(last.toordinal() + 1)}"
