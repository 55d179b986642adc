"""Figures over a stretch of time, from every run in it: what a provider has been like lately."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from arena.domain.failure import FailureKind
from arena.errors import ConfigError
from arena.metrics.figures import METRICS
from arena.metrics.phases import PHASES
from arena.metrics.uptime import UPTIME
from arena.reports.summary import EndpointSummary, summarize
from arena.store import windows

if TYPE_CHECKING:
    import pandas as pd

    from arena.reports.choices import Warmth
    from arena.store.engine import Connection

DEFAULT_DAYS = 30
FOR_FIGURES = (
    "endpoint", "provider", "model", "region", "phase", "prompt_id", "status", "failure_kind", "failure_blame",
    "started_at", "lateness_ms", "connected_ms", "ttfb_ms", "generation_ms", "time_to_image_ms", "ended_ms",
    "cost_usd", "image_count",
)  # fmt: skip
"""What the figures of the summary are computed from, its phases aside."""
FOR_PHASES = ("accepted_ms", "last_pending_ms", "first_done_ms", "server_queue_ms", "server_compute_ms")
FOR_SLICES = ("mode", "category", "size")
WINDOW_METRICS = (*METRICS, UPTIME)
IN_VAIN = tuple(k.value for k in (FailureKind.DNS, FailureKind.CONNECT, FailureKind.TLS, FailureKind.CONNECT_TIMEOUT))
"""How attempts end whose connection never stood; they have no mark of one, like those on a warm one."""
_UNITS = {"h": "hours", "d": "days", "w": "weeks"}


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of time, from `start` until just before `end`; both are aware."""

    start: datetime
    end: datetime

    @classmethod
    def last(cls, days: float = DEFAULT_DAYS, now: datetime | None = None) -> Window:
        """The last so many days."""
        end = now or datetime.now(UTC)
        return cls(end - timedelta(days=days), end)

    @property
    def last_day(self) -> date:
        """The last day (UTC) that is in it: that before the end, where it ends as a day begins."""
        return (self.end.astimezone(UTC) - timedelta(microseconds=1)).date()

    @property
    def text(self) -> str:
        """`2026-10-22 to 2026-11-21 UTC`, both days in it; with the time of day where it is shorter than two days."""
        start, end = (moment.astimezone(UTC) for moment in (self.start, self.end))
        if end - start < timedelta(days=2):
            return f"{start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC"
        return f"{start:%Y-%m-%d} to {self.last_day:%Y-%m-%d} UTC"


def parse_window(text: str, now: datetime | None = None) -> Window:
    """`30d`, `12h`, `4w`: up to now; `2026-10-01..2026-11-01`: from the first day until before the second.

    ConfigError for anything else.
    """
    lately = re.fullmatch(r"(\d{1,5})([hdw])", text.strip())
    if lately:
        end = now or datetime.now(UTC)
        return Window(end - timedelta(**{_UNITS[lately[2]]: int(lately[1])}), end)
    try:
        start, end = (datetime.fromisoformat(part) for part in text.strip().split(".."))
    except ValueError:
        raise ConfigError(f"--window {text!r}: write 30d, 12h, 4w, or two days as 2026-10-01..2026-11-01") from None
    start, end = (m if m.tzinfo else m.replace(tzinfo=UTC) for m in (start, end))
    if start >= end:
        raise ConfigError(f"--window {text!r}: it ends before it begins; put the earlier day first")
    return Window(start, end)


@dataclass(frozen=True, slots=True)
class Slice:
    """Which attempts of a window a table is about; None is every one."""

    warmth: Warmth = "any"
    region: str | None = None
    mode: str | None = None
    category: str | None = None
    size: str | None = None

    def of(self, outcomes: pd.DataFrame) -> pd.DataFrame:
        """Only those attempts. A frame without the columns of `FOR_SLICES` can be cut by none of them."""
        kept = at_warmth(outcomes, self.warmth)
        for column in ("region", *FOR_SLICES):
            wanted = getattr(self, column)
            if wanted is not None:
                kept = kept[(kept[column] == wanted).to_numpy(dtype=bool)]
        return kept


def outcome_frame(
    connection: Connection, window: Window, *, phases: bool = False, prompts: bool = False
) -> pd.DataFrame:
    """The attempts of a window with the columns of `FOR_FIGURES`.

    Those of `FOR_PHASES` and of `FOR_SLICES` come with them where they are wanted.
    """
    columns = FOR_FIGURES + (FOR_PHASES if phases else ()) + (FOR_SLICES if prompts else ())
    return windows.outcomes(connection, windows.Between(window.start, window.end), columns)


def at_warmth(outcomes: pd.DataFrame, warmth: Warmth) -> pd.DataFrame:
    """Only the attempts on a connection that stood already, or only those that had to open one, in vain or not."""
    if warmth == "any":
        return outcomes
    opened = outcomes["connected_ms"].notna() | outcomes["failure_kind"].isin(IN_VAIN)
    return outcomes[opened if warmth == "cold" else ~opened]


def provider_summaries(
    connection: Connection, window: Window, wanted: Slice | None = None, *, phases: bool = False
) -> list[EndpointSummary]:
    """Every endpoint's figures over a window; see `summaries_of`."""
    sliced = wanted or Slice()
    by_prompt = any(getattr(sliced, column) is not None for column in FOR_SLICES)
    return summaries_of(sliced.of(outcome_frame(connection, window, phases=phases, prompts=by_prompt)), phases=phases)


def summaries_of(outcomes: pd.DataFrame, *, phases: bool = False) -> list[EndpointSummary]:
    """Figures by endpoint of a window's attempts: those of a run's summary, and the uptime."""
    return summarize(outcomes, WINDOW_METRICS, PHASES if phases else ())
