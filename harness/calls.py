"""The calls of one attempt, each with its record, whatever comes of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from arena.domain.failure import Failure, FailureKind, clean_message
from arena.domain.outcome import CallPurpose, CallRecord
from harness.addresses import belongs_to, named
from harness.transport import Answered, Connection, PreparedCall

if TYPE_CHECKING:
    from harness.net.marks import Marks
    from harness.providers.base import Job, WireCall

SIMULATED_HEADER = "x-arena-simulated"


class AttemptFailed(Exception):  # noqa: N818 - a way out of nested steps; the engine turns it into an outcome
    """The attempt has come to its end without an image."""

    def __init__(self, failure: Failure) -> None:
        self.failure = failure


@dataclass(slots=True)
class Calls:
    """Sends calls over one connection and keeps their records; offsets count from `sent_ns`, on the engine's clock."""

    job: Job
    connection: Connection
    sent_ns: int
    connected_ns: int | None = None
    accepted_ns: int | None = None
    simulated: bool = False
    records: list[CallRecord] = field(default_factory=list)

    async def submit(self, prepared: PreparedCall) -> Answered:
        """The first call. AttemptFailed if it broke off; how far it came is kept."""
        answered = await self._exchange(prepared)
        self.connected_ns = self.since(answered.marks.connected_ns)
        self.accepted_ns = self.first_byte(answered.marks)
        return answered

    async def send(self, call: WireCall, most_bytes: int | None = None) -> Answered:
        """Any call but the first: to an address that a server named. AttemptFailed if it broke off."""
        endpoint = self.job.endpoint
        try:
            prepared = self.connection.prepare(
                call,
                with_auth=belongs_to(endpoint, call.url),
                public_only=not named(endpoint, call.url),
                most_bytes=most_bytes,
            )
        except ValueError:  # an address that a server made up and that is none
            message = f"the address for the {call.purpose} is not valid"
            kind = FailureKind.DOWNLOAD if call.purpose is CallPurpose.DOWNLOAD else FailureKind.BAD_RESPONSE
            raise AttemptFailed(Failure(kind=kind, message=message)) from None
        return await self._exchange(prepared)

    def note_cut_off(self) -> None:
        """Keep the record of the call that the deadline interrupted."""
        record = self.connection.cut_off(self.sent_ns)
        if record is not None:
            self.records.append(record)
            if record.purpose is CallPurpose.SUBMIT:
                self.connected_ns, self.accepted_ns = record.connected_ns, record.headers_ns

    def since(self, mark_ns: int | None) -> int | None:
        """A mark as an offset."""
        return None if mark_ns is None else mark_ns - self.sent_ns

    def first_byte(self, marks: Marks) -> int:
        """When an answer began, as an offset."""
        return (marks.headers_ns or marks.ended_ns) - self.sent_ns

    async def _exchange(self, prepared: PreparedCall) -> Answered:
        call = prepared.call
        sent = await self.connection.send(prepared, origin_ns=self.sent_ns)
        self.records.append(sent.record)
        if not isinstance(sent, Answered):
            if call.purpose is CallPurpose.SUBMIT:
                self.connected_ns = self.since(sent.marks.connected_ns)
                self.accepted_ns = self.since(sent.marks.headers_ns)
            raise AttemptFailed(_of_call(call.purpose, sent.failure))
        self.simulated = self.simulated or SIMULATED_HEADER in sent.exchange.headers
        return sent


def not_fetched(message: str, status: int | None = None) -> Failure:
    """The image was made and could not be fetched."""
    return Failure(kind=FailureKind.DOWNLOAD, message=clean_message(message), http_status=status)


def _of_call(purpose: CallPurpose, failure: Failure) -> Failure:
    """What a broken call means: an image that was made and cannot be fetched is another thing than a silent server."""
    if purpose is CallPurpose.DOWNLOAD:
        return not_fetched(f"{failure.kind}: {failure.message}", failure.http_status)
    if purpose is not CallPurpose.SUBMIT and failure.kind is FailureKind.DNS:
        # The provider itself named this host; that its name does not resolve is not our doing.
        return failure.model_copy(update={"kind": FailureKind.NETWORK, "message": f"dns: {failure.message}"})
    return failure
