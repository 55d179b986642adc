"""Two images of one prompt, side by side and blind; which is better?"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import streamlit as st

from arena.domain.battle import Purpose, Verdict
from arena.errors import ArenaError, BallotError, TooEarlyError
from arena.reports.personal import LEAST_VOTES
from arena.settings import Settings
from arena.units import format_ms, format_percent, format_usd, percent
from dashboards import data, logins, parts, voting
from dashboards import format as fmt
from dashboards.guard import guarded
from dashboards.pair_view import painted_name, pair_view

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
SAID = {
    Verdict.LEFT: "better than",
    Verdict.RIGHT: "worse than",
    Verdict.TIE: "as good as",
    Verdict.BOTH_GOOD: "both good",
    Verdict.BOTH_BAD: "both bad",
    Verdict.SKIP: "skipped",
}


@dataclass(frozen=True, slots=True)
class Last:
    """The last vote, and what may be told since."""

    pair: voting.Showing
    purpose: Purpose
    sides: tuple[voting.Revealed, voting.Revealed]
    verdict: Verdict


@contextmanager
def heard() -> Iterator[None]:
    """Around what a click does: what goes wrong is one sentence on the page that is drawn after it."""
    try:
        yield
    except BallotError as error:
        st.session_state["note"] = fmt.capitalized(str(error))
    except ArenaError as error:
        st.session_state["trouble"] = fmt.capitalized(fmt.sentence(str(error)))
    except Exception:
        logging.getLogger(__name__).exception("a click came to nothing")
        st.session_state["trouble"] = "That could not be done; the log of the app says why."


@heard()
def vote(token: str, verdict: Verdict) -> None:
    """A click or a key: counts for the pair that it was meant for, or for nothing."""
    showing = st.session_state.get("showing")
    if showing is None or showing.token != token:
        return
    try:
        receipt = voting.cast(showing, verdict)
    except TooEarlyError:
        raise
    except BallotError:
        move_on()
        raise
    st.session_state["last"] = Last(showing, receipt.battle.purpose, voting.revealed(receipt), verdict)
    move_on()


def move_on() -> None:
    """The pair that was loaded meanwhile comes next, if it was and is not too old."""
    following = st.session_state.pop("next", None)
    st.session_state["showing"] = following if following is not None and following.is_current else None


@heard()
def painted() -> None:
    """The browser has both images on the screen: the clock runs, and the next pair is prepared."""
    showing = st.session_state.get("showing")
    if showing is None or painted_name() != showing.name:
        return
    voting.painted(showing)
    if st.session_state.get("next") is None:
        st.session_state["next"] = voting.load(simulated=st.session_state["simulated"], after=showing)


@heard()
def take_back() -> None:
    """Undo: the last vote no longer counts, if it is not too late; its pair is closed, as its names were told."""
    if voting.undo(st.session_state["last"].pair):
        st.session_state["last"] = None
        st.session_state["note"] = "Taken back: that vote does not count."
    else:
        st.session_state["note"] = "Too late: this vote stands."


def look_at(view: str) -> None:
    """The pair, or the voter's own board."""
    st.session_state["view"] = view


def last_vote() -> None:
    """Who made what, now that it was voted on; always two lines high at most, so that nothing below it moves."""
    last = st.session_state.get("last")
    with st.container(height=48, border=False):
        st.caption("Names, prices and times are shown after your vote." if last is None else told(last))


def told(last: Last) -> str:
    """The names, prices and times of the last pair."""
    left, right = (
        f"**{fmt.markdown(side.endpoint)}** {fmt.markdown(format_usd(side.cost_usd))}, "
        f"{fmt.markdown(format_ms(side.time_to_image_ms))}"
        for side in last.sides
    )
    checks = "" if last.purpose is Purpose.RATE else " That pair checks attention; it rates nobody."
    return f"Your last vote: {left} — {SAID[last.verdict]} — {right}.{checks}"


