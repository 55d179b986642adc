"""Who is better, by blind votes, how sure that is, and what it costs."""

import streamlit as st

from arena.reports.leaderboard import Leaderboard
from arena.units import format_percent
from dashboards import boards, data, filters, parts, windows
from dashboards import format as fmt
from dashboards.downloads import download
from dashboards.guard import guarded


def heading(board: Leaderboard, shown: int) -> None:
    """What the board rests on, and what a reader must know."""
    some = f"{shown} of {len(board.rows)} entrants shown, rated against all · " if shown < len(board.rows) else ""
    st.caption(
        f"{some}{fmt.count(board.votes, 'vote')} on {fmt.count(board.prompts, 'prompt')} by "
        f"{fmt.count(board.voters, 'voter')} · 1000 is the mean of those with votes enough · "
        "95 % intervals; a higher Elo is better"
    )
    for warning in board.warnings:
        st.caption(f":material/info: {fmt.sentence(fmt.capitalized(warning))}")


def body(board: Leaderboard, days: int) -> None:
    """Verdict, chart and table; the verdict and the table wait for what was measured, the chart does not."""
    chosen = st.session_state.get("providers") or []
    shown = boards.narrowed(board, chosen)
    heading(board, len(shown.rows))
    verdict = st.empty()
    parts.show(boards.chart(shown, fmt.colours(data.endpoints())), "ratings")
    found = None
    if board.board.group_by == "endpoint":
        simulated = board.board.simulated
        measured = windows.measured(board.board.mode, days=days, size=None, warm=False, simulated=simulated)
        found = boards.measures(board, measured)
        if found.verdict:
            verdict.markdown(f"**{fmt.markdown(fmt.capitalized(found.verdict))}.**")
        about = measured.note or measured.conditions.sentence
        st.caption(fmt.markdown(f"Price and time: {about}. n is the number of successes behind the median."))
    st.table(
        boards.table(shown, found), border="horizontal", hide_index=True,
        alt="Entrants by tier, with rating, interval, votes, price and time",
    )  # fmt: skip
    download(boards.frame(shown, found), "leaderboard", "leaderboard")
    if board.side_elo is not None and board.side_half_width_elo is not None:
        side = f"{board.side_elo:+.0f} ± {board.side_half_width_elo:.0f} Elo"
        st.caption(
            fmt.markdown(
                f"Standing on the left is worth {side}; {format_percent(board.tie_rate or 0.0, 0)} of votes are ties."
            )
        )


with guarded():
    st.title("Leaderboard")
    if not data.available():
        parts.choose_run()
    simulated = filters.simulated()
    with st.container(horizontal=True):
        board = boards.board(filters.board(simulated=simulated))
        days = filters.window_days()
        st.multiselect("Providers", boards.providers(board), key="providers", bind="query-params", width=320)
    if board.votes:
        body(board, days)
    else:
        st.markdown("No vote counts on this board yet.")
        if board.left_out.sentence:
            st.caption(f":material/info: {fmt.sentence(board.left_out.sentence)}")
        st.caption("Vote on pairs of images here, or read votes from a file:")
        st.page_link("app_pages/vote.py", label="Vote", icon=":material/how_to_vote:")
        st.code("arena votes import votes.csv", language=None)
