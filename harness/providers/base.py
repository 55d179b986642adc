"""The seam between Arena and a provider: values in, values out, no I/O.

`build` turns a job into the call that submits it; `parse` turns each exchange into what it means. The engine owns
sockets, clock, sleeping, cancelling and downloading, so every provider is timed by the same lines, and an adapter is
tested without an event loop. An adapter never raises on what a server sends: whatever it cannot read is `Rejected`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from enum import StrEnum
from functools import wraps
from typing import TYPE_CHECKING, ClassVar, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from decimal import Decimal

    from pydantic import JsonValue, SecretStr

    from arena.domain.endpoint import Endpoint
    from arena.domain.failure import Failure
    from arena.domain.outcome import CallPurpose
    from arena.domain.request import GenerationRequest, PixelSize


@dataclass(frozen=True, slots=True)
class SecretHeader:
    """A header whose value is never shown: neither in a repr nor in a stored call."""

    name: str
    value: SecretStr


@dataclass(frozen=True, slots=True)
class JsonBody:
    """A JSON request body."""

    value: Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class FilePart:
    """One file of a multipart body."""

    part: str
    file_name: str
    media_type: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class FormBody:
    """A multipart/form-data request body."""

    fields: tuple[tuple[str, str], ...]
    files: tuple[FilePart, ...]


@dataclass(frozen=True, slots=True)
class WireCall:
    """One HTTP call as a value. `auth` is sent only to a host that belongs to the endpoint."""

    purpose: CallPurpose
    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: JsonBody | FormBody | None = None
    auth: SecretHeader | None = None


@dataclass(frozen=True, slots=True)
class Exchange:
    """A call and its complete answer; header names are lower case."""

    call: WireCall
    status: int
    headers: Mapping[str, str]
    body: bytes | bytearray = field(repr=False)


@dataclass(frozen=True, slots=True)
class InlineImage:
    """An image inside the answer, still in base64, as text or as it lies in the answer; decoded off the event loop."""

    base64: str | memoryview = field(repr=False)


@dataclass(frozen=True, slots=True)
class ImageAddress:
    """An image to be downloaded; no key goes along."""

    url: str


@dataclass(frozen=True, slots=True)
class Done:
    """The images are there. What the provider does not say stays None.

    `server_ms` are its own timings by name in milliseconds, `cost_usd` what it says the call cost, `seed` the seed that
    it says it used, `model` the model that it says answered, `remarks` what else it did, such as a reroute.
    """

    images: tuple[InlineImage | ImageAddress, ...]
    server_ms: Mapping[str, float] = field(default_factory=dict)
    cost_usd: Decimal | None = None
    seed: int | None = None
    model: str | None = None
    request_id: str | None = None
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pending:
    """Not yet: make the call `next`, not before `after_s` (None: the endpoint's poll interval).

    `cost_usd` and `server_ms` are what the provider says already now; a later answer that says it, too, wins. A `next`
    with the purpose `RESULT` means that the work is over and only has to be fetched.
    """

    next: WireCall
    after_s: float | None = None
    provider_status: str = ""
    request_id: str | None = None
    cost_usd: Decimal | None = None
    server_ms: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rejected:
    """It will not come: the failure, and what it cost if the provider says so."""

    failure: Failure
    cost_usd: Decimal | None = None
    request_id: str | None = None


Answer: TypeAlias = Done | Pending | Rejected


@dataclass(frozen=True, slots=True)
class Job:
    """A request for an endpoint, with the key that it needs."""

    endpoint: Endpoint
    request: GenerationRequest
    key: SecretStr | None = None


P = TypeVar("P")
MOST_REMEMBERED = 256


class How(StrEnum):
    """What becomes of a requested field on the way to a provider.

    `emulated`: nothing is sent, and the wish is met by Arena. `unsupported`: it cannot be told, and that is reported.
    """

    PASSTHROUGH = "passthrough"
    RENAMED = "renamed"
    CONVERTED = "converted"
    EMULATED = "emulated"
    UNSUPPORTED = "unsupported"


@dataclass(frozen=True, slots=True)
class Support:
    """How a provider takes one requested field: under which name, and in a few words what is done to its value."""

    how: How
    wire_name: str = ""
    note: str = ""


PASSTHROUGH, UNSUPPORTED = Support(How.PASSTHROUGH), Support(How.UNSUPPORTED)

CANONICAL_FIELDS = (
    "prompt",
    "mode",
    "size",
    "ratio",
    "input_size",
    "seed",
    "steps",
    "guidance",
    "n",
    "format",
    "delivery",
    "images",
    "safety",
)
"""The fields of a request, in the order in which they are documented. `ratio` is a size that was asked for as aspect
ratio and megapixels, `input_size` one that is to be the input image's; all three reach an adapter as `size`, too.
"""


@dataclass(frozen=True, slots=True)
class Sizing:
    """How an endpoint is told the size, in its own words, and what it is expected to deliver.

    `expected` None: it cannot be told, or chooses on its own. Where not `exact`, the expected size is nominal: the
    endpoint rounds it in a way of its own, and a few percent to either side are no fault.
    """

    wire: str
    expected: PixelSize | None
    exact: bool = True

    def keeps(self, requested: PixelSize) -> bool:
        """Whether the requested size is told as it is."""
        return self.exact and self.expected == requested

    def accepts(self, delivered: PixelSize) -> bool:
        """Whether an image of this size is what was to be expected."""
        if self.expected is None:
            return True
        if self.exact:
            return delivered == self.expected
        shape = (delivered.width_px / delivered.height_px) / (self.expected.width_px / self.expected.height_px)
        return abs(shape - 1) <= SHAPE_TOLERANCE and abs(delivered.pixels / self.expected.pixels - 1) <= AREA_TOLERANCE


SHAPE_TOLERANCE, AREA_TOLERANCE = 0.04, 0.15


@dataclass(frozen=True, slots=True)
class Lookup:
    """What a provider says of a finished job when it is asked later: its timings, and what it charged."""

    server_ms: Mapping[str, float] = field(default_factory=dict)
    cost_usd: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Probed:
    """What a free question told: whether the key may use the model (None: it does not say), and in words."""

    may_use: bool | None
    says: str


def once_per_endpoint(
    method: Callable[[P, Endpoint], Mapping[str, Support]],
) -> Callable[[P, Endpoint], Mapping[str, Support]]:
    """Remembers what a method of an adapter said of an endpoint: that never changes, and is asked for every trial."""
    known: dict[tuple[int, int], tuple[P, Endpoint, Mapping[str, Support]]] = {}

    @wraps(method)
    def remembered(self: P, endpoint: Endpoint) -> Mapping[str, Support]:
        found = known.get((id(self), id(endpoint)))
        if found is not None and found[0] is self and found[1] is endpoint:
            return found[2]
        if len(known) >= MOST_REMEMBERED:
            known.clear()
        table = method(self, endpoint)
        known[id(self), id(endpoint)] = self, endpoint, table
        return table

    return remembered


class Provider(ABC):
    """One vendor's protocol. Stateless; what differs between endpoints is in the endpoint's data.

    `options` are the names that an endpoint's `options` may have here.
    """

    options: ClassVar[frozenset[str]] = frozenset()

    @abstractmethod
    def parameters(self, endpoint: Endpoint) -> Mapping[str, Support]:
        """How each of `CANONICAL_FIELDS` is taken here; a field that is not listed is unsupported."""

    @abstractmethod
    def build(self, job: Job) -> WireCall:
        """The call that submits the job."""

    @abstractmethod
    def parse(self, job: Job, exchange: Exchange) -> Answer:
        """What an exchange means. Never raises on what a server sent."""

    def sizing(self, job: Job) -> Sizing:
        """How the size is told; as it was asked for, unless a provider knows better."""
        if self.parameters(job.endpoint).get("size", UNSUPPORTED).how is How.UNSUPPORTED:
            return Sizing("not sent", None)
        return Sizing(str(job.request.size), job.request.size)

    def objection(self, job: Job) -> str | None:
        """Why this request cannot be made here, beyond the endpoint's limits, as the end of a sentence."""
        return None

    def lookups(self, endpoint: Endpoint, key: SecretStr | None, request_id: str) -> tuple[WireCall, ...]:
        """The calls that ask for what is known of a finished job: made after the measured part, free of charge."""
        return ()

    def read_lookup(self, endpoint: Endpoint, exchange: Exchange) -> Lookup:
        """What the answer to a lookup says; nothing where it says nothing. Never raises on what a server sent."""
        return Lookup()

    def probe(self, endpoint: Endpoint, key: SecretStr | None) -> WireCall | None:
        """A call that costs nothing and tells whether the host answers and the key is good; None if there is none."""
        return None

    def read_probe(self, endpoint: Endpoint, exchange: Exchange) -> Probed:
        """What the answer to a probe says. Never raises on what a server sent."""
        good = exchange.status < 300
        return Probed(True if good else None, "the key is good" if good else f"HTTP {exchange.status}")


OPTIONAL_FIELDS = ("seed", "steps", "guidance", "format", "delivery", "safety")


def unsupported(provider: Provider, job: Job) -> tuple[str, ...]:
    """The fields that the request sets and this endpoint cannot be told: reported with the outcome, never dropped."""
    known = provider.parameters(job.endpoint)
    asked = {"size"} | {name for name in OPTIONAL_FIELDS if getattr(job.request, name) is not None}
    asked |= {"n"} if job.request.n > 1 else set()
    return tuple(
        name for name in CANONICAL_FIELDS if name in asked and known.get(name, UNSUPPORTED).how is How.UNSUPPORTED
    )
