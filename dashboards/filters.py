"""Filters that several pages share; each keeps its choice in the address."""

from __future__ import annotations

import streamlit as st

from arena.domain.request import Mode
from arena.reports.leaderboard import Board, GroupBy
from arena.store import contenders
from dashboards import boards, data, parts

ALL = "all"
BY: dict[GroupBy, str] = {"endpoint": "Endpoints", "family": "Models", "provider": "Providers"}
MODES = {Mode.TEXT_TO_IMAGE.value: "Text to image", Mode.EDIT.value: "Edit"}
DAYS = {7: "Last 7 days", 30: "Last 30 days", 90: "Last 90 days", 365: "Last year"}
CONNECTIONS = {ALL: "All connections", "warm": "Warm connections"}


def simulated() -> bool:
    """Whether the page is about simulated contenders; asked only where there are real ones, too. Marks the page."""
    with data.database().read() as connection:
        kinds = {c.simulated for c in contenders.contenders(connection)}
    chosen = kinds == {True}
    if kinds == {True, False}:
        names = {"real": "Real", "simulated": "Simulated"}
        kind = st.segmented_control(
            "Contenders", list(names), format_func=names.__getitem__, default="real", required=True, key="kind",
            bind="query-params", label_visibility="collapsed",
        )  # fmt: skip
        chosen = kind == "simulated"
    if chosen:
        st.badge("SIMULATED", icon=":material/science:", color="orange", help=parts.SIMULATED_HELP)
    return chosen


def entrants() -> GroupBy:
    """What counts as one entrant."""
    return st.selectbox("Entrants", list(BY), format_func=BY.__getitem__, key="by", bind="query-params", width=160)


def mode() -> Mode | None:
    """A mode, or both."""
    options = [ALL, *MODES]
    names = {ALL: "All", **MODES}
    found = st.selectbox("Mode", options, format_func=names.__getitem__, key="mode", bind="query-params", width=160)
    return None if found in {ALL, None} else Mode(found)


def one_mode(*, simulated: bool) -> Mode:
    """One mode: time and price are never taken over both. At first the one that has votes, if one has none."""
    voted = (mode for mode in MODES if boards.board(Board(simulated=simulated, mode=Mode(mode))).votes)
    usual = list(MODES).index(next(voted, Mode.TEXT_TO_IMAGE.value))
    found = st.selectbox(
        "Mode", list(MODES), index=usual, format_func=MODES.__getitem__, key="mode", bind="query-params", width=160
    )
    return Mode(found or Mode.TEXT_TO_IMAGE)


def category() -> str | None:
    """A category that votes were cast in, or all of them."""
    found = st.selectbox("Category", [ALL, *boards.categories()], key="category", bind="query-params", width=200)
    return None if found in {ALL, None} else found


def window_days() -> int:
    """How far back measurements count."""
    found = st.selectbox(
        "Measured", list(DAYS), index=1, format_func=DAYS.__getitem__, key="days", bind="query-params", width=160
    )
    return found or 30


def warm() -> bool:
    """Whether times are of standing connections only."""
    options = list(CONNECTIONS)
    names = CONNECTIONS.__getitem__
    return (
        st.selectbox("Connections", options, format_func=names, key="connections", bind="query-params", width=180)
        == "warm"
    )


def board(*, simulated: bool) -> Board:
    """A board of the chosen entrants, mode and category."""
    return Board(simulated=simulated, mode=mode(), category=category(), group_by=entrants())