def buttons(token: str) -> None:
    """At the bottom of the window, always the same ones in the same places, whatever the images are."""
    with st.bottom:
        with st.container(horizontal=True, gap="small"):
            for verdict, label, key, kind in CHOICES:
                st.button(label, key=verdict.value, shortcut=key, type=kind, width="stretch", on_click=vote,
                          args=(token, verdict))  # fmt: skip
        with st.container(horizontal=True, gap="small"):
            for verdict, label, key in MORE:
                st.button(label, key=verdict.value, shortcut=key, type="tertiary", width="stretch", on_click=vote,
                          args=(token, verdict))  # fmt: skip
            st.button("Undo", key="undo", shortcut="U", type="tertiary", width="stretch", on_click=take_back,
                      disabled=st.session_state.get("last") is None)  # fmt: skip
            st.button("Your board", key="own", type="tertiary", width="stretch", on_click=look_at, args=("own",))


def own_board(*, simulated: bool) -> None:
    """What this voter preferred so far, once there is something to say."""
    st.button(
        "Back to voting", key="back", on_click=look_at, args=("pair",), icon=":material/arrow_back:", type="tertiary"
    )
    st.markdown("### Your own board")
    board = voting.own_board(simulated=simulated)
    if board.missing:
        st.caption(f"It is shown after {LEAST_VOTES} votes; {board.votes} of yours count so far.")
        return
    st.caption(
        f"What you preferred in {fmt.count(board.votes, 'vote')}. These are few votes, and each met only some of the "
        "others: it is no ranking. The share is that of the decided votes, with a 95 % interval as if all were "
        "independent."
    )
    rows = [
        {
            "Endpoint": row.endpoint,
            "Preferred": fmt.DASH if row.share.value is None else format_percent(row.share.value, 0),
            "95 % interval": fmt.DASH if row.share.low is None or row.share.high is None
            else f"{percent(row.share.low, 0)}–{percent(row.share.high, 0)} %",
            "Won": row.won,
            "Lost": row.lost,
            "Undecided": row.tied,
        }
        for row in board.rows
    ]  # fmt: skip
    st.dataframe(rows, hide_index=True)


@st.fragment
@guarded()
def turn(simulated: bool) -> None:
    """The pair, the buttons, and what became of the last one; or the voter's own board."""
    if note := st.session_state.pop("note", None):
        st.toast(note, icon=":material/info:")
    if trouble := st.session_state.pop("trouble", None):
        st.error(trouble, icon=":material/error:")
    if st.session_state.get("view") == "own":
        own_board(simulated=simulated)
        return
    last_vote()
    if st.session_state.get("showing") is None:
        st.session_state["showing"] = voting.load(simulated=simulated)
    showing = st.session_state["showing"]
    if showing is None:
        st.markdown("You have seen every pair that there is.")
        st.caption("A new run brings new images:")
        st.code("arena run PLAN", language=None)
        return
    pair_view(showing, st.session_state.get("next"), painted)
    buttons(showing.token)


with guarded():
    head = st.container(horizontal=True, vertical_alignment="center", gap="small")
    head.title("Vote", width="content")
    if not data.available():
        parts.choose_run()
    if Settings().require_login and not logins.logged_in():
        logins.ask("Log in to vote. Votes are kept under a pseudonym.")
        st.stop()
    simulated = voting.simulated_only()
    if not voting.has_pairs(simulated=simulated):
        st.markdown("There are no two images of one prompt yet.")
        st.caption("This command makes some, at simulated providers, in less than a minute:")
        st.code("arena demo", language=None)
        st.stop()
    if simulated:
        head.badge("SIMULATED", icon=":material/science:", color="orange", help=parts.SIMULATED_HELP)
    if logins.logged_in():
        with head:
            st.space("stretch")
            logins.way_out()
    st.session_state["simulated"] = simulated
    turn(simulated)
