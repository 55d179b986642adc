"""What providers have been like lately, what they ask, and what they take."""

from datetime import UTC, datetime
from typing import get_args

import pandas as pd
import streamlit as st

from arena.catalog import Catalog
from arena.reports import providers, trends
from arena.reports.choices import Warmth
from arena.reports.summary import flat_rows
from arena.reports.windows import WINDOW_METRICS, Slice, Window
from arena.settings import Settings
from dashboards import charts, data, downloads, parts, tables, trend_charts, windows
from dashboards import format as fmt
from dashboards.guard import guarded

VIEWS = ("Performance", "Over time", "Distribution", "Prices", "Parameters")
OVER_TIME = {m.title: m for m in WINDOW_METRICS if m.unit in {"ms", "ratio", "usd"}}
HEADLINE = "time to image p50"
SHOWN_AT_FIRST = 8
ALL = "all"


def pick(label: str, options: list[str], width: int = 180) -> str | None:
    """One of some values, kept in the address; None for all of them."""
    chosen = st.selectbox(label, [ALL, *options], key=label.lower(), bind="query-params", width=width)
    return None if chosen in {ALL, None} else chosen


def chosen_slice(frame: pd.DataFrame) -> Slice:
    """What the filters say; a filter that could change nothing is not offered."""
    warmth = st.selectbox("Connections", get_args(Warmth), key="warmth", bind="query-params", width=140)
    found = {}
    for label in ("Mode", "Category", "Region"):
        options = [str(o) for o in sorted(frame[label.lower()].dropna().unique())]
        found[label.lower()] = pick(label, options) if len(options) > 1 else None
    return Slice(warmth or "any", **found)


def performance(window: Window, wanted: Slice) -> None:
    """The table, what failed, and what a new connection costs."""
    summaries = windows.summaries(window, wanted)
    if not summaries:
        st.caption("Nothing was measured in this window with these filters; choose a longer one.")
        return
    st.caption("Below each value: its 95 % interval where it has one, and n, the attempts, images or hours behind it.")
    shown = tables.summary_table(summaries, tables.LATELY)
    st.table(shown, border="horizontal", hide_index=True, alt="Figures by endpoint over the window")
    downloads.download(pd.DataFrame(flat_rows(summaries)), "providers", "providers")
    colours = fmt.colours(data.endpoints())
    left, right = st.columns(2, gap="large")
    with left:
        log = charts.logarithmic(wanted.of(windows.outcomes(window)))
        parts.show(charts.time_to_image(summaries, colours, log=log), "lately-time")
        parts.show(charts.failures(summaries), "lately-failures")
    with right:
        parts.show(charts.success_rate(summaries, colours), "lately-success")
        sides = [windows.summaries(window, Slice(w, wanted.region, wanted.mode, wanted.category))
                 for w in ("cold", "warm")]  # fmt: skip
        parts.show(trend_charts.cold_and_warm(*sides), "lately-cold")


def over_time(window: Window, wanted: Slice) -> None:
    """One figure by hours or days."""
    title = st.selectbox("Figure", list(OVER_TIME), index=list(OVER_TIME).index(HEADLINE), key="figure",
                         bind="query-params", width=240)  # fmt: skip
    metric = OVER_TIME[title or HEADLINE]
    found = windows.trend(window, wanted, metric)
    names = [t.endpoint for t in found]
    some = st.multiselect("Endpoints", names, default=names[:SHOWN_AT_FIRST], key="endpoints", bind="query-params")
    found = [t for t in found if t.endpoint in some]
    parts.show(trend_charts.over_time(found, metric, fmt.colours(data.endpoints()), windows.step(window)), "trend")
    downloads.download(pd.DataFrame(trends.flat_rows(found, metric)), "trend", "trend")


def prices(*, simulated: bool) -> None:
    """The price book with its dates and sources."""
    catalog = Catalog(Settings().config_dir)
    rows = providers.price_rows(catalog, providers.shown(catalog, simulated=simulated), datetime.now(UTC).date())
    st.caption("What providers ask today (UTC), from when on, by which source, and how sure that is.")
    frame = pd.DataFrame(rows)
    st.dataframe(frame, hide_index=True, height="content")
    downloads.download(frame, "prices", "prices")


def parameters(*, simulated: bool) -> None:
    """How each field of a request is told to each endpoint."""
    catalog = Catalog(Settings().config_dir)
    frame = pd.DataFrame(providers.support_rows(catalog, providers.shown(catalog, simulated=simulated)))
    st.caption(
        "Passthrough, renamed, converted: told to the provider. Emulated: met without being sent. Unsupported: cannot "
        "be told; reported with every outcome, never dropped."
    )
    st.dataframe(frame, hide_index=True, height="content")
    downloads.download(frame, "parameters", "parameters")
    one = st.selectbox("Endpoint", frame["endpoint"].tolist(), key="endpoint", bind="query-params", width=360)
    if one:
        st.dataframe(pd.DataFrame(providers.notes_of(catalog, one)), hide_index=True, height="content")


def measured(view: str) -> None:
    """A view over what was measured."""
    if not data.available():
        parts.choose_run()
    with st.container(horizontal=True):
        length = st.selectbox("Window", windows.LENGTHS, index=windows.LENGTHS.index(windows.AT_FIRST), key="window",
                              bind="query-params", width=120)  # fmt: skip
        window = windows.window(length)
        frame = windows.outcomes(window)
        wanted = chosen_slice(frame)
    if len(frame) and frame["simulated"].all():
        st.badge("SIMULATED", icon=":material/science:", color="orange", help=parts.SIMULATED_HELP)
    attempts = int((frame["phase"] == "measure").sum())
    st.caption(fmt.markdown(f"{window.text} · {fmt.count(attempts, 'attempt')} without warm-up · every run made to "
                            "measure, by when its requests were sent"))  # fmt: skip
    match view:
        case "Over time":
            over_time(window, wanted)
        case "Distribution":
            cut = wanted.of(frame)
            parts.show(trend_charts.distribution(cut, fmt.colours(data.endpoints())), "distribution")
        case _:
            performance(window, wanted)


with guarded():
    st.title("Providers")
    view = st.segmented_control("View", VIEWS, default=VIEWS[0], key="view", bind="query-params", required=True)
    if view in {"Prices", "Parameters"}:
        simulated = st.toggle("Simulated endpoints", key="simulated", bind="query-params")
        (prices if view == "Prices" else parameters)(simulated=simulated)
    else:
        measured(view)
