"""How far a run has got, by endpoint: trials, failures by kind, rate, cost against the budget, and when it may end."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from arena.domain.outcome import AttemptStatus
from arena.store import progress as store
from arena.units import NANO_USD_PER_USD

if TYPE_CHECKING:
    from collections.abc import Iterable

    from arena.domain.run import Run
    from arena.store.engine import Connection
    from arena.store.progress import Count

WINDOW = timedelta(seconds=60)
"""The stretch of time by which a rate is told."""


@dataclass(slots=True)
class EndpointProgress:
    """One endpoint's trials. `rate_per_s`: attempts that started within the window, or since the first if that is less;
    None before any did. `in_flight` attempts have not ended, `unknown` ones never will.
    """

    endpoint: str
    planned: int
    simulated: bool = False
    in_flight: int = 0
    succeeded: int = 0
    failed: int = 0
    unknown: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    cost_usd: float | None = None
    rate_per_s: float | None = None

    @property
    def ended(self) -> int:
        """Attempts of which nothing more is to be expected."""
        return self.succeeded + self.failed + self.unknown

    @property
    def left(self) -> int:
        """Trials that have not ended."""
        return max(0, self.planned - self.ended)


@dataclass(frozen=True, slots=True)
class RunProgress:
    """A run's progress. `eta_s`: seconds until the slowest endpoint has fired what is left at its rate of now; None
    where that cannot be told. `cost_usd` is what is known of the cost; None as long as nothing is.
    """

    endpoints: tuple[EndpointProgress, ...]
    cost_usd: float | None
    budget_usd: float | None
    eta_s: float | None
    as_of: datetime

    @property
    def planned(self) -> int:
        """Trials of the plan."""
        return sum(e.planned for e in self.endpoints)

    @property
    def ended(self) -> int:
        """Attempts that have ended."""
        return sum(e.ended for e in self.endpoints)


def progress(connection: Connection, run: Run, *, now: datetime | None = None) -> RunProgress:
    """How far a run has got at this moment; of an ended one, how far it got."""
    as_of = now or datetime.now(UTC)
    known = {name: EndpointProgress(name, count) for name, count in store.planned(connection, run.id).items()}
    _count(known, store.counts(connection, run.id))
    if run.ended_at is None:
        _rates(connection, run, known, as_of)
    costs = [e.cost_usd for e in known.values() if e.cost_usd is not None]
    return RunProgress(
        endpoints=tuple(known.values()),
        cost_usd=sum(costs) if costs else None,
        budget_usd=None if run.budget_nano_usd is None else run.budget_nano_usd / NANO_USD_PER_USD,
        eta_s=_eta_s(known.values()),
        as_of=as_of,
    )


def _count(known: dict[str, EndpointProgress], counts: Iterable[Count]) -> None:
    for count in counts:
        one = known[count.endpoint]
        one.simulated = one.simulated or count.simulated
        match count.status:
            case AttemptStatus.INTENDED:
                one.in_flight += count.attempts
            case AttemptStatus.SUCCEEDED:
                one.succeeded += count.attempts
            case AttemptStatus.UNKNOWN:
                one.unknown += count.attempts
            case _:
                one.failed += count.attempts
                one.failures[count.failure_kind or "unknown"] += count.attempts
        if count.cost_nano_usd is not None:
            one.cost_usd = (one.cost_usd or 0.0) + int(count.cost_nano_usd) / NANO_USD_PER_USD


def _rates(connection: Connection, run: Run, known: dict[str, EndpointProgress], as_of: datetime) -> None:
    first = store.first_start(connection, run.id)
    if first is None:
        return
    since = max(first, as_of - WINDOW)
    seconds = max((as_of - since).total_seconds(), 1.0)
    # Within the first window all would be the first ones: those in flight tell of no rate before some have ended.
    started_in = store.started_between(connection, run.id, since, as_of, in_flight=since > first)
    for name, started in started_in.items():
        known[name].rate_per_s = started / seconds


def _eta_s(endpoints: Iterable[EndpointProgress]) -> float | None:
    """The slowest decides; an endpoint with something left and no rate makes it unknown."""
    open_ones = [e for e in endpoints if e.left]
    if not open_ones or any(not e.rate_per_s for e in open_ones):
        return None
    return max(e.left / (e.rate_per_s or 1.0) for e in open_ones)
