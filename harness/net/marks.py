"""The instants of one HTTP call."""

from __future__ import annotations

from dataclasses import dataclass, field

MAX_CHUNK_MARKS = 4096


@dataclass(slots=True)
class Marks:
    """Monotonic instants of one call, in nanoseconds; None where it did not get so far, or where it did not need to:
    `resolved_ns`, `tcp_ns` and `connected_ns` (TLS included) are there only if this call opened its connection.
    """

    started_ns: int
    resolved_ns: int | None = None
    tcp_ns: int | None = None
    connected_ns: int | None = None
    request_sent_ns: int | None = None
    headers_ns: int | None = None
    first_byte_ns: int | None = None
    ended_ns: int = 0
    size_bytes: int = 0
    """How much of the body has arrived."""
    chunk_ends: list[tuple[int, int]] = field(default_factory=list)
    """For each piece of the body: how many bytes had arrived with it, and when."""

    def arrived(self, end: int, at_ns: int) -> None:
        """Note that the body has grown to `end` bytes; a drip-feed of single bytes does not grow the list for ever."""
        if self.first_byte_ns is None:
            self.first_byte_ns = at_ns
        self.size_bytes = end
        if len(self.chunk_ends) >= MAX_CHUNK_MARKS:
            self.chunk_ends.pop()
        self.chunk_ends.append((end, at_ns))

    def arrival_ns(self, offset: int) -> int | None:
        """When the body byte at `offset` had arrived."""
        return next((at_ns for end, at_ns in self.chunk_ends if end > offset), None)
