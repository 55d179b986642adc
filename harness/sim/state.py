"""What a running simulator remembers: who is in flight, what was counted, which files can be fetched."""

from __future__ import annotations

import random
from collections import Counter, OrderedDict, deque
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

import anyio

from harness.sim.art.reading import digest_int
from harness.sim.habits import Backlog, Memory

if TYPE_CHECKING:
    from harness.sim.contender import Fault, SimContender

Refusal = Literal["capacity", "invalid", "unauthorized"]

_REMEMBERED_LATENCIES = 10_000
_NO_WORK: frozenset[Fault | None] = frozenset({"unavailable", "rate_limited", "payment"})
"""Faults that are told at once: nothing is worked on."""


@dataclass
class Tally:
    """Counts of one contender; `requests` is the sum of everything else once nothing is in flight.

    `latencies_ms` are those of the successes, from admission to the reply being ready; `sampled_ms` those
    that the law asked for, with the queue. `billed_usd` is the price of every image that was delivered.
    """

    requests: int = 0
    successes: int = 0
    images: int = 0
    abandoned: int = 0
    faults: Counter[Fault] = field(default_factory=Counter)
    refusals: Counter[Refusal] = field(default_factory=Counter)
    billed_usd: Decimal = Decimal(0)
    latencies_ms: deque[float] = field(default_factory=lambda: deque(maxlen=_REMEMBERED_LATENCIES))
    sampled_ms: deque[float] = field(default_factory=lambda: deque(maxlen=_REMEMBERED_LATENCIES))


@dataclass(frozen=True)
class Ticket:
    """What fate has decided for one admitted request."""

    latency_s: float
    queue_s: float
    fault: Fault | None
    image_seed: int
    admitted_s: float

    @property
    def due_s(self) -> float:
        """When the reply is due, on the clock of the event loop."""
        return self.admitted_s + self.queue_s + self.latency_s


@dataclass(frozen=True)
class KeptFile:
    """A file that can be fetched, and what is wrong with it or its address."""

    data: bytes
    media_type: str
    fault: Fault | None = None


class FileStore:
    """The last images that were delivered by address; older ones are forgotten."""

    def __init__(self, most: int = 512) -> None:
        self._most = most
        self._files: OrderedDict[str, KeptFile] = OrderedDict()

    def keep(self, name: str, data: bytes, media_type: str, fault: Fault | None = None) -> None:
        """Remember `data` under `name` and forget the oldest file if there are too many."""
        self._files[name] = KeptFile(data, media_type, fault)
        while len(self._files) > self._most:
            self._files.popitem(last=False)

    def find(self, name: str) -> KeptFile | None:
        """The file, or None if it is unknown or forgotten."""
        return self._files.get(name)


class Provider:
    """One contender at work."""

    def __init__(self, contender: SimContender, files: FileStore, drawing: anyio.CapacityLimiter) -> None:
        self.contender, self.files, self.drawing = contender, files, drawing
        self.tally = Tally()
        self.in_flight = 0
        self.memory = Memory()
        self._backlog = Backlog(contender.workers, contender.cold_start)
        self._admitted = 0

    def admit(self) -> Ticket | None:
        """A ticket for one more request, or None at capacity; give the place back with `leave`."""
        if self.in_flight >= self.contender.max_in_flight:
            self.tally.refusals["capacity"] += 1
            return None
        self.in_flight += 1
        self._admitted += 1
        rng = random.Random(digest_int(self.contender.seed, self.contender.name, self._admitted))
        fault, latency_s = self._fault(rng.random()), self.contender.latency.sample_s(rng)
        now_s = anyio.current_time()
        wait_s = 0.0 if fault in _NO_WORK else self._backlog.wait_s(now_s, latency_s)
        return Ticket(
            fault=fault,
            latency_s=latency_s,
            queue_s=self.contender.queue_ms / 1000 + wait_s,
            image_seed=rng.randrange(2**31),
            admitted_s=now_s,
        )

    def leave(self) -> None:
        """Give a place back."""
        self.in_flight -= 1

    def succeeded(self, ticket: Ticket, images: int) -> None:
        """Count a reply that is about to be sent with `images` good images."""
        tally = self.tally
        tally.successes += 1
        tally.images += images
        tally.billed_usd += self.contender.price_usd * images
        tally.latencies_ms.append((anyio.current_time() - ticket.admitted_s) * 1000)
        tally.sampled_ms.append((ticket.queue_s + ticket.latency_s) * 1000)

    def failed(self, fault: Fault) -> None:
        """Count a fault that is about to be sent."""
        self.tally.faults[fault] += 1

    def cost_header(self, images: int) -> dict[str, str]:
        """The header that says what a success cost in dollars, for a contender that says so."""
        if not self.contender.reports_cost:
            return {}
        return {"x-sim-cost-usd": format(self.contender.price_usd * images, "f")}

    def _fault(self, draw: float) -> Fault | None:
        for fault, probability in self.contender.failures.items():
            draw -= probability
            if draw < 0:
                return fault
        return None
