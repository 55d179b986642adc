"""What is no longer as it was: open incidents, those that are over, and the trend behind each."""

from datetime import UTC, datetime, timedelta

import pandas as pd
import streamlit as st

from arena.domain.watch import Incident
from arena.reports.watch import METRIC_OF, Report
from arena.reports.watch_wording import coverage
from arena.reports.windows import WINDOW_METRICS, Slice, Window
from dashboards import data, downloads, parts, trend_charts, watching, windows
from dashboards import format as fmt
from dashboards.guard import guarded

MARGIN = timedelta(days=28)
LEARNING_HELP = "A series needs ten days of measurements, the latest three not counted, before anything can be told."


def listing(report: Report) -> list[Incident]:
    """The open incidents, and the others on demand."""
    past = st.toggle("Those that are over, too", key="past", bind="query-params")
    shown = [i for i in report.incidents if past or i.open]
    if not shown:
        st.markdown("No incident." if past else "No open incident.")
        return []
    rows = pd.DataFrame([watching.row(i) for i in shown])
    marked = rows.map(fmt.markdown)
    st.table(marked, border="horizontal", hide_index=True, alt="Incidents")
    downloads.download(rows, "incidents", "incidents")
    return shown


def evidence(incident: Incident, key: str) -> None:
    """The figure by days, from four weeks before the change on."""
    metric = next((m for m in WINDOW_METRICS if m.name == METRIC_OF.get(incident.figure)), None)
    st.code(incident.command, language=None)
    if metric is None:
        st.caption("Scores have no chart by day; the command shows what they come to.")
        return
    begin = datetime.combine(incident.since, datetime.min.time(), UTC) - MARGIN
    window = Window(begin, datetime.combine(incident.last, datetime.min.time(), UTC) + timedelta(days=1))
    found = [t for t in windows.trend(window, Slice(), metric)
             if (t.endpoint, t.simulated) == (incident.endpoint, incident.simulated)]  # fmt: skip
    parts.show(trend_charts.over_time(found, metric, fmt.colours(data.endpoints()), windows.step(window)), key)


with guarded():
    st.title("Watch")
    if not data.available():
        parts.choose_run()
    report = watching.report()
    if any(s.simulated for s in report.series):
        st.badge("SIMULATED", icon=":material/science:", color="orange", help=parts.SIMULATED_HELP)
    st.caption(fmt.markdown(fmt.capitalized(coverage(report))), help=LEARNING_HELP)
    shown = listing(report)
    if shown:
        names = {watching.label(i): i for i in shown}
        chosen = st.selectbox("Evidence", list(names), key="incident", width=480)
        evidence(names[chosen or next(iter(names))], "evidence")
