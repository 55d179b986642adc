"""When things happened to one attempt, on the monotonic clock, in nanoseconds since the request was sent."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

from pydantic import Field

from arena.domain.base import Value


class Timings(Value):
    """Marks of one attempt; every mark is nanoseconds since `sent`, and None when it was not reached.

    `lateness_ns` is sent − scheduled under a timed load: our own delay, never the provider's. `slot_wait_ns` is the
    time spent waiting for the endpoint's own limits. `connected_ns` is None on a warm connection. `accepted_ns` is the
    first byte of the answer to the submitting call, `result_ns` the first byte of the answer that carries the image or
    its address, `result_end_ns` the last byte of that answer. The image bytes are those of the inline payload or of the
    download. For polled jobs the true end lies between `last_pending_ns` and `first_done_ns`.
    """

    lateness_ns: int | None = None
    slot_wait_ns: int = Field(default=0, ge=0)
    connected_ns: int | None = Field(default=None, ge=0)
    accepted_ns: int | None = Field(default=None, ge=0)
    result_ns: int | None = Field(default=None, ge=0)
    result_end_ns: int | None = Field(default=None, ge=0)
    first_image_byte_ns: int | None = Field(default=None, ge=0)
    last_image_byte_ns: int | None = Field(default=None, ge=0)
    ended_ns: int = Field(ge=0)
    polls: int = Field(default=0, ge=0)
    poll_interval_ns: int | None = Field(default=None, ge=0)
    last_pending_ns: int | None = Field(default=None, ge=0)
    first_done_ns: int | None = Field(default=None, ge=0)

    def model_post_init(self, _context: Any, /) -> None:
        """Marks never run backwards: that would be a bug of ours, and every figure would inherit it."""
        order = [
            ("connected", self.connected_ns),
            ("accepted", self.accepted_ns),
            ("result", self.result_ns),
            ("first image byte", self.first_image_byte_ns),
            ("last image byte", self.last_image_byte_ns),
            ("ended", self.ended_ns),
        ]
        reached = [(name, mark) for name, mark in order if mark is not None]
        for (earlier, a), (later, b) in pairwise(reached):
            if a > b:
                raise ValueError(f"{later} ({b} ns) lies before {earlier} ({a} ns)")

    @property
    def warm(self) -> bool:
        """Whether the submitting call went out on a connection that was open already."""
        return self.connected_ns is None


QUEUE_NAMES = ("queue",)
"""Names under which providers report how long a job waited."""
COMPUTE_NAMES = ("predict", "generate", "inference")
"""Names under which providers report the time that the model took."""


def reported_ms(server_ms: str, names: tuple[str, ...]) -> float | None:
    """The first of these names that a server's own timings (JSON) have, in milliseconds of that server's clock."""
    said = {} if server_ms == "{}" else json.loads(server_ms)
    return next((float(said[name]) for name in names if name in said), None)


MARKS = {
    "sent": "the request leaves; every other mark counts from here",
    "lateness": "how much later than planned it left, under a timed load: our own delay, never the provider's",
    "slot wait": "how long it waited before for the endpoint's own limits; not part of any latency",
    "connected": "the connection stands; missing when a warm one was used",
    "accepted": "first byte of the answer to the submitting call",
    "result": "first byte of the answer that carries the image or its address: TTFB",
    "result end": "last byte of that answer: generation",
    "first image byte": "first byte of the image itself, inside the answer or of its download",
    "last image byte": "last byte of the image itself: time to image",
    "last pending, first done": "the last poll that found the job at work, the first that found it done",
    "ended": "the attempt is over, whatever became of it",
}
"""The marks as they are explained to readers."""
