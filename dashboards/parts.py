"""What several pages have in common: the choice of a run, the line about it, and how a chart is placed."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

import streamlit as st

from arena.domain.run import RunStatus
from arena.errors import StoreError
from arena.units import format_duration_s, format_usd
from dashboards import data
from dashboards import format as fmt

if TYPE_CHECKING:
    import pandas as pd

    from arena.domain.run import Run
    from dashboards.charts import Chart

RESULTS, IMAGES, TRIAL, GALLERY, RUN, COMPARE = (
    f"app_pages/{name}.py" for name in ("results", "images", "trial", "gallery", "run", "compare")
)


def choose_run() -> str:
    """The run that the page is about, newest first, kept in the address; stops the page where there is none."""
    known = data.choices() if data.available() else []
    if not known:
        nothing_yet()
    runs, newest = [run.id for run in known], next((r.id for r in known if r.purpose.counts), known[0].id)
    wanted = st.query_params.get("run")
    if wanted and wanted not in runs and data.overview_row(wanted) is not None:
        runs.append(wanted)  # older than those that are listed
    if "run" not in st.session_state:
        if wanted not in runs:
            # The widget writes only what a person chose into the address; this run, too, is to be found again by it.
            st.session_state["run"] = st.query_params["run"] = newest
    elif st.session_state["run"] is None:
        st.session_state["run"] = newest
    chosen = st.selectbox("Run", runs, index=None, key="run", bind="query-params", width=300)
    if wanted and wanted not in runs:
        st.caption(f"There is no run {fmt.markdown(wanted)} here; this is the newest one.")
    return chosen if chosen in runs else newest


def nothing_yet() -> NoReturn:
    """Names the command that fills an empty database, and ends the page."""
    st.markdown("Nothing has been measured yet.")
    st.caption("This command fires a small plan at simulated providers and takes less than a minute:")
    st.code("arena demo", language=None)
    st.caption("Then reload this page.")
    st.stop()


def overview_row(run_id: str) -> pd.Series:
    """The chosen run's row of the overview; StoreError if it is gone."""
    row = data.overview_row(run_id)
    if row is None:
        raise StoreError(f"there is no run {run_id} any more; reload this page")
    return row


def simulated_badge() -> None:
    """The mark that stands wherever simulated results do."""
    st.badge("SIMULATED", icon=":material/science:", color="orange", help=SIMULATED_HELP)


def facts(run: Run, row: pd.Series) -> None:
    """Plan, status, time, trials, cost and environment in a line or two; simulated runs are marked."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if run.simulated:
            simulated_badge()
        trials = f"{row['attempts']} of {row['trials']} trials, {row['succeeded']} brought an image"
        unknown = f", {row['unknown']} unknown" if row["unknown"] else ""
        cost = None if row.isna()["cost_usd"] else float(row["cost_usd"])
        st.caption(
            f"Plan **{fmt.markdown(run.plan.name)}** · {fmt.STATUS[run.status]} · {fmt.markdown(_when(run))} · "
            f"{trials}{unknown} · {fmt.markdown(format_usd(cost))} in all",
            width="content",
        )
    where = run.environment
    region = where.region or "region not given"
    st.caption(
        fmt.markdown(
            f"Measured from {where.hostname}, {region} · {where.platform} · {where.cpu_count} cores · "
            f"Python {where.python_version} · Arena {where.arena_version}"
        )
    )


SIMULATED_HELP = (
    "At least one endpoint of this run only pretends to be a provider. Its figures say something about Arena and "
    "nothing about any provider; they are never pooled with real ones."
)


def progress(row: pd.Series) -> bool:
    """How far a running run is; returns whether it is running."""
    if row["status"] != RunStatus.RUNNING:
        return False
    share = row["attempts"] / row["trials"] if row["trials"] else 0.0
    st.progress(min(1.0, float(share)), f"Running: {row['attempts']} of {row['trials']} trials have been fired")
    return True


def picture(sha256: str, side_px: int, alt: str, *, exact: bool = False) -> None:
    """An image, or in its place why it cannot be shown; `exact`: to the last pixel, where it is shown by itself."""
    try:
        shown, form = (data.preview(sha256, side_px), "PNG") if exact else data.thumbnail(sha256, side_px)
    except StoreError as error:
        st.text(fmt.capitalized(str(error)))
        return
    st.image(shown, output_format="PNG" if form == "PNG" else "JPEG", width="stretch", alt=alt)


def show(chart: Chart, key: str) -> None:
    """A chart under its title and the words that say how to read it."""
    st.markdown(f"### {chart.title}")
    st.caption(fmt.markdown(chart.subtitle))
    st.plotly_chart(chart.figure, key=key, config={"displayModeBar": False}, alt=chart.alt)


def _when(run: Run) -> str:
    began = fmt.utc(run.created_at)
    if run.ended_at is None:
        return began
    return f"{began}, took {format_duration_s((run.ended_at - run.created_at).total_seconds())}"
