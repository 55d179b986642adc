"""Who is better, by blind votes, and how sure that is."""

import pandas as pd
import streamlit as st

from arena.domain.request import Mode
from arena.reports.leaderboard import Board, GroupBy
from dashboards import boards, data, parts
from dashboards import format as fmt
from dashboards.guard import guarded

BY: dict[GroupBy, str] = {"endpoint": "Endpoints", "family": "Models", "provider": "Providers"}
ALL = "all"


def chosen(simulated: bool) -> Board:
    """The board that the address and the filters name."""
    with st.container(horizontal=True):
        by = st.selectbox("Entrants", list(BY), format_func=BY.__getitem__, key="by", bind="query-params", width=200)
        mode = st.selectbox("Mode", [ALL, *Mode], key="mode", bind="query-params", width=160)
        category = st.selectbox("Category", [ALL, *boards.categories()], key="category", bind="query-params", width=240)
    return Board(
        simulated=simulated,
        mode=None if mode in {ALL, None} else Mode(mode),
        category=None if category in {ALL, None} else category,
        group_by=by or "endpoint",
    )


with guarded():
    st.title("Leaderboard")
    if not data.available():
        parts.choose_run()
    simulated = boards.only_simulated()
    if simulated:
        st.badge("SIMULATED", icon=":material/science:", color="orange", help=parts.SIMULATED_HELP)
    board = boards.board(chosen(simulated))
    if not board.votes:
        st.markdown("No vote counts on this board yet.")
        if board.left_out.sentence:
            st.caption(f":material/info: {fmt.markdown(board.left_out.sentence)}")
        st.page_link("app_pages/vote.py", label="Vote", icon=":material/how_to_vote:")
    else:
        st.caption(
            f"{fmt.count(board.votes, 'vote')} on {fmt.count(board.prompts, 'prompt')} by "
            f"{fmt.count(board.voters, 'voter')} · mean of the board 1000 · "
            "95 % intervals; a higher Elo is better"
        )
        for warning in board.warnings:
            st.caption(f":material/info: {fmt.markdown(fmt.capitalized(warning))}")
        parts.show(boards.chart(board), "ratings")
        table: pd.DataFrame = boards.table(board)
        st.table(table, border="horizontal", hide_index=True, alt="Entrants by tier, with rating, interval and votes")
        if board.side_elo is not None and board.side_half_width_elo is not None:
            side = f"{board.side_elo:+.0f} ± {board.side_half_width_elo:.0f} Elo"
            st.caption(
                fmt.markdown(f"Standing on the left is worth {side}; {board.tie_rate or 0:.0%} of votes are ties.")
            )
