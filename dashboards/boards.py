"""The leaderboard as the app shows it: read through bounded caches, as a table, as a chart and as a file."""

from __future__ import annotations

import math
import time
from dataclasses import asdict, replace
from functools import partial
from typing import TYPE_CHECKING

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from arena.reports.board_measures import Beside, beside
from arena.reports.board_rows import PROVISIONAL
from arena.reports.leaderboard import Board, Leaderboard, leaderboard
from arena.reports.matchups import Matchup, matchups
from arena.store import vote_facts
from arena.units import format_ms, format_percent, format_usd
from dashboards import data
from dashboards import format as fmt
from dashboards.charts import FRAME_PX, MIN_PX, ROW_PX, Chart

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pandas.io.formats.style import Styler

    from arena.reports.board_rows import Row
    from arena.reports.measured import Measured

BOARD_S = 5
ROOMY, CROWDED_PX = 15, 24
PROVISIONAL_COLOUR = "#8A8F98"


def board(wanted: Board) -> Leaderboard:
    """A board, at most a few seconds old."""
    return _board(data.source(), wanted, int(time.time() / BOARD_S))


def pairs(wanted: Board) -> tuple[Matchup, ...]:
    """Every pair of a board that has met, at most a few seconds old."""
    return _pairs(data.source(), wanted, int(time.time() / BOARD_S))


def measures(shown: Leaderboard, found: Measured) -> Beside:
    """What was measured of a board's endpoints, with the verdict."""
    with data.database().read() as connection:
        return beside(connection, shown, found)


def categories() -> list[str]:
    """Every category that votes were cast in."""
    return _categories(data.source(), int(time.time() / BOARD_S))


def providers(shown: Leaderboard) -> list[str]:
    """Every provider on a board, in alphabetical order."""
    return sorted({name for row in shown.rows for name in _providers(row)})


def narrowed(shown: Leaderboard, chosen: Sequence[str]) -> Leaderboard:
    """Only the rows of some providers (all if none is named); ratings stay what they are against everybody."""
    if not chosen:
        return shown
    return replace(shown, rows=tuple(row for row in shown.rows if set(chosen) & set(_providers(row))))


def _providers(row: Row) -> list[str]:
    return row.provider.split(", ") if row.provider else []


def table(shown: Leaderboard, found: Beside | None = None) -> Styler:
    """One row an entrant, a provisional one grey and without a tier; price, time and last run where they are known.

    Numbers stay numbers, so that they align, and are written with as many digits as they carry.
    """
    frame = pd.DataFrame([_cells(row, found) for row in shown.rows])
    styler = frame.style
    for grey in (False, True):
        rows = [i for i, row in enumerate(shown.rows) if row.provisional is grey]
        for name in frame.columns if rows else ():
            styler = styler.format(partial(_cell, WRITTEN.get(name, str), grey), subset=(rows, [name]))
    return styler


WRITTEN: dict[str, Callable[[float], str]] = {
    "Elo": "{:.0f}".format,
    "Votes": "{:,.0f}".format,
    "Win rate": partial(format_percent, digits=0),
    "$ per 1,000": format_usd,
    "Time to image p50": format_ms,
    "n": "{:,.0f}".format,
}
"""How the numbers of the table are written; what is not here is text."""


def _cell(write: Callable[..., str], grey: bool, value: float | str) -> str:
    text = fmt.DASH if isinstance(value, float) and math.isnan(value) else fmt.markdown(fmt.unbroken(write(value)))
    return f":gray[{text}]" if grey and text else text


def _cells(row: Row, found: Beside | None) -> dict[str, float | str]:
    cells: dict[str, float | str] = {
        "Tier": str(row.tier or fmt.DASH),
        "Entrant": f"{row.entrant} (retired)" if row.retired else row.entrant,
        "Elo": _number(row.elo),
        "95 % interval": _interval(row),
        "Rank": fmt.DASH if row.rank_best is None else f"{row.rank_best}–{row.rank_worst}",
        "Votes": float(row.votes),
        "Win rate": _number(row.win_rate),
    }
    if found is not None:
        mine = found.of(row.entrant)
        cells["$ per 1,000"] = _number(mine.usd_per_1000.value)
        cells["Time to image p50"] = _number(mine.p50_ms.value)
        cells["n"] = _number(mine.p50_ms.n or None)
        cells["Last run"] = fmt.DASH if mine.last_run is None else f"{mine.last_run:%Y-%m-%d}"
    cells["Note"] = row.note or (PROVISIONAL if row.provisional else "")
    return cells


