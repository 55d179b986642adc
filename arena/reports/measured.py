"""What was measured of every endpoint over a stretch of time, under equal conditions: what stands beside a rating."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from arena.domain.request import Mode
from arena.metrics.figures import succeeded
from arena.reports import windows
from arena.reports.summary import summarize
from arena.reports.windows import Window

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from arena.reports.summary import EndpointSummary
    from arena.store.engine import Connection

WINDOW_DAYS = 30


@dataclass(frozen=True, slots=True)
class Conditions:
    """Which attempts: begun in [`start`, `end`) (aware, UTC), of one mode, at one requested size.

    `mode` None: the only one that was measured, or none if there were two. `size` None: the one asked for most often.
    With `warm` latencies are of successes on a connection that stood already; success and cost are of all attempts.
    """

    start: datetime
    end: datetime
    mode: Mode | None = None
    size: str | None = None
    warm: bool = False

    @property
    def sentence(self) -> str:
        """In words, as it stands beside figures."""
        parts = [
            f"measured {self.start:%Y-%m-%d} to {self.end:%Y-%m-%d} UTC",
            {Mode.TEXT_TO_IMAGE: "text to image", Mode.EDIT: "edit"}[self.mode] if self.mode else "",
            self.size or "",
            "warm connections" if self.warm else "",
        ]
        return ", ".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class Measured:
    """Figures by endpoint under `conditions`, whose mode and size are those found; `sizes` counts attempts by size."""

    conditions: Conditions
    summaries: tuple[EndpointSummary, ...] = ()
    sizes: Mapping[str, int] = field(default_factory=dict)
    note: str | None = None


def last_days(days: int = WINDOW_DAYS, now: datetime | None = None) -> tuple[datetime, datetime]:
    """Start and end of a window that ends now."""
    end = now or datetime.now(UTC)
    return end - timedelta(days=days), end


def measured(connection: Connection, wanted: Conditions, *, simulated: bool) -> Measured:
    """Read the attempts of a window and summarize them; simulated ones or real ones, never both."""
    rows = windows.outcome_frame(connection, Window(wanted.start, wanted.end), phases=True, prompts=True)
    kept = np.asarray(rows["phase"] == "measure", dtype=bool) & (rows["simulated"].to_numpy(dtype=bool) == simulated)
    return of_rows(rows[kept], wanted) if kept.any() else Measured(wanted)


def of_rows(rows: pd.DataFrame, wanted: Conditions) -> Measured:
    """The same over outcome rows that are in the window already, from a window or with all their columns."""
    modes = sorted(set(rows["mode"]))
    if wanted.mode is None and len(modes) > 1:
        return Measured(wanted, note="text to image and edit were both measured: choose a mode to see time and price")
    mode = Mode(modes[0]) if wanted.mode is None else wanted.mode
    rows = rows[np.asarray(rows["mode"] == mode, dtype=bool)]
    size = _sizes(rows)
    sizes = {str(name): int(count) for name, count in size.value_counts().sort_index().items() if count}
    chosen = wanted.size or max(sizes, key=lambda name: (sizes[name], name), default=None)
    conditions = replace(wanted, mode=mode, size=chosen)
    of_size = rows[np.asarray(size == chosen, dtype=bool)]
    return Measured(conditions, tuple(_summaries(of_size, warm=wanted.warm)), sizes)


def as_json(found: Measured) -> dict[str, Any]:
    """The conditions for `--json`."""
    conditions = found.conditions
    return {
        "start": conditions.start.isoformat(),
        "end": conditions.end.isoformat(),
        "mode": conditions.mode,
        "size": conditions.size,
        "warm": conditions.warm,
        "attempts_by_size": dict(found.sizes),
        "note": found.note,
    }


def _sizes(rows: pd.DataFrame) -> pd.Series:
    if "size" in rows:
        return rows["size"].astype("str")
    return rows["requested_width_px"].astype(str) + "x" + rows["requested_height_px"].astype(str)


def _summaries(rows: pd.DataFrame, *, warm: bool) -> list[EndpointSummary]:
    everything = summarize(rows)
    if not warm:
        return everything
    cold = succeeded(rows) & rows["connected_ms"].notna().to_numpy()
    latencies = {s.endpoint: s for s in summarize(rows[~cold])}
    empty = {s.endpoint: s for s in summarize(rows.assign(status="unknown"))}  # where every success was a cold one
    return [_timed_by(s, latencies.get(s.endpoint, empty[s.endpoint])) for s in everything]


def _timed_by(summary: EndpointSummary, warm: EndpointSummary) -> EndpointSummary:
    """A summary with the latencies of another one."""
    times = {name: figure for name, figure in warm.figures.items() if name.endswith("_ms")}
    return replace(summary, figures=summary.figures | times, phases=warm.phases)
