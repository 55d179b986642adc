"""One prompt at a few endpoints, side by side, with what it costs shown before anything is fired."""

import pandas as pd
import streamlit as st

from arena.domain.purpose import RunPurpose
from arena.domain.run import RunStatus
from arena.errors import ArenaError
from arena.units import format_ms, format_usd
from dashboards import data, logins, parts, playground, playground_firing
from dashboards import format as fmt
from dashboards.guard import guarded
from dashboards.playground import Choice, Price, Wish

COLUMNS = 4


def fire(token: str, wish: Wish, cost: Price) -> None:
    """The click: fires once for its token, however often it comes."""
    try:
        playground_firing.fire(
            token, Wish(st.session_state["text"], wish.endpoints, wish.size, wish.image_format), cost
        )
    except ArenaError as error:
        st.session_state["complaint"] = str(error)
    else:
        st.session_state["complaint"], st.session_state["fired"] = None, token
        st.query_params.pop("run", None)


def tick(choice: Choice) -> bool:
    """A box for an endpoint; greyed, with the reason, where it cannot be fired at."""
    label = fmt.markdown(choice.id) + (" :orange[simulated, free]" if choice.simulated else "")
    able = choice.objection is None
    ticked = st.checkbox(label, key=f"fire-{choice.id}", disabled=not able)
    if not able:
        st.caption(fmt.markdown(fmt.capitalized(choice.objection or "")))
    return ticked and able


def choose(size: str) -> list[Choice]:
    """Which endpoints, those that can be fired at first."""
    known = playground.choices(size)
    able, unable = ([c for c in known if (c.objection is None) == wanted] for wanted in (True, False))
    chosen = []
    if not able:
        st.caption("No endpoint can be fired at yet; each says what is missing.")
    for group, place in ((able, st.container()), (unable, st.expander(f"{len(unable)} that cannot be fired at yet"))):
        with place:
            for begin in range(0, len(group), 3):
                for column, choice in zip(st.columns(3), group[begin : begin + 3], strict=False):
                    with column:
                        chosen += [choice] if tick(choice) else []
    if any(choice.simulated for choice in able):
        st.caption("Simulated endpoints answer while `arena sim serve` runs; they cost nothing, and show no provider.")
    return chosen


def price_tag(wish: Wish, cost: Price) -> None:
    """What it costs at most, endpoint by endpoint, and what is left of the day's money."""
    rows = [
        {"Endpoint": fmt.markdown(name), "At most": "free, simulated" if name in cost.simulated else format_usd(usd)}
        for name, usd in sorted(cost.by_endpoint.items())
    ]
    shown = pd.DataFrame(rows).map(lambda text: text.replace("$", "\\$"))
    st.table(shown, border="horizontal", hide_index=True, width="content", alt="Cost by endpoint, at most")
    st.caption(
        fmt.markdown(
            f"{wish.size} {wish.image_format}; {format_usd(playground_firing.left_today_usd())} is left today (UTC)."
        )
    )


def offer(chosen: list[Choice], size: str, token: str, busy: bool) -> None:
    """The price, and the button that fires for it."""
    if not chosen or len(chosen) > playground.MOST_ENDPOINTS:
        st.caption(
            f"Choose one to {playground.MOST_ENDPOINTS} endpoints; what they cost is shown before anything is fired."
        )
        return
    try:
        wish = Wish("", tuple(c.id for c in chosen), size, playground.common_format(chosen))
        cost = playground.price(wish, frozenset(c.id for c in chosen if c.simulated))
    except ArenaError as error:
        st.info(fmt.capitalized(fmt.sentence(str(error))), icon=":material/info:")
        return
    price_tag(wish, cost)
    label = f"Fire for at most {format_usd(cost.charged_usd)}" if cost.charged_usd else "Fire for nothing"
    arguments = (token, wish, cost)
    st.button(fmt.markdown(label), key="fire", type="primary", disabled=busy, on_click=fire, args=arguments)


