"""Figures over a stretch of time as the pages show them, read through bounded caches."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import streamlit as st

from arena.reports import trends, windows
from arena.store import digests
from dashboards import data

if TYPE_CHECKING:
    import pandas as pd

    from arena.metrics.base import Metric
    from arena.reports.summary import EndpointSummary

FRESH_S = 120
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
