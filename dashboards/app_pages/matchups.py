"""Who wins against whom, and which pairs are worth a look."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from arena.reports.matchups import Matchup, flat_rows, highlights
from dashboards import boards, data, filters, matchup_charts, parts
from dashboards import format as fmt
from dashboards.downloads import download
from dashboards.guard import guarded

KINDS = {
    "closest": ("Closest", "Even is inside the interval, and the interval is narrow.", "No pair is known to be close."),
    "most_decisive": ("Most decisive", "The interval lies furthest from even.", "No interval leaves out even yet."),
    "most_voted": ("Most voted", "By the number of votes, ties included.", "Nobody has met yet."),
    "surprises": (
        "Biggest surprises",
        "Further off what the model expects than chance would put any pair of so many.",
        "No pair lies further off what the model expects than chance would put one of so many.",
    ),
}


def top(name: str, pairs: Sequence[Matchup]) -> None:
    """One kind of pairs, a few of them; the one that wins comes first."""
    title, reading, none = KINDS[name]
    st.markdown(f"#### {title}")
    if not pairs:
        st.caption(none)
        return
    st.caption(reading)
    rows = [
        {
            "Pair": fmt.markdown(f"{m.a} against {m.b}"),
            "Share of the first": fmt.markdown(fmt.unbroken(matchup_charts.share_text(m))),
            "Votes": f"{m.votes:,}",
            "Model expects": f"{m.expected_share * 100:.0f} %",
            "At any time": fmt.markdown(m.verdict),
        }
        for m in pairs
    ]
    st.table(pd.DataFrame(rows), border="horizontal", hide_index=True, alt=f"{title}: pairs with shares and n")


with guarded():
    st.title("Matchups")
    if not data.available():
        parts.choose_run()
    simulated = filters.simulated()
    with st.container(horizontal=True):
        wanted = filters.board(simulated=simulated)
    board, pairs = boards.board(wanted), boards.pairs(wanted)
    if not pairs:
        st.markdown("No two entrants have met on this board yet.")
        st.caption("Vote on pairs of images here, or read votes from a file:")
        st.page_link("app_pages/vote.py", label="Vote", icon=":material/how_to_vote:")
        st.code("arena votes import votes.csv", language=None)
    else:
        about = f"{fmt.capitalized(wanted.name)}: {fmt.count(board.votes, 'vote')} of all time, 95 % intervals"
        order = [row.entrant for row in board.rows]
        parts.show(matchup_charts.matrix(pairs, order, about=about, simulated=simulated), "matrix")
        st.markdown("### Worth a look")
        st.caption(
            "Shares are of the votes that chose one, with Wilson's interval, which knows that votes share prompts. "
            "“At any time” is what may be claimed however often one looks and however many pairs there are."
        )
        told = highlights(pairs)
        left, right = st.columns(2, gap="large")
        for column, names in ((left, ("closest", "most_voted")), (right, ("most_decisive", "surprises"))):
            with column:
                for name in names:
                    top(name, getattr(told, name))
        download(pd.DataFrame(flat_rows(pairs)), "matchups", "matchups")