def answer(row: pd.Series | None, endpoint: str, simulated: bool) -> None:
    """What came of one endpoint, or that it is being waited for."""
    st.markdown(f"**{fmt.markdown(endpoint)}**" + (" :orange[simulated]" if simulated else ""))
    if row is None:
        st.caption("Waiting for its answer…")
        return
    known = row.notna()
    if known["image_sha256"]:
        parts.picture(row["image_sha256"], data.MAX_SIDE_PX, f"Image from {endpoint} for this prompt", exact=True)
    if known["failure_kind"]:
        st.markdown(f":small[:red[Failed: {fmt.markdown(fmt.kind(row['failure_kind']))}]]")
        st.text(row["failure_message"] if known["failure_message"] else "no message")
    time = format_ms(float(row["time_to_image_ms"])) if known["time_to_image_ms"] else fmt.DASH
    cost = "free" if simulated else format_usd(float(row["cost_usd"]) if known["cost_usd"] else None)
    st.caption(fmt.markdown(f"{time} · {cost} · one image tells nothing of an endpoint (n 1)"))
    at = {"run": row["run_id"], "trial": str(row["trial"])}
    st.page_link(parts.TRIAL, label=":small[Trial]", query_params=at)


@guarded()
def answers(run_id: str | None, token: str | None) -> None:
    """Side by side, as they arrive."""
    firing = playground_firing.look(token) if token else None
    if firing is not None and firing.complaint is not None:
        st.session_state["complaint"], st.session_state["fired"] = firing.complaint, None
        st.rerun()
    if firing is not None and firing.run_id is not None and run_id is None:
        st.query_params["run"] = run_id = firing.run_id
    if run_id is None:
        st.caption("Starting…")
        return
    run = data.run(run_id)
    if run.plan.purpose is not RunPurpose.PLAYGROUND:
        st.page_link(parts.RUN, label="That run was not fired from here", query_params={"run": run_id})
        return
    st.text(next(iter(data.prompts(run_id).values())).text, width="stretch")
    rows = data.outcomes(run_id)
    names = list(run.plan.endpoints)
    simulated = data.simulated_endpoints(run_id)
    for begin in range(0, len(names), COLUMNS):
        for column, name in zip(st.columns(COLUMNS), names[begin : begin + COLUMNS], strict=False):
            with column:
                mine = rows[rows["endpoint"] == name]
                answer(None if mine.empty else mine.iloc[-1], name, name in simulated)
    if run.status is not RunStatus.RUNNING:
        st.page_link(parts.RUN, label="This run", query_params={"run": run_id})
        if token is not None:
            st.session_state["fired"] = None  # from now on, a click is another intent
            st.session_state["token"] = playground_firing.new_token()
            st.rerun()


with guarded():
    st.title("Playground")
    why = playground.closed()
    if why is not None:
        if logins.missing():
            logins.ask(why)
        else:
            st.markdown(fmt.sentence(why))
        st.stop()
    st.caption("One prompt, once at each endpoint. These images meet in no battle and count in no provider's figures.")
    token = st.session_state.setdefault("token", playground_firing.new_token())
    fired = st.session_state.get("fired")
    st.text_area(
        "Prompt",
        key="text",
        max_chars=playground.MOST_CHARACTERS,
        placeholder="a red fox asleep on a stack of old books",
    )
    size = st.selectbox("Size", playground.SIZES, key="size", bind="query-params", width=180)
    chosen = choose(size)
    offer(chosen, size, token, fired is not None)
    if st.session_state.get("complaint"):
        st.warning(fmt.capitalized(fmt.sentence(st.session_state["complaint"])), icon=":material/info:")
    shown_run = st.query_params.get("run")
    if fired or shown_run:
        st.markdown("## Answers")
        live = fired or data.version(shown_run or "").startswith("live")
        st.fragment(answers, run_every=1 if live else None)(None if fired else shown_run, fired)
