"""One prompt, everybody's image of it, and who made the better one."""

import pandas as pd
import streamlit as st

from arena.reports.leaderboard import Leaderboard
from arena.store.gallery import Shot
from dashboards import boards, competitions, data, downloads, gallery, parts
from dashboards import format as fmt
from dashboards.guard import guarded

ALL, COLUMNS = "all", 4
SIMULATED = "simulated"


def leave() -> None:
    """Back to the list of prompts."""
    st.session_state["competition"] = None
    st.query_params.pop("competition", None)


def enter() -> None:
    """To the prompt whose row was chosen."""
    rows = st.session_state["prompts"].selection.rows
    if rows:
        name = st.session_state["listed"][rows[0]]
        st.session_state["competition"] = st.query_params["competition"] = name


def listing(simulated: bool) -> None:
    """Every prompt, the most voted first."""
    everything = competitions.prompts(simulated=simulated, category=None)
    known = [ALL, *sorted(set(everything["category"]))]
    category = st.selectbox("Category", known, key="field", bind="query-params", width=240)
    found = competitions.prompts(simulated=simulated, category=None if category in {ALL, None} else category)
    found.attrs["simulated"] = simulated
    count = max(1, -(-len(found) // competitions.PAGE))
    number = st.pagination(count, key="list_page", bind="query-params") if count > 1 else 1
    shown = competitions.page(found, number)
    st.caption(
        f"{fmt.count(len(found), 'prompt')}, {fmt.count(int(found['votes'].sum()), 'vote')} over all time; images of "
        "runs that count. Choose a row to see its images and their ranking."
    )
    st.session_state["listed"] = shown["prompt"].tolist()
    config = {
        name: st.column_config.NumberColumn(name.capitalize(), format="localized")
        for name in ("votes", "entrants", "images")
    }
    st.dataframe(
        shown, hide_index=True, height="content", key="prompts", on_select=enter, selection_mode="single-row",
        column_config={"prompt": "Prompt", "category": "Category", **config}, alt="Prompts with their votes and images",
    )  # fmt: skip
    downloads.download(shown, "competitions", "competitions")


def image(shot: Shot | None, name: str, note: str) -> None:
    """An entrant's newest image under its name and place."""
    st.markdown(f"**{fmt.markdown(name)}**  \n:small[{fmt.markdown(note)}]")
    if shot is None:
        st.caption("No image of it is kept here.")
        return
    alt = f"{'Simulated image' if shot.simulated else 'Image'} from {name}"
    parts.picture(shot.sha256, gallery.THUMBNAIL_PX, alt)
    standing = gallery.standing(shot)
    if not standing.startswith("may meet"):
        st.caption(f":red[{fmt.markdown(fmt.capitalized(standing))}]")
    with st.container(horizontal=True):
        st.page_link(parts.GALLERY, label=":small[Close up]", query_params={"image": gallery.address(shot)})
        more = {"about": shot.prompt_id, "maker": name, "kind": SIMULATED if shot.simulated else "real"}
        st.page_link(parts.GALLERY, label=":small[All of its images]", query_params=more)


def ranking(board: Leaderboard) -> pd.DataFrame:
    """The board of the prompt: chart and table."""
    st.caption(
        f"{fmt.count(board.votes, 'vote')} by {fmt.count(board.voters, 'voter')} over all time, 95 % intervals; a "
        "higher Elo is better. Where votes are few, ratings lean towards the whole board; the provisional have no tier."
    )
    for warning in board.warnings:
        st.caption(f":material/info: {fmt.markdown(fmt.capitalized(warning))}")
    parts.show(boards.chart(board, fmt.colours(data.endpoints())), "ratings")
    table = boards.table(board)
    st.table(table, border="horizontal", hide_index=True, alt="Entrants by rating on this prompt alone")
    columns = ("entrant", "tier", "elo", "low", "high", "votes")
    return pd.DataFrame([{name: getattr(row, name) for name in columns} for row in board.rows])


def detail(prompt_id: str, simulated: bool) -> None:
    """One prompt: its words, its ranking, its images in that order."""
    st.button("All prompts", key="back", icon=":material/arrow_back:", type="tertiary", on_click=leave)
    st.markdown(f"## {fmt.markdown(prompt_id)}")
    st.text(gallery.prompt_text(prompt_id) or "There is no such prompt here.", width="stretch")
    board = competitions.board(prompt_id, simulated=simulated)
    rated = [] if board is None else [row.entrant for row in board.rows]
    notes = dict.fromkeys(rated, "provisional")
    if board is None:
        st.caption("No vote on this prompt counts yet, so its images stand in alphabetical order.")
        st.page_link("app_pages/vote.py", label="Vote", icon=":material/how_to_vote:")
    else:
        downloads.download(ranking(board), f"competition-{prompt_id}", "ranking")
        notes |= {row.entrant: f"{row.elo:.0f} Elo, tier {row.tier}" for row in board.rows if row.elo and row.tier}
    names = [*rated, *(n for n in gallery.endpoints(simulated=simulated) if n not in rated)]
    newest = gallery.newest_by_endpoint(prompt_id, names, simulated=simulated)
    shown = [n for n in names if n in newest or n in rated]
    st.markdown("## Images")
    st.caption("The newest image of each entrant, best first, as far as votes tell.")
    for begin in range(0, len(shown), COLUMNS):
        for column, name in zip(st.columns(COLUMNS), shown[begin : begin + COLUMNS], strict=False):
            with column:
                image(newest.get(name), name, notes.get(name, "no votes yet"))


with guarded():
    st.title("Competitions")
    if not data.available() or not data.choices():
        parts.nothing_yet()
    kinds = [SIMULATED if simulated else "real" for simulated in gallery.kinds()] or ["real"]
    with st.container(horizontal=True):
        chosen_kind = st.selectbox("Kind", kinds, key="kind", bind="query-params", width=140)
        names = sorted(competitions.prompts(simulated=chosen_kind == SIMULATED, category=None)["prompt"])
        chosen = st.selectbox("Prompt", names, None, key="competition", bind="query-params", placeholder=ALL, width=320)
    if chosen_kind == SIMULATED:
        parts.simulated_badge()
    if chosen:
        detail(chosen, chosen_kind == SIMULATED)
    else:
        listing(chosen_kind == SIMULATED)
