"""How requests are issued: how many at a time or how many a second, for how long, rising or in steps."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from arena.domain.base import Value

MOST_REQUESTS = 1_000_000


class Stage(Value):
    """A part of a load: `rate_per_s` or `in_flight` for `for_s` seconds, from its first one on or, with `ramp`, reached
    evenly from where the stage before it was (0 before the first).
    """

    for_s: float = Field(gt=0, le=30 * 86_400)
    rate_per_s: float | None = Field(default=None, gt=0, le=10_000)
    in_flight: int | None = Field(default=None, ge=1, le=4096)
    ramp: bool = False


class LoadProfile(Value):
    """How requests are issued, at each endpoint separately.

    `closed`: `in_flight` requests are always open, the next leaves when one returns. `constant` and `poisson`: requests
    leave at `rate_per_s` whatever happens to the earlier ones, at due times that are drawn once from the plan's seed.
    `for_s` ends it after so many seconds; `stages` change it on the way. Under a timed load with an end, as many
    requests are fired as are due by then; under a closed one `repetitions` is the most that are.

    `lead`: by how many prompts an endpoint of a closed loop may be ahead of the slowest one, so that all of them are
    asked the same within the same stretch of time.
    """

    kind: Literal["closed", "constant", "poisson"] = "closed"
    in_flight: int = Field(default=2, ge=1, le=4096)
    rate_per_s: float | None = Field(default=None, gt=0, le=10_000)
    for_s: float | None = Field(default=None, gt=0, le=30 * 86_400)
    stages: tuple[Stage, ...] = Field(default=(), max_length=100)
    lead: int = Field(default=25, ge=1, le=1_000_000)

    @model_validator(mode="after")
    def _rate_where_it_means_something(self) -> Self:
        if self.stages:
            self._check_stages()
        elif (self.kind == "closed") != (self.rate_per_s is None):
            raise ValueError("`rate_per_s` is needed for a constant or poisson load, and only there")
        if self.timed and self.duration_s is not None and self._most_due() > MOST_REQUESTS:
            raise ValueError(f"more than {MOST_REQUESTS} requests would be due; shorten it, or lower the rate")
        return self

    def _check_stages(self) -> None:
        if self.rate_per_s is not None or self.for_s is not None:
            raise ValueError("`stages` have their own rates and lengths; leave out `rate_per_s` and `for_s`")
        for stage in self.stages:
            if (stage.rate_per_s is not None) != self.timed or (stage.in_flight is None) != self.timed:
                wanted = "`rate_per_s`" if self.timed else "`in_flight`"
                raise ValueError(f"each stage of a {self.kind} load has {wanted}, and not the other one")

    def _most_due(self) -> float:
        parts = self.stages or (Stage(for_s=self.for_s or 1, rate_per_s=self.rate_per_s),)
        return sum(stage.for_s * (stage.rate_per_s or 0) for stage in parts)

    @property
    def timed(self) -> bool:
        """Whether requests have a due time."""
        return self.kind != "closed"

    @property
    def duration_s(self) -> float | None:
        """How long requests are issued; None: until all are."""
        return sum(stage.for_s for stage in self.stages) if self.stages else self.for_s

    @property
    def most_in_flight(self) -> int:
        """How many requests a closed loop has open at most."""
        return max((stage.in_flight or 0 for stage in self.stages), default=self.in_flight)
