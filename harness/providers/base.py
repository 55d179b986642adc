"""The seam between Arena and a provider: values in, values out, no I/O.

`build` turns a job into the call that submits it; `parse` turns each exchange into what it means. The engine owns
sockets, clock, sleeping, cancelling and downloading, so every provider is timed by the same lines, and an adapter is
tested without an event loop. An adapter never raises on what a server sends: whatever it cannot read is `Rejected`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from pydantic import JsonValue, SecretStr

    from arena.domain.endpoint import Endpoint
    from arena.domain.failure import Failure
    from arena.domain.outcome import CallPurpose
    from arena.domain.request import GenerationRequest


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
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class InlineImage:
    """An image inside the answer, still in base64; it is decoded off the event loop."""

    base64: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ImageAddress:
    """An image to be downloaded; no key goes along."""

    url: str


@dataclass(frozen=True, slots=True)
class Done:
    """The images are there. What the provider does not say stays None.

    `server_ms` are its own timings by name in milliseconds, `cost_usd` what it says the call cost, `seed` the seed that
    it says it used, `model` the model that it says answered.
    """

    images: tuple[InlineImage | ImageAddress, ...]
    server_ms: Mapping[str, float] = field(default_factory=dict)
    cost_usd: Decimal | None = None
    seed: int | None = None
    model: str | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class Pending:
    """Not yet: make the call `next`, not before `after_s` (None: the endpoint's poll interval)."""

    next: WireCall
    after_s: float | None = None
    provider_status: str = ""
    request_id: str | None = None


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


class How(StrEnum):
    """What becomes of a requested field on the way to a provider."""

    PASSTHROUGH = "passthrough"
    RENAMED = "renamed"
    CONVERTED = "converted"
    EMULATED = "emulated"
    UNSUPPORTED = "unsupported"


@dataclass(frozen=True, slots=True)
class Support:
    """How a provider takes one requested field, and under which name."""

    how: How
    wire_name: str = ""


class Provider(Protocol):
    """One vendor's protocol. Stateless."""

    def parameters(self, endpoint: Endpoint) -> Mapping[str, Support]:
        """How each optional field of a request is taken here; a field that is not listed is unsupported."""
        ...

    def build(self, job: Job) -> WireCall:
        """The call that submits the job."""
        ...

    def parse(self, job: Job, exchange: Exchange) -> Answer:
        """What an exchange means. Never raises on what a server sent."""
        ...


OPTIONAL_FIELDS = ("seed", "steps", "guidance", "n", "format", "delivery")


def unsupported(provider: Provider, job: Job) -> tuple[str, ...]:
    """The fields that the request sets and this endpoint cannot be told: reported with the outcome, never dropped."""
    known = provider.parameters(job.endpoint)
    asked = {name: getattr(job.request, name) for name in OPTIONAL_FIELDS}
    return tuple(
        name
        for name, value in asked.items()
        if value is not None
        and not (name == "n" and value == 1)
        and known.get(name, Support(How.UNSUPPORTED)).how is How.UNSUPPORTED
    )
