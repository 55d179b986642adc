"""One trial, down to its HTTP calls."""

import pandas as pd
import streamlit as st

from arena.units import format_ms, format_usd
from dashboards import data, downloads, parts, run_tables, tables
from dashboards import format as fmt
from dashboards.guard import guarded
from dashboards.timeline import timeline


def heading(row: pd.Series) -> None:
    """What was asked of whom, and what came of it."""
    known = row.notna()
    phase = "warm-up, left out of every figure" if row["phase"] == "warmup" else "measured"
    st.markdown(f"## {fmt.markdown(row['endpoint'])}")
    with st.container(horizontal=True, vertical_alignment="center"):
        if row["simulated"]:
            parts.simulated_badge()
        st.caption(
            fmt.markdown(
                f"{row['prompt_id']} · repetition {row['repetition'] + 1} · {phase} · attempt {row['attempt']} · "
                f"{fmt.utc(row['started_at']) if known['started_at'] else 'start not recorded'}"
            ),
            width="content",
        )
    if known["failure_kind"]:
        blame = f"{fmt.kind(row['failure_kind'])}, blame: {row['failure_blame']}"
        st.markdown(f":red[Failed: {fmt.markdown(blame)}]")
        st.text(row["failure_message"] if known["failure_message"] else "no message")
    elif row["status"] == "unknown":
        st.caption("Unknown: the process ended before the answer was recorded.")
    figures = {
        "Time to image": format_ms(float(row["time_to_image_ms"])) if known["time_to_image_ms"] else fmt.DASH,
        "TTFB": format_ms(float(row["ttfb_ms"])) if known["ttfb_ms"] else fmt.DASH,
        "Cost": format_usd(float(row["cost_usd"]) if known["cost_usd"] else None),
        "Polls": str(row["polls"]),
    }
    with st.container(horizontal=True, gap="large"):
        for name, text in figures.items():
            st.metric(name, text, width="content")


def call_table(calls: pd.DataFrame) -> None:
    """The calls with every mark, in milliseconds since the request was sent."""
    frame = run_tables.calls(calls)
    config = {f"{m}_ms": st.column_config.NumberColumn(m.replace("_", " "), format="%.1f ms") for m in run_tables.MARKS}
    config |= {
        "http_status": st.column_config.NumberColumn("status", format="%d"),
        "http_version": st.column_config.TextColumn("version"),
        "body_bytes": st.column_config.NumberColumn("bytes", format="localized"),
    }
    st.dataframe(frame, hide_index=True, column_config=config, placeholder=fmt.DASH, alt="HTTP calls of this attempt")
    attempt_number = int(calls["attempt"].iloc[0])
    downloads.download(frame, f"calls-{attempt_number}", f"calls-{attempt_number}")


def timings(row: pd.Series) -> None:
    """Our marks of this attempt beside what the server says of itself; two clocks, never subtracted."""
    ours, theirs = st.columns(2, gap="large")
    with ours:
        st.markdown("### Our clock")
        st.caption("Milliseconds since the request was sent, taken at the socket; lateness and slot wait lie before.")
        table = tables.marks(row)
        st.table(table, border="horizontal", hide_index=True, alt="Our own marks of this attempt")
    with theirs:
        st.markdown("### The server's own clock")
        said = tables.server_says(row)
        if said.empty:
            st.caption("The provider said nothing of its own times.")
            return
        st.caption("As the provider reports it; what each name includes is the provider's choice. n 1.")
        st.table(said, border="horizontal", hide_index=True, alt="What the server says of its own times")


def attempt(row: pd.Series, calls: pd.DataFrame) -> None:
    """Everything that is recorded about one attempt."""
    left, right = st.columns([3, 1], gap="large")
    with left:
        heading(row)
        if calls.empty:
            gone = data.calls_pruned_on(row["run_id"])
            pruned = f"The records of this run's HTTP calls were pruned on {gone}."
            st.caption(pruned if gone else "No HTTP call is recorded for this attempt.")
        else:
            done = float(row["time_to_image_ms"]) if row.notna()["time_to_image_ms"] else None
            parts.show(timeline(calls, done), f"timeline-{row['attempt']}")
    with right:
        if row.notna()["image_sha256"]:
            alt = f"Image of trial {row['trial']} from {row['endpoint']}"
            parts.picture(row["image_sha256"], data.MAX_SIDE_PX, alt, exact=True)
        st.page_link(
            parts.IMAGES,
            label="All images of this prompt",
            icon=":material/grid_view:",
            query_params={"run": row["run_id"], "prompt": row["prompt_id"]},
        )
    if not calls.empty:
        st.markdown("### Calls, mark by mark")
        call_table(calls)
    timings(row)
    st.markdown("### Everything recorded")
    narrow = {"Column": st.column_config.TextColumn(width="medium")}
    table = tables.outcome_table(row)
    st.dataframe(table, hide_index=True, height="content", column_config=narrow, alt="All columns of this attempt")


with guarded():
    st.title("Trial")
    with st.container(horizontal=True):
        run_id = parts.choose_run()
        last = max(0, int(parts.overview_row(run_id)["trials"]) - 1)
        number = st.number_input(
            f"Trial, 0 to {last}", min_value=0, max_value=last, step=1, key="trial", bind="query-params", width=200
        )
    attempts = data.trial_outcomes(run_id, int(number))
    calls = data.calls(run_id, number)
    if attempts.empty:
        st.caption("This trial has not been fired, or has not ended yet.")
    for _, one in attempts.iterrows():
        attempt(one, calls[calls["attempt"] == one["attempt"]])
