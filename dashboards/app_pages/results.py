"""Who is fastest, steadiest and cheapest, with every figure behind it."""

from functools import partial

import streamlit as st

from arena.metrics.figures import METRICS
from arena.reports import fitness
from arena.reports.export import OF_A_RUN, FileFormat
from arena.reports.summary import EndpointSummary, Verdict, verdicts
from dashboards import charts, data, parts, tables
from dashboards import format as fmt
from dashboards.guard import guarded

METRIC = {metric.name: metric for metric in METRICS}


def verdict(found: Verdict, summaries: list[EndpointSummary]) -> None:
    """One claim with its figure and who may be as good."""
    metric = METRIC[found.metric]
    simulated = " · simulated" if all(s.simulated for s in summaries) else ""
    with st.container(gap="xxsmall"):
        st.caption(fmt.capitalized(found.claim) + simulated)
        st.markdown(f"### {fmt.markdown(found.endpoint)}")
        st.markdown(fmt.markdown(f"{fmt.capitalized(metric.title)} {fmt.figure_text(metric, found.figure)}"))
        if found.overlapping:
            others = ", ".join(found.overlapping)
            st.caption(fmt.markdown(f"Not told apart from {others}: {found.why}."))


def downloads(run_id: str) -> None:
    """The files that `arena export` would write."""
    with st.popover("Download", icon=":material/download:"):
        for table in OF_A_RUN:
            for file_format in (FileFormat.CSV, FileFormat.PARQUET):
                st.download_button(
                    f"{fmt.capitalized(table)}, {file_format.upper() if file_format == 'csv' else 'Parquet'}",
                    data=partial(data.file, run_id, table, file_format),
                    file_name=f"{run_id}-{table}.{file_format}",
                    on_click="ignore",
                    key=f"download-{table}-{file_format}",
                    width="stretch",
                )


@st.cache_resource(ttl=data.SETTLED_S, max_entries=8, show_spinner=False)
def drawn(source: str, run_id: str, version: str, endpoints: int) -> dict[str, charts.Chart]:
    """The charts of a run; the other arguments say when they are no longer what the database holds."""
    summaries, colours, outcomes = data.summaries(run_id), fmt.colours(data.endpoints()), data.outcomes(run_id)
    log = charts.logarithmic(outcomes)
    return {
        "time-to-image": charts.time_to_image(summaries, colours, log=log),
        "spread": charts.spread(outcomes, summaries, colours, log=log),
        "success-rate": charts.success_rate(summaries, colours),
        "failures": charts.failures(summaries),
        "cost-against-time": charts.cost_against_time(summaries, colours),
    }


def drawings(run_id: str) -> None:
    """All charts, two abreast where there is room."""
    made = drawn(data.source(), run_id, data.version(run_id), len(data.endpoints()))
    for abreast in (("time-to-image", "spread"), ("success-rate", "failures")):
        for column, name in zip(st.columns(2, gap="large"), abreast, strict=True):
            with column:
                parts.show(made[name], name)
    parts.show(made["cost-against-time"], "cost-against-time")


@guarded()
def body(run_id: str, live: bool) -> None:
    """Everything about one run; runs again by itself while the run does."""
    row = parts.overview_row(run_id)
    parts.facts(data.run(run_id), row)
    if not parts.progress(row) and live:
        st.rerun()
    summaries = data.summaries(run_id)
    if not summaries:
        st.caption("No measured trial has ended yet.")
        return
    unfit = fitness.headline(data.run(run_id), summaries)
    if unfit is not None:
        st.warning(fmt.markdown(fmt.capitalized(unfit)), icon=":material/warning:")
    found = verdicts(summaries)
    if found:
        for column, one in zip(st.columns(len(found), gap="large"), found, strict=True):
            with column:
                verdict(one, summaries)
    with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
        st.markdown("### Figures by endpoint", width="content")
        with st.container(horizontal=True, width="content"):
            with st.popover("Definitions", icon=":material/help:"):
                for metric in tables.SHOWN:
                    st.markdown(f"**{fmt.markdown(fmt.capitalized(metric.title))}**", help=metric.definition)
                    st.caption(fmt.markdown(metric.definition))
            downloads(run_id)
    st.caption(
        "Below each value: its 95 % interval where it has one, and n, the number of attempts or images behind it."
    )
    st.table(tables.summary_table(summaries), border="horizontal", hide_index=True, alt="Figures by endpoint")
    drawings(run_id)


with guarded():
    st.title("Results")
    chosen = parts.choose_run()
    running = parts.overview_row(chosen)["status"] == "running"
    st.fragment(body, run_every=data.LIVE_S if running else None)(chosen, running)
