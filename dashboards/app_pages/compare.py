"""Two runs, or two endpoints, against each other: what differs and how sure that is. The address holds both."""

import streamlit as st

from arena.domain.run import RunStatus
from arena.errors import ArenaError
from arena.reports.compare import WORTH_TELLING, Comparison, design_text
from dashboards import data, downloads, parts, run_charts, run_data, run_tables
from dashboards import format as fmt
from dashboards.guard import guarded

SAME = "each with itself"


def latest_two() -> None:
    """Choose the newest run and the one before it of the same plan, where the address names none."""
    if any(st.query_params.get(name) or st.session_state.get(name) for name in ("a", "b")):
        return
    ended = [run for run in data.choices() if run.purpose.counts and run.status != RunStatus.RUNNING]
    for place, newer in enumerate(ended):
        alike = (newer.plan_name, newer.simulated)
        older = next((run for run in ended[place + 1 :] if (run.plan_name, run.simulated) == alike), None)
        if older is not None:
            for name, run in (("a", older), ("b", newer)):
                st.session_state[name] = st.query_params[name] = run.id
            return


def side(name: str, label: str) -> str | None:
    """One run, kept in the address."""
    runs = [choice.id for choice in data.choices()]
    wanted = st.query_params.get(name)
    if wanted and wanted not in runs and data.overview_row(wanted) is not None:
        runs.append(wanted)
    return st.selectbox(label, runs, index=None, key=name, bind="query-params", width=300, placeholder="choose a run")


def endpoint(name: str, label: str, run_id: str) -> str:
    """An endpoint of a run, or the same one on both sides."""
    known = [SAME, *data.run(run_id).plan.endpoints]
    return st.selectbox(label, known, key=name, bind="query-params", width=300) or SAME


def comparison(found: Comparison) -> None:
    """Both sides, figure by figure, with a verdict in words."""
    a, b = found.a, found.b
    st.markdown(
        f"### {fmt.markdown(a.endpoint)}" + ("" if a.endpoint == b.endpoint else f" − {fmt.markdown(b.endpoint)}")
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        if a.simulated:
            parts.simulated_badge()
        st.caption(fmt.markdown(fmt.capitalized(design_text(found))), width="content")
    frame = run_tables.contrasts(found)
    st.table(
        frame.map(lambda v: fmt.markdown(str(v))), border="horizontal", hide_index=True, alt="Figures of both sides"
    )
    for note in found.notes:
        st.caption(f":material/info: {fmt.markdown(fmt.capitalized(note))}")


with guarded():
    st.title("Compare")
    if not data.available() or not data.choices():
        parts.nothing_yet()
    latest_two()
    with st.container(horizontal=True):
        a, b = side("a", "Run A"), side("b", "Run B")
        percent = st.number_input(
            "Least difference that matters, %",
            0.1,
            100.0,
            WORTH_TELLING * 100,
            key="worth",
            bind="query-params",
            width=260,
        )
    if a is None or b is None:
        st.markdown("Choose two runs; the same run twice compares two of its endpoints.")
        st.caption("In a terminal the same is said by:")
        st.code("arena runs compare RUN OTHER", language=None)
        st.stop()
    with st.container(horizontal=True):
        x, y = endpoint("x", "Endpoint of A", a), endpoint("y", "Endpoint of B", b)
    named = None if SAME in {x, y} else (x, y)
    try:
        found = run_data.comparisons(a, b, named, percent / 100)
    except ArenaError as error:  # two runs that cannot be compared are no fault of the page
        st.info(
            fmt.capitalized(fmt.sentence(str(error)).replace("\\-\\-endpoints X Y", "above")), icon=":material/info:"
        )
        st.stop()
    st.caption(
        f"A is run {fmt.markdown(a)}, B is run {fmt.markdown(b)}. Measured phase only; intervals hold with 95 %."
    )
    charts = [run_charts.differences(found, f"time_to_image_{q}_ms") for q in ("p50", "p95")]
    for column, chart in zip(st.columns(2, gap="large"), charts, strict=True):
        with column:
            if chart is not None:
                parts.show(chart, chart.title)
    for one in found:
        comparison(one)
    downloads.download(run_tables.comparison_rows(found), f"{a}-{b}", "comparison")
