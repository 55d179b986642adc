"""What was measured over a window, read through a bounded cache: the one place where pages get it from."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import streamlit as st

from arena.reports.measured import Conditions, Measured, last_days
from arena.reports.measured import measured as read
from arena.reports.tradeoffs import Frontier, Tradeoffs, frontier, tradeoffs
from dashboards import boards, data

if TYPE_CHECKING:
    from arena.domain.request import Mode
    from arena.reports.leaderboard import Board

FRESH_S, JOINED_S = 300, 30


def measured(mode: Mode | None, *, days: int, size: str | None, warm: bool, simulated: bool) -> Measured:
    """Figures of the last `days` by endpoint, at most a few minutes old."""
    return _measured(data.source(), mode, days, size, warm, simulated, int(time.time() / FRESH_S))


def joined(wanted: Board, *, days: int, size: str | None, warm: bool) -> tuple[Tradeoffs, Frontier, Frontier]:
    """A board of one mode joined with what was measured of it, and its frontiers of cost and of speed."""
    return _joined(data.source(), wanted, days, size, warm, int(time.time() / JOINED_S))


@st.cache_resource(ttl=2 * JOINED_S, max_entries=8, show_spinner=False)
def _joined(
    source: str, wanted: Board, days: int, size: str | None, warm: bool, moment: int
) -> tuple[Tradeoffs, Frontier, Frontier]:
    found = measured(wanted.mode, days=days, size=size, warm=warm, simulated=wanted.simulated)
    both = tradeoffs(boards.board(wanted), found.summaries)
    return both, frontier(both, "cost"), frontier(both, "speed")


@st.cache_resource(ttl=2 * FRESH_S, max_entries=16, show_spinner="Reading what was measured …")
def _measured(
    source: str, mode: Mode | None, days: int, size: str | None, warm: bool, simulated: bool, moment: int
) -> Measured:
    start, end = last_days(days)
    with data.database().read() as connection:
        return read(connection, Conditions(start, end, mode, size, warm), simulated=simulated)
