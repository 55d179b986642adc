"""One run: how far it is, how it ended, where its time went, and what it was made to find out."""

import streamlit as st

from arena.domain.purpose import RunPurpose
from arena.domain.run import Run
from arena.reports import fitness
from arena.reports.capacity_words import in_words
from arena.units import format_duration_s, format_usd
from dashboards import data, downloads, parts, run_charts, run_data, run_tables
from dashboards import format as fmt
from dashboards.guard import guarded


@guarded()
def live(run_id: str, running: bool) -> None:
    """Counts by endpoint; reads itself again while the run runs, and the whole page once it has ended."""
    row = parts.overview_row(run_id)
    parts.facts(data.run(run_id), row)
    if running and not parts.progress(row):
        st.rerun()
    now = run_data.progress(run_id)
    budget = "no budget was set" if now.budget_usd is None else f"of a budget of {format_usd(now.budget_usd)}"
    figures = {"Ended": f"{now.ended:,} of {now.planned:,}"}
    figures["Cost known so far" if running else "Known cost"] = format_usd(now.cost_usd)
    if running:
        figures["Rate, last 60 s"] = f"{sum(e.rate_per_s or 0 for e in now.endpoints):.2f}/s"
        figures["Time left"] = "cannot be told" if now.eta_s is None else f"about {format_duration_s(now.eta_s)}"
    with st.container(horizontal=True, gap="large"):
        for name, text in figures.items():
            st.metric(name, text, width="content")
    made_up = " Simulated endpoints charge nobody." if any(e.simulated for e in now.endpoints) else ""
    st.caption(fmt.markdown(f"Cost: {budget}.{made_up} As of {now.as_of:%H:%M:%S} UTC; warm-up is counted here."))
    parts.show(run_charts.progress(now.endpoints), "progress")
    frame = run_tables.progress(now.endpoints)
    alt = "Trials by endpoint, with failures by kind"
    st.dataframe(frame, hide_index=True, placeholder=fmt.DASH, alt=alt, column_config=dict(run_tables.PROGRESS))
    downloads.download(frame, f"{run_id}-progress", "progress")


def made_for(run: Run) -> None:
    """What a capacity search or a look at behaviour found, with all its runs."""
    if run.plan.purpose is RunPurpose.CAPACITY:
        found = run_data.capacity(run.id)
        st.markdown("## Capacity")
        for sentence in in_words(found):
            st.markdown(fmt.markdown(fmt.capitalized(sentence)))
        parts.show(run_charts.capacity(found, fmt.colours(data.endpoints())), "capacity")
        shown = run_tables.capacity_shown(found).map(lambda value: fmt.markdown(str(value)))
        st.table(shown, border="horizontal", hide_index=True, alt="One row a rate, with its verdict")
        downloads.download(run_tables.capacity(found), f"{run.plan.name}-capacity", "capacity-table")
    if run.plan.purpose is RunPurpose.BEHAVIOUR:
        st.markdown("## Behaviour")
        for one in run_data.behaviours(run.id):
            st.markdown(f"### {fmt.markdown(one.endpoint)}{' :orange[simulated]' if one.simulated else ''}")
            frame = run_tables.behaviour(one)
            shown = frame.map(lambda value: fmt.markdown(str(value)))
            st.table(shown, border="horizontal", hide_index=True, alt="Questions, answers and the cases behind them")
            downloads.download(frame, f"{run.plan.name}-behaviour", f"behaviour-{one.endpoint}-{one.simulated}")


def where_time_goes(run: Run) -> None:
    """Medians by phase, and how far the stop rule had got."""
    summaries = data.summaries(run.id)
    stopped = run_data.stop_sentences(run.id)
    if stopped:
        st.markdown("## Why it stopped")
        for sentence in stopped:
            st.markdown(fmt.markdown(fmt.capitalized(sentence.strip())))
    if not summaries:
        st.caption("No measured trial has ended yet.")
        return
    st.markdown("## Where the time goes")
    st.caption(
        "Medians of the measured phase with 95 % interval and n; shorter is better. Server queue and compute are by "
        "the provider's own clock and are never subtracted from ours."
    )
    shown = run_tables.phases(summaries)
    st.table(
        shown.map(fmt.markdown),
        border="horizontal",
        hide_index=True,
        alt=f"{len(shown.columns) - 1} phases by endpoint",
    )
    downloads.download(shown, f"{run.id}-phases", "phases")


def links(run: Run) -> None:
    """Where else this run is shown."""
    at = {"run": run.id}
    with st.container(horizontal=True):
        st.page_link(parts.RESULTS, label="Figures", icon=":material/speed:", query_params=at)
        st.page_link(parts.IMAGES, label="Side by side", icon=":material/grid_view:", query_params=at)
        st.page_link(parts.GALLERY, label="Images", icon=":material/photo_library:", query_params={"made_in": run.id})
        st.page_link(parts.TRIAL, label="Trials", icon=":material/timeline:", query_params=at)
        st.page_link(parts.COMPARE, label="Compare", icon=":material/compare_arrows:", query_params={"a": run.id})


with guarded():
    st.title("Run")
    run_id = parts.choose_run()
    chosen = data.run(run_id)
    links(chosen)
    unfit = fitness.headline(chosen, data.summaries(run_id))
    if unfit is not None:
        st.warning(fmt.markdown(fmt.capitalized(unfit)), icon=":material/warning:")
    running = parts.overview_row(run_id)["status"] == "running"
    st.fragment(live, run_every=data.LIVE_S if running else None)(run_id, running)
    made_for(chosen)
    where_time_goes(chosen)
