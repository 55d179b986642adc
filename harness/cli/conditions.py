"""Which measurements stand beside ratings: options that several commands share, and where those are read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from arena.domain.request import Mode
    from arena.reports.measured import Measured
    from arena.store.engine import Connection

Days = Annotated[int, typer.Option("--days", min=1, max=3650, help="Measurements of so many days until now.")]
Size = Annotated[
    str | None, typer.Option("--size", metavar="WxH", help="Of this requested size; the most frequent if not given.")
]
Warm = Annotated[bool, typer.Option("--warm", help="Times on connections that stood already only.")]
WINDOW_DAYS = 30


def read(
    connection: Connection, mode: Mode | None, *, days: int, size: str | None, warm: bool, simulated: bool
) -> Measured:
    """What was measured under these conditions; ConfigError for a size that nothing was measured at."""
    from arena.errors import UnknownNameError
    from arena.reports.measured import Conditions, last_days, measured

    start, end = last_days(days)
    found = measured(connection, Conditions(start, end, mode, size, warm), simulated=simulated)
    if size is not None and found.sizes and size not in found.sizes:
        raise UnknownNameError("size", size, found.sizes, f"measurements of the last {days} days")
    return found
