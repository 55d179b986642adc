"""What was measured over a window, read through a bounded cache: the one place where pages get it from."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import streamlit as st

from arena.reports.measured import Conditions, Measured, last_days
from arena.reports.measured import measured as read
from dashboards import data

if TYPE_CHECKING:
    from arena.domain.request import Mode

FRESH_S = 300


def measured(mode: Mode | None, *, days: int, size: str | None, warm: bool, simulated: bool) -> Measured:
    """Figures of the last `days` by endpoint, at most a few minutes old."""
    return _measured(data.source(), mode, days, size, warm, simulated, int(time.time() / FRESH_S))


@st.cache_resource(ttl=2 * FRESH_S, max_entries=16, show_spinner="Reading what was measured …")
def _measured(
    source: str, mode: Mode | None, days: int, size: str | None, warm: bool, simulated: bool, moment: int
) -> Measured:
    start, end = last_days(days)
    with data.database().read() as connection:
        return read(connection, Conditions(start, end, mode, size, warm), simulated=simulated)