def _number(value: float | None) -> float:
    """A number that pandas aligns; what is unknown is not a number, and written as a dash."""
    return math.nan if value is None else float(value)


def frame(shown: Leaderboard, found: Beside | None = None) -> pd.DataFrame:
    """The same as numbers with units in the names: what is downloaded."""
    rows = []
    for row in shown.rows:
        cells = asdict(row) | {"board": shown.board.name, "simulated": shown.board.simulated}
        if found is not None:
            mine = found.of(row.entrant)
            for name, figure in (("usd_per_1000", mine.usd_per_1000), ("time_to_image_p50_ms", mine.p50_ms)):
                cells |= {name: figure.value, f"{name}_n": figure.n}
            cells |= {"time_to_image_p50_ms_low": mine.p50_ms.low, "time_to_image_p50_ms_high": mine.p50_ms.high}
            cells["last_run_at"] = mine.last_run
        rows.append(cells)
    return pd.DataFrame(rows)


def _interval(row: Row) -> str:
    """`980–1040`, or which side of it is open."""
    if row.low is None and row.high is None:
        return fmt.DASH
    low, high = (fmt.DASH if end is None else f"{end:.0f}" for end in (row.low, row.high))
    return f"from {low}" if row.high is None else f"up to {high}" if row.low is None else f"{low}–{high}"


def chart(shown: Leaderboard, colours: Mapping[str, str]) -> Chart:
    """Ratings with their intervals, best on top; provisional ones grey."""
    figure = go.Figure()
    known = [row for row in shown.rows if row.elo is not None and row.low is not None and row.high is not None]
    for place, row in enumerate(known):
        colour = PROVISIONAL_COLOUR if row.provisional else fmt.colour(colours, row.entrant)
        half = 0.0 if row.high is None or row.elo is None else row.high - row.elo
        figure.add_trace(
            go.Scatter(
                x=[row.elo],
                y=[place],
                mode="markers",
                marker={"size": 11, "color": colour, "symbol": "circle-open" if row.provisional else "circle"},
                error_x={"type": "data", "array": [half], "color": colour, "thickness": 1.5},
                name=row.entrant,
                hovertemplate=f"{row.entrant}<br>%{{x:.0f}} [{row.low:.0f}, {row.high:.0f}]<br>"
                f"{fmt.count(row.votes, 'vote')}<extra></extra>",
                showlegend=False,
            )
        )
    names = [row.entrant for row in known]
    row_px, ticks = ROW_PX if len(names) <= ROOMY else CROWDED_PX, fmt.shortened(names)
    figure.update_yaxes(
        tickvals=list(range(len(names))), ticktext=list(ticks.values()),
        range=[len(names) - 0.4, -0.6], showgrid=False, zeroline=False, automargin=True,
    )  # fmt: skip
    figure.update_xaxes(title="Elo, higher is better", automargin=True)
    figure.update_layout(
        height=max(MIN_PX, FRAME_PX + row_px * len(names)), margin={"l": 10, "r": 10, "t": 10, "b": 10}
    )
    best = next((row.entrant for row in known if not row.provisional), "nobody yet")
    simulated = "Simulated contenders. " if shown.board.simulated else ""
    return Chart(
        "Ratings",
        f"{simulated}Dots are ratings, bars 95 % intervals, which know that votes share prompts and voters. Hollow "
        "and grey: provisional. Further right is better.",
        figure,
        f"Ratings of {len(names)} entrants with intervals; of those that are ranked, {best} is highest.",
    )


@st.cache_resource(ttl=2 * BOARD_S, max_entries=32, show_spinner=False)
def _board(source: str, wanted: Board, moment: int) -> Leaderboard:
    with data.database().read() as connection:
        return leaderboard(connection, wanted)


@st.cache_resource(ttl=2 * BOARD_S, max_entries=8, show_spinner=False)
def _pairs(source: str, wanted: Board, moment: int) -> tuple[Matchup, ...]:
    return matchups(_board(source, wanted, moment))


@st.cache_data(ttl=2 * BOARD_S, max_entries=4, show_spinner=False)
def _categories(source: str, moment: int) -> list[str]:
    with data.database().read() as connection:
        return vote_facts.voted_categories(connection)
