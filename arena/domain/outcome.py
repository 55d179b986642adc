"""What one attempt came to, and everything that is recorded about it."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Self

from pydantic import AwareDatetime, Field, model_validator

from arena.domain.artifact import Artifact, Glimpse
from arena.domain.base import Value
from arena.domain.failure import Failure
from arena.domain.timings import Timings


class AttemptStatus(StrEnum):
    """`intended`: written before the paid call. `unknown`: intended, and the process died before its outcome."""

    INTENDED = "intended"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UNKNOWN = "unknown"


class CostSource(StrEnum):
    """Who says what it cost: the provider in its answer, or the dated price book."""

    REPORTED = "reported"
    BOOK = "book"


class Cost(Value):
    """Dollars for one attempt, and who says so."""

    usd: Decimal = Field(ge=0)
    source: CostSource


class CallPurpose(StrEnum):
    """What an HTTP call was for."""

    SUBMIT = "submit"
    POLL = "poll"
    RESULT = "result"
    DOWNLOAD = "download"


class CallRecord(Value):
    """One HTTP exchange of an attempt; marks are nanoseconds since the attempt's `sent`.

    On a warm connection `resolved_ns` (name looked up), `tcp_ns` and `connected_ns` (TLS, too) are None.
    """

    purpose: CallPurpose
    method: str
    url: str = Field(max_length=2000, description="without query values, user info or key")
    http_status: int | None = None
    http_version: str | None = None
    remote_address: str | None = None
    body_bytes: int = Field(default=0, ge=0)
    started_ns: int
    resolved_ns: int | None = None
    tcp_ns: int | None = None
    connected_ns: int | None = None
    request_sent_ns: int | None = None
    headers_ns: int | None = None
    first_byte_ns: int | None = None
    ended_ns: int


class Outcome(Value):
    """The end of one attempt: either `failure` is set, or at least one image is there.

    `images` are kept, `glimpses` are of images that the plan did not mean to keep.
    `server_ms` are the server's own timings by name, in milliseconds of its clock: only to be compared with each other.
    `sent_seed` is the seed the server says it used, if it says so. `sent_size` is the size in the words in which this
    endpoint was told of it. `unsupported` names requested fields that the endpoint cannot be told. `remarks` say what
    the provider did on the way, such as a reroute or a retry of its own.
    """

    started_at: AwareDatetime
    timings: Timings
    failure: Failure | None = None
    images: tuple[Artifact, ...] = ()
    glimpses: tuple[Glimpse, ...] = ()
    cost: Cost | None = None
    simulated: bool = False
    request_id: str | None = Field(default=None, max_length=200)
    served_model: str | None = Field(default=None, max_length=200)
    sent_seed: int | None = None
    sent_size: str | None = Field(default=None, max_length=200)
    server_ms: dict[str, float] = Field(default_factory=dict)
    unsupported: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    calls: tuple[CallRecord, ...] = ()

    @model_validator(mode="after")
    def _either_image_or_failure(self) -> Self:
        if self.failure is None and not self.images and not self.glimpses:
            raise ValueError("an outcome without a failure has at least one image")
        return self

    @property
    def accepted(self) -> bool:
        """Whether the provider took the job: what follows may be billed, however it ends."""
        taken = (c.http_status for c in self.calls if c.purpose is CallPurpose.SUBMIT)
        return any(status is not None and 200 <= status < 300 for status in taken)

    @property
    def status(self) -> AttemptStatus:
        """Succeeded when there is no failure."""
        return AttemptStatus.SUCCEEDED if self.failure is None else AttemptStatus.FAILED
