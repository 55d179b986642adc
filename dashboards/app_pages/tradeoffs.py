"""Quality beside speed and cost: who is worth what it takes, and the best within limits."""

import pandas as pd
import streamlit as st

from arena.reports.leaderboard import Board
from arena.reports.measured import Measured
from arena.reports.tradeoffs import Frontier, Omitted, flat_rows
from dashboards import boards, choices, data, filters, parts, tradeoff_charts, windows
from dashboards import format as fmt
from dashboards.downloads import download
from dashboards.guard import guarded


def size_filter(found: Measured) -> str | None:
    """One requested size, the most frequent unless another is chosen: no figure is taken over several."""
    if len(found.sizes) < 2:
        return None
    names = {name: f"{name} ({count:,})" for name, count in found.sizes.items()}
    usual = list(names).index(found.conditions.size or "")
    return st.selectbox(
        "Size", list(names), index=usual, format_func=names.__getitem__, key="size", bind="query-params", width=180
    )


def left_out(omitted: tuple[Omitted, ...], key: str) -> None:
    """Who is not on a chart, and why."""
    if not omitted:
        return
    with st.expander(f"{fmt.count(len(omitted), 'endpoint')} left out, and why"):
        rows = [{"Endpoint": fmt.markdown(o.endpoint), "Why": fmt.markdown("; ".join(o.reasons))} for o in omitted]
        st.table(pd.DataFrame(rows), border="horizontal", hide_index=True, alt=f"Left out of {key}, with reasons")


def drawing(front: Frontier, about: str, *, simulated: bool) -> None:
    """One chart with whom it lacks."""
    colours = fmt.colours(data.endpoints())
    chart = tradeoff_charts.elo_against(front, colours, about=about, simulated=simulated)
    if front.points:
        parts.show(chart, f"elo-{front.against}")
    else:
        st.markdown(f"### {chart.title}")
        st.caption("Nobody has a settled rating and a measured figure yet; the list below says what each lacks.")
    left_out(front.omitted, chart.title)


with guarded():
    st.title("Trade-offs")
    if not data.available():
        parts.choose_run()
    simulated = filters.simulated()
    with st.container(horizontal=True):
        mode, category = filters.one_mode(simulated=simulated), filters.category()
        days, warm = filters.window_days(), filters.warm()
        usual = windows.measured(mode, days=days, size=None, warm=warm, simulated=simulated)
        size = size_filter(usual)
    measured = (
        usual
        if size in {None, usual.conditions.size}
        else windows.measured(mode, days=days, size=size, warm=warm, simulated=simulated)
    )
    wanted = Board(simulated=simulated, mode=mode, category=category)
    board = boards.board(wanted)
    about = f"{fmt.capitalized(board.board.name)}: {fmt.count(board.votes, 'vote')}; {measured.conditions.sentence}"
    if not board.votes or not measured.summaries:
        st.markdown("No votes count here yet." if not board.votes else "Nothing was measured in this window yet.")
        if board.votes:
            st.caption("Ratings come from votes, times and prices from runs:")
            st.code("arena run PLAN", language=None)
        else:
            st.caption("Choose another mode, vote on pairs of images here, or read votes from a file:")
            st.page_link("app_pages/vote.py", label="Vote", icon=":material/how_to_vote:")
            st.code("arena votes import votes.csv", language=None)
    else:
        joined, *fronts = windows.joined(wanted, days=days, size=size, warm=warm)
        for front in fronts:
            drawing(front, about, simulated=simulated)
        choices.section(joined, about)
        download(pd.DataFrame(flat_rows(joined)), "trade-offs", "trade-offs")
