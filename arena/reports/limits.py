"""Limits on time, price and reliability, and whether a figure keeps them, interval included."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

from arena.errors import ConfigError
from arena.units import format_ms, format_percent, format_usd

if TYPE_CHECKING:
    from collections.abc import Sequence

    from arena.metrics.base import Figure
    from arena.reports.tradeoffs import Candidate

LimitName = Literal["p95", "price", "success"]
NAMES: tuple[LimitName, ...] = ("p95", "price", "success")
TITLES: dict[LimitName, str] = {"p95": "p95 of time to image", "price": "price per 1,000", "success": "success rate"}


class Kept(StrEnum):
    """Whether a limit is kept. `LIKELY` and `UNLIKELY`: by the figure, while its interval reaches across the limit."""

    YES = "yes"
    LIKELY = "by its figure, but its interval reaches beyond the limit"
    UNPROVEN = "by its figure, which has no interval"
    UNLIKELY = "not by its figure, but its interval reaches within the limit"
    NO = "no"
    UNKNOWN = "unknown"

    @property
    def admits(self) -> bool:
        """Whether the figure itself keeps the limit."""
        return self in {Kept.YES, Kept.LIKELY, Kept.UNPROVEN}


@dataclass(frozen=True, slots=True)
class Limits:
    """What is asked for; None asks nothing. `success` is a share such as 0.99."""

    p95_ms: float | None = None
    usd_per_1000: float | None = None
    success: float | None = None

    def __post_init__(self) -> None:
        for name, bound in (("p95", self.p95_ms), ("price", self.usd_per_1000)):
            if bound is not None and not bound > 0:
                raise ConfigError(f"the limit on {name} is {bound:g}; it has to be above 0")
        if self.success is not None and not 0 < self.success <= 1:
            raise ConfigError(f"the limit on success is {self.success:g}; it is a share above 0 and up to 1, as 0.99")

    def bound(self, name: LimitName) -> float | None:
        """The limit on one figure."""
        return {"p95": self.p95_ms, "price": self.usd_per_1000, "success": self.success}[name]

    @property
    def set_ones(self) -> tuple[LimitName, ...]:
        """The limits that ask something."""
        return tuple(name for name in NAMES if self.bound(name) is not None)

    def without(self, name: LimitName) -> Limits:
        """The same, with one limit less."""
        return Limits(
            None if name == "p95" else self.p95_ms,
            None if name == "price" else self.usd_per_1000,
            None if name == "success" else self.success,
        )

    def written(self, name: LimitName) -> str:
        """`p95 of time to image at most 2.00 s`."""
        bound = self.bound(name)
        if bound is None:
            return f"no limit on {TITLES[name]}"
        return f"{TITLES[name]} at {'least' if name == 'success' else 'most'} {text(name, bound)}"


@dataclass(frozen=True, slots=True)
class Check:
    """One limit held against one candidate's figure."""

    limit: LimitName
    bound: float
    figure: Figure
    kept: Kept

    @property
    def excess(self) -> float | None:
        """By what share of the limit the figure misses it, 0 if it does not; None if the figure is unknown."""
        if self.figure.value is None:
            return None
        beyond = self.bound - self.figure.value if self.limit == "success" else self.figure.value - self.bound
        return max(0.0, beyond / self.bound)

    @property
    def sentence(self) -> str:
        """The figure with its interval, the limit, and what is open."""
        figure, few = self.figure, ""
        if figure.value is None:
            few = f" (n {figure.n})"
            return f"{TITLES[self.limit]} is not known{few}; the limit is {text(self.limit, self.bound)}"
        interval = ""
        if figure.low is not None and figure.high is not None:
            interval = f" [{text(self.limit, figure.low)}, {text(self.limit, figure.high)}]"
        told = f"{TITLES[self.limit]} {text(self.limit, figure.value)}{interval}, n {figure.n}"
        doubt = "" if self.kept in {Kept.YES, Kept.NO} else f": keeps the limit {self.kept.value}"
        return f"{told}; the limit is {text(self.limit, self.bound)}{doubt}"


def shortfall(held: Sequence[Check]) -> str:
    """`misses price per 1,000; success rate is not known`; empty where every limit is kept."""
    missed = [TITLES[c.limit] for c in held if not c.kept.admits and c.kept is not Kept.UNKNOWN]
    unknown = [TITLES[c.limit] for c in held if c.kept is Kept.UNKNOWN]
    parts = [f"misses {', '.join(missed)}"] if missed else []
    return "; ".join([*parts, *(f"{title} is not known" for title in unknown)])


def checks(candidate: Candidate, limits: Limits) -> tuple[Check, ...]:
    """Every limit that is set, held against a candidate."""
    figures = {"p95": candidate.p95_ms, "price": candidate.usd_per_1000, "success": candidate.success}
    found = []
    for name in limits.set_ones:
        bound = limits.bound(name)
        if bound is not None:
            found.append(Check(name, bound, figures[name], _kept(name, figures[name], bound)))
    return tuple(found)


def _kept(name: LimitName, figure: Figure, bound: float) -> Kept:
    if figure.value is None:
        return Kept.UNKNOWN
    sign = -1.0 if name == "success" else 1.0
    admitted = sign * figure.value <= sign * bound
    if name == "price":  # known, as far as it is known at all
        return Kept.YES if admitted else Kept.NO
    if figure.low is None or figure.high is None:
        return Kept.UNPROVEN if admitted else Kept.NO
    worst, best = (figure.low, figure.high) if name == "success" else (figure.high, figure.low)
    if admitted:
        return Kept.YES if sign * worst <= sign * bound else Kept.LIKELY
    return Kept.UNLIKELY if sign * best <= sign * bound else Kept.NO


def text(name: LimitName, value: float) -> str:
    """A value of the figure that a limit is about."""
    if name == "p95":
        return format_ms(value)
    return format_percent(value) if name == "success" else format_usd(value)
