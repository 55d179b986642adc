"""Competitions as the app shows them: prompts with votes and images, and one prompt's ranking."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from arena.errors import UnknownNameError
from arena.reports.competitions import competition, overview
from arena.store import gallery as store
from dashboards import data

if TYPE_CHECKING:
    from arena.reports.leaderboard import Leaderboard

PAGE, FRESH_S = 25, 30
COLUMNS = ("prompt", "category", "votes", "entrants", "images")


def prompts(*, simulated: bool, category: str | None) -> pd.DataFrame:
    """Every prompt, the most voted first: votes and entrants, at most half a minute old."""
    found = _prompts(data.source(), simulated, int(time.time() / FRESH_S))
    return found if category is None else found[found["category"] == category].reset_index(drop=True)


def page(found: pd.DataFrame, number: int) -> pd.DataFrame:
    """A page of them with the number of their images."""
    shown = found.iloc[(number - 1) * PAGE : number * PAGE]
    simulated = bool(found.attrs["simulated"])
    counts = _image_counts(data.source(), tuple(shown["prompt"]), simulated, int(time.time() / FRESH_S))
    return shown.assign(images=[counts.get(prompt, 0) for prompt in shown["prompt"]])[list(COLUMNS)]


def board(prompt_id: str, *, simulated: bool) -> Leaderboard | None:
    """The ranking of one prompt; None if no vote on it counts."""
    return _board(data.source(), prompt_id, simulated, int(time.time() / FRESH_S))


@st.cache_data(ttl=2 * FRESH_S, max_entries=4, show_spinner=False)
def _prompts(source: str, simulated: bool, moment: int) -> pd.DataFrame:
    with data.database().read() as connection:
        voted = {row["prompt_id"]: row for row in overview(connection, simulated=simulated)}
        known = dict(store.prompts_known(connection, only_counting=True))
    rows = [
        {"prompt": row["prompt_id"], "category": row["category"], "votes": row["votes"], "entrants": row["entrants"]}
        for row in voted.values()
    ]
    rows += [{"prompt": p, "category": c, "votes": 0, "entrants": 0} for p, c in known.items() if p not in voted]
    frame = pd.DataFrame(rows, columns=list(COLUMNS[:-1]))
    frame.attrs["simulated"] = simulated
    return frame


@st.cache_data(ttl=2 * FRESH_S, max_entries=32, show_spinner=False)
def _image_counts(source: str, prompt_ids: tuple[str, ...], simulated: bool, moment: int) -> dict[str, int]:
    with data.database().read() as connection:
        return store.image_counts(connection, prompt_ids, simulated=simulated)


@st.cache_resource(ttl=2 * FRESH_S, max_entries=32, show_spinner=False)
def _board(source: str, prompt_id: str, simulated: bool, moment: int) -> Leaderboard | None:
    with data.database().read() as connection:
        try:
            return competition(connection, prompt_id, simulated=simulated)
        except UnknownNameError:
            return None
