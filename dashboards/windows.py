"""Figures over a stretch of time as the pages show them, read through bounded caches."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import streamlit as st

from arena.reports import trends, windows
from arena.reports.measured import Conditions, Measured, last_days
from arena.reports.measured import measured as read
from arena.reports.tradeoffs import Frontier, Tradeoffs, frontier, tradeoffs
from arena.store import digests
from dashboards import boards, data

if TYPE_CHECKING:
    import pandas as pd

    from arena.domain.request import Mode
    from arena.metrics.base import Metric
    from arena.reports.leaderboard import Board
    from arena.reports.summary import EndpointSummary

FRESH_S, MEASURED_S, JOINED_S = 120, 300, 30
"""How old a window may be; a page that is looked at again within that time costs nothing."""
LENGTHS = ("24h", "7d", "30d", "90d", "365d")
AT_FIRST = "30d"


def window(length: str | None) -> windows.Window:
    """The last so many days, up to a moment that stays the same for `FRESH_S`."""
    moment = int(datetime.now(UTC).timestamp() // FRESH_S * FRESH_S) + FRESH_S
    return windows.parse_window(length or AT_FIRST, datetime.fromtimestamp(moment, UTC))


def outcomes(chosen: windows.Window) -> pd.DataFrame:
    """A window's attempts; not to be written to, for every session sees the same frame."""
    return _outcomes(data.source(), chosen)


def summaries(chosen: windows.Window, wanted: windows.Slice) -> list[EndpointSummary]:
    """Every endpoint's figures over a window."""
    return _summaries(data.source(), chosen, wanted)


def trend(chosen: windows.Window, wanted: windows.Slice, metric: Metric) -> list[trends.Trend]:
    """A figure over time, by hours or days."""
    return _trend(data.source(), chosen, wanted, metric.name)


def step(chosen: windows.Window) -> timedelta:
    """How long each point of a trend is."""
    return trends.step_of(chosen)


def measured(mode: Mode | None, *, days: int, size: str | None, warm: bool, simulated: bool) -> Measured:
    """Figures of the last `days` by endpoint, at most a few minutes old."""
    return _measured(data.source(), mode, days, size, warm, simulated, int(time.time() / MEASURED_S))


def joined(wanted: Board, *, days: int, size: str | None, warm: bool) -> tuple[Tradeoffs, Frontier, Frontier]:
    """A board of one mode joined with what was measured of it, and its frontiers of cost and of speed."""
    return _joined(data.source(), wanted, days, size, warm, int(time.time() / JOINED_S))


@st.cache_resource(ttl=2 * FRESH_S, max_entries=2, show_spinner=False)
def _outcomes(source: str, chosen: windows.Window) -> pd.DataFrame:
    _digest_what_is_missing(source)
    with data.database().read() as connection:
        return windows.outcome_frame(connection, chosen, prompts=True)


@st.cache_resource(ttl=2 * FRESH_S, max_entries=16, show_spinner=False)
def _summaries(source: str, chosen: windows.Window, wanted: windows.Slice) -> list[EndpointSummary]:
    return windows.summaries_of(wanted.of(_outcomes(source, chosen)))


@st.cache_resource(ttl=2 * FRESH_S, max_entries=16, show_spinner=False)
def _trend(source: str, chosen: windows.Window, wanted: windows.Slice, name: str) -> list[trends.Trend]:
    metric = next(m for m in windows.WINDOW_METRICS if m.name == name)
    return trends.trends(wanted.of(_outcomes(source, chosen)), metric, trends.step_of(chosen))


@st.cache_resource(max_entries=1, show_spinner=False)
def _digest_what_is_missing(source: str) -> None:
    """Once a process: runs that an older version or another machine has left are read faster from then on."""
    threading.Thread(target=digests.refresh, args=(data.database(),), name="arena-digests", daemon=True).start()


@st.cache_resource(ttl=2 * JOINED_S, max_entries=8, show_spinner=False)
def _joined(
    source: str, wanted: Board, days: int, size: str | None, warm: bool, moment: int
) -> tuple[Tradeoffs, Frontier, Frontier]:
    found = measured(wanted.mode, days=days, size=size, warm=warm, simulated=wanted.simulated)
    both = tradeoffs(boards.board(wanted), found.summaries)
    return both, frontier(both, "cost"), frontier(both, "speed")


@st.cache_resource(ttl=2 * MEASURED_S, max_entries=16, show_spinner="Reading what was measured …")
def _measured(
    source: str, mode: Mode | None, days: int, size: str | None, warm: bool, simulated: bool, moment: int
) -> Measured:
    start, end = last_days(days)
    with data.database().read() as connection:
        return read(connection, Conditions(start, end, mode, size, warm), simulated=simulated)
