"""Every run, newest first: what it was, how it ended, what it cost, and what speaks against it."""

import streamlit as st

from arena.domain.run import RunStatus
from arena.units import format_usd
from dashboards import data, downloads, parts, run_data, run_tables
from dashboards import format as fmt
from dashboards.guard import guarded

NUMBER = st.column_config.NumberColumn


def dollars(value: object) -> str:
    """A cost as it is written; its cell stays a number, by which one can sort."""
    return format_usd(float(str(value)))


@guarded()
def listing(page: int) -> None:
    """One page of the list; reads itself again while one of its runs is running."""
    lines = run_data.history(page)
    frame = run_tables.history(lines)
    simulated = sum(line.run.simulated for line in lines)
    st.caption(
        f"{fmt.count(len(lines), 'run')} of this page, {simulated} of them simulated. Images per attempt is of those "
        "whose end is known, whoever was to blame for a failure; a run's own page tells that apart. Times are UTC."
    )
    shown = frame.assign(
        run=[f"run?run={line.run.id}" for line in lines],
        simulated=["SIMULATED" if line.run.simulated else "" for line in lines],
    )
    st.dataframe(
        shown.style.format({"cost_usd": dollars}, na_rep=fmt.DASH),
        hide_index=True,
        height="content",
        placeholder=fmt.DASH,
        alt=f"{len(lines)} runs, newest first",
        column_config={
            "run": st.column_config.LinkColumn("Run", display_text=r"run=(.+)$", pinned=True),
            "began_utc": st.column_config.DatetimeColumn("Began (UTC)", format="YYYY-MM-DD HH:mm"),
            "plan": "Plan",
            "simulated": "Simulated",
            "status": "Status",
            "fit_to_measure": "Fit to measure",
            "endpoints": st.column_config.TextColumn("Endpoints", width="medium"),
            "trials": NUMBER("Trials", format="localized"),
            "attempts": NUMBER("Attempts", format="localized"),
            "images": NUMBER("Images", format="localized"),
            "images_per_attempt": NUMBER("Images per attempt", format="percent"),
            "cost_usd": "Cost",
            "made_for": "Made for",
            "why_not_fit": st.column_config.TextColumn("Why it was not fit", width="large"),
        },
    )
    downloads.download(frame, f"runs-page-{page}", "runs")


with guarded():
    st.title("Runs")
    if not data.available() or not data.choices():
        parts.nothing_yet()
    count = run_data.pages()
    page = st.pagination(count, key="runs_page", bind="query-params") if count > 1 else 1
    running = any(choice.status is RunStatus.RUNNING for choice in data.choices()[: run_data.RUNS_A_PAGE])
    st.fragment(listing, run_every=data.LIVE_S if running else None)(page)
