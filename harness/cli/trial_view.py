"""One trial's HTTP calls as a table: when each phase began, in milliseconds since the request was sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.table import Table

from arena.units import ms_from_ns

if TYPE_CHECKING:
    from collections.abc import Sequence

MARKS = {
    "started": "started_ns",
    "connected": "connected_ns",
    "request sent": "request_sent_ns",
    "headers": "headers_ns",
    "first byte": "first_byte_ns",
    "ended": "ended_ns",
}


def call_table(calls: Sequence[dict[str, Any]]) -> Table:
    """One row a call."""
    table = Table(title="calls, milliseconds since sent", title_justify="left", pad_edge=False, header_style="bold")
    for name in ("purpose", "method", "url", "status", "bytes"):
        table.add_column(name, justify="right" if name in {"status", "bytes"} else "left")
    for name in MARKS:
        table.add_column(name, justify="right")
    for call in calls:
        marks = [ms_from_ns(call[column]) for column in MARKS.values()]
        written = ["–" if mark is None else f"{mark:.1f}" for mark in marks]
        status = "–" if call["http_status"] is None else f"{call['http_status']:.0f}"
        table.add_row(call["purpose"], call["method"], call["url"], status, str(call["body_bytes"]), *written)
    return table
