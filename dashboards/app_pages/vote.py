"""Two images of one prompt, side by side and blind; which is better?"""

from typing import Literal

import streamlit as st

from arena.catalog import Catalog
from arena.domain.battle import Purpose, Verdict
from arena.errors import BallotError
from arena.settings import Settings
from arena.units import format_ms, format_usd
from dashboards import data, parts, voting
from dashboards import format as fmt
from dashboards.guard import guarded

CHOICES: tuple[tuple[Verdict, str, str, Literal["primary", "secondary"]], ...] = (
    (Verdict.LEFT, "Left", "Left", "primary"),
    (Verdict.TIE, "Tie", "Down", "secondary"),
    (Verdict.RIGHT, "Right", "Right", "primary"),
)
MORE = (
    (Verdict.BOTH_GOOD, "Both good", "G"),
    (Verdict.BOTH_BAD, "Both bad", "B"),
    (Verdict.SKIP, "Skip", "S"),
)


def vote(token: str, verdict: Verdict) -> None:
    """A click or a key: counts for the pair that it was meant for, or for nothing."""
    showing = st.session_state.get("showing")
    if showing is None or showing.token != token:
        return
    try:
        receipt = voting.cast(showing, verdict)
    except BallotError as error:
        st.toast(fmt.capitalized(str(error)), icon=":material/info:")
        if "700 ms" not in str(error):
            st.session_state["showing"] = None
        return
    st.session_state["last"] = (showing, receipt, verdict)
    st.session_state["showing"] = None


def take_back() -> None:
    """Undo: the last vote no longer counts, if it is not too late; its pair is closed, as its names were told."""
    showing, _, _ = st.session_state["last"]
    if voting.undo(showing):
        st.session_state["last"] = None
        st.toast("Taken back: that vote does not count.", icon=":material/undo:")
    else:
        st.toast("Too late: this vote stands.", icon=":material/info:")


def last_vote() -> None:
    """Who made what, now that it was voted on."""
    held = st.session_state.get("last")
    if held is None:
        st.caption("Names, prices and times are shown after your vote.")
        return
    _, receipt, verdict = held
    with st.container(horizontal=True, vertical_alignment="center"):
        left, right = (
            f"**{fmt.markdown(side.endpoint)}** {fmt.markdown(format_usd(side.cost_usd))}, "
            f"{fmt.markdown(format_ms(side.time_to_image_ms))}"
            for side in voting.revealed(receipt)
        )
        said = {Verdict.LEFT: "better than", Verdict.RIGHT: "worse than"}.get(verdict, fmt.kind(verdict))
        st.caption(f"Your last vote: {left} — {said} — {right}", width="content")
        if receipt.battle.purpose is not Purpose.RATE:
            st.caption("That pair checks attention; it rates nobody.", width="content")
        st.button("Undo", key="undo", shortcut="U", on_click=take_back, icon=":material/undo:", type="tertiary")


def sources(names: tuple[str, ...]) -> None:
    """The input images of an edit."""
    catalog = Catalog(Settings().config_dir)
    with st.container(horizontal=True):
        for number, name in enumerate(names, start=1):
            st.image(catalog.source_path(name).read_bytes(), width=180, alt=f"Input image {number}")


def buttons(token: str) -> None:
    """At the bottom of the window, always in the same place, whatever the images are."""
    with st.bottom:
        with st.container(horizontal=True, gap="small"):
            for verdict, label, key, kind in CHOICES:
                st.button(label, key=verdict.value, shortcut=key, type=kind, width="stretch", on_click=vote,
                          args=(token, verdict))  # fmt: skip
        with st.container(horizontal=True, gap="small"):
            for verdict, label, key in MORE:
                st.button(label, key=verdict.value, shortcut=key, type="tertiary", width="stretch", on_click=vote,
                          args=(token, verdict))  # fmt: skip


@st.fragment
def pair(simulated: bool) -> None:
    """The pair, the buttons, and what became of the last one."""
    last_vote()
    if st.session_state.get("showing") is None:
        st.session_state["showing"] = voting.draw(simulated=simulated)
    showing = st.session_state["showing"]
    if showing is None:
        st.markdown("You have seen every pair that there is.")
        st.caption("A new run brings new images:")
        st.code("arena run PLAN", language=None)
        return
    st.text(showing.prompt, width="stretch")
    if showing.sources:
        sources(showing.sources)
    for column, image, side in zip(st.columns(2), (showing.left, showing.right), ("Left", "Right"), strict=True):
        with column:
            st.image(image, output_format="JPEG", width="stretch", alt=f"{side} image")
    buttons(showing.token)


with guarded():
    st.title("Vote")
    if not data.available():
        parts.choose_run()
    simulated = voting.simulated_only()
    if not len(voting.pool(simulated=simulated).cell_keys):
        st.markdown("There are no two images of one prompt yet.")
        st.caption("This command makes some, at simulated providers, in less than a minute:")
        st.code("arena demo", language=None)
        st.stop()
    if simulated:
        st.badge("SIMULATED", icon=":material/science:", color="orange", help=parts.SIMULATED_HELP)
    voting.voter()
    pair(simulated)
