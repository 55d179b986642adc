"""What the columns of an outcome are called where they are stored, and whose failure each kind is."""

from __future__ import annotations

from arena.domain.failure import FailureKind

MARK_NS_OF = {
    "lateness_ms": "lateness_ns",
    "slot_wait_ms": "slot_wait_ns",
    "connected_ms": "connected_ns",
    "accepted_ms": "accepted_ns",
    "ttfb_ms": "result_ns",
    "generation_ms": "result_end_ns",
    "time_to_first_image_byte_ms": "first_image_byte_ns",
    "time_to_image_ms": "last_image_byte_ns",
    "ended_ms": "ended_ns",
    "poll_interval_ms": "poll_interval_ns",
    "last_pending_ms": "last_pending_ns",
    "first_done_ms": "first_done_ns",
}
"""The mark in nanoseconds, as attempts store it, behind each column in milliseconds."""
BLAME_OF = {kind.value: kind.blame.value for kind in FailureKind}
"""`failure_blame` of each `failure_kind`."""
