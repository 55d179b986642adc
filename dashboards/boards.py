"""The leaderboard as the app shows it: read through a bounded cache, as a table and as a chart."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from arena.reports.leaderboard import Board, Leaderboard, leaderboard
from arena.store import contenders, vote_facts
from dashboards import data
from dashboards import format as fmt
from dashboards.charts import FRAME_PX, MIN_PX, ROW_PX, Chart

if TYPE_CHECKING:
    from arena.reports.board_rows import Row

BOARD_S = 5


def board(wanted: Board) -> Leaderboard:
    """A board, at most a few seconds old."""
    return _board(data.source(), wanted, int(time.time() / BOARD_S))


def only_simulated() -> bool:
    """Whether there are simulated contenders only."""
    with data.database().read() as connection:
        known = contenders.contenders(connection)
    return not any(not c.simulated for c in known)


def categories() -> list[str]:
    """Every category that votes were cast in."""
    with data.database().read() as connection:
        return vote_facts.voted_categories(connection)


def table(shown: Leaderboard) -> pd.DataFrame:
    """One row an entrant; a provisional one has no tier."""
    rows = [
        {
            "Tier": str(row.tier or fmt.DASH),
            "Entrant": f"**{fmt.markdown(row.entrant)}**" if not row.provisional else fmt.markdown(row.entrant),
            "Elo": fmt.DASH if row.elo is None else f"{row.elo:.0f}",
            "95 % interval": _interval(row),
            "Rank": fmt.DASH if row.rank_best is None else fmt.markdown(f"{row.rank_best}–{row.rank_worst}"),
            "Votes": str(row.votes),
            "Win rate": fmt.DASH if row.win_rate is None else f"{row.win_rate:.0%}",
            "Note": fmt.markdown(row.note or ("provisional: its interval is still wide" if row.provisional else "")),
        }
        for row in shown.rows
    ]
    return pd.DataFrame(rows)


def _interval(row: Row) -> str:
    """`980–1040`, or which side of it is open."""
    if row.low is None and row.high is None:
        return fmt.DASH
    low, high = (fmt.DASH if end is None else f"{end:.0f}" for end in (row.low, row.high))
    return fmt.markdown(f"from {low}" if row.high is None else f"up to {high}" if row.low is None else f"{low}–{high}")


def _half(row: Row) -> float:
    return 0.0 if row.high is None or row.elo is None else row.high - row.elo


def chart(shown: Leaderboard) -> Chart:
    """Ratings with their intervals, best on top; provisional ones grey."""
    colours = fmt.colours(data.endpoints())
    figure = go.Figure()
    known = [row for row in shown.rows if row.elo is not None and row.low is not None and row.high is not None]
    for place, row in enumerate(known):
        colour = "#8A8F98" if row.provisional else fmt.colour(colours, row.entrant)
        figure.add_trace(
            go.Scatter(
                x=[row.elo],
                y=[place],
                mode="markers",
                marker={"size": 11, "color": colour},
                error_x={"type": "data", "array": [_half(row)], "color": colour, "thickness": 1.5},
                name=row.entrant,
                hovertemplate=f"{row.entrant}<br>%{{x:.0f}} [{row.low:.0f}, {row.high:.0f}]<extra></extra>",
                showlegend=False,
            )
        )
    names = [row.entrant for row in known]
    figure.update_yaxes(tickvals=list(range(len(names))), ticktext=names, autorange="reversed", showgrid=False)
    figure.update_xaxes(title="Elo, higher is better")
    figure.update_layout(
        height=max(MIN_PX, FRAME_PX + ROW_PX * len(names)), margin={"l": 10, "r": 10, "t": 10, "b": 10}
    )
    best = names[0] if names else "nobody"
    return Chart(
        "Ratings",
        "Dots are ratings, bars 95 % intervals, which know that votes share prompts and voters. Grey: provisional.",
        figure,
        f"Ratings of {len(names)} entrants with intervals; {best} is highest",
    )


@st.cache_resource(ttl=2 * BOARD_S, max_entries=32, show_spinner=False)
def _board(source: str, wanted: Board, moment: int) -> Leaderboard:
    with data.database().read() as connection:
        return leaderboard(connection, wanted)
