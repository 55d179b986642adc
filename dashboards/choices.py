"""The best within limits, as the app shows it: three limits, the answer, what each limit costs, and every candidate."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from arena.reports.limits import TITLES, Limits, shortfall, text
from arena.reports.recommend import recommend
from arena.reports.wording import chance_text
from arena.units import format_usd
from dashboards import format as fmt

if TYPE_CHECKING:
    from arena.metrics.base import Figure
    from arena.reports.limits import LimitName
    from arena.reports.recommend import Held, Recommendation
    from arena.reports.tradeoffs import Tradeoffs


def section(found: Tradeoffs, about: str) -> None:
    """Limits, kept in the address, and what follows from them."""
    st.markdown("### Best within limits")
    st.caption(
        fmt.markdown(
            "The highest rated of those whose figures keep every limit. Where an interval reaches across a limit, the "
            f"figure decides, and that is said. {about}."
        )
    )
    chosen = recommend(found, limits())
    st.markdown(f"**{fmt.markdown(fmt.capitalized(chosen.sentence))}.**")
    for check in chosen.choice.doubts if chosen.choice else ():
        st.caption(f":material/help: {fmt.markdown(fmt.capitalized(check.sentence))}")
    if chosen.shadows:
        st.markdown("\n".join(f"- {fmt.markdown(fmt.capitalized(shadow.sentence))}" for shadow in chosen.shadows))
    if chosen.held:
        alt = "Every candidate with the figures that limits are about, and whether it keeps them"
        st.table(table(chosen), border="horizontal", hide_index=True, alt=alt)


def limits() -> Limits:
    """What the three fields ask; an empty one asks nothing."""
    with st.container(horizontal=True):
        p95 = st.number_input(
            "p95 at most, ms", min_value=1.0, value=None, step=500.0, format="%.0f", key="p95", bind="query-params",
            placeholder="no limit", width=180,
        )  # fmt: skip
        usd = st.number_input(
            "$ per 1,000 at most", min_value=0.01, value=None, step=1.0, format="%.2f", key="usd", bind="query-params",
            placeholder="no limit", width=180,
        )  # fmt: skip
        success = st.number_input(
            "Success at least, %", min_value=0.1, max_value=100.0, value=None, step=0.5, format="%.1f", key="success",
            bind="query-params", placeholder="no limit", width=180,
        )  # fmt: skip
    return Limits(p95, usd, None if success is None else success / 100)


def table(chosen: Recommendation) -> pd.DataFrame:
    """One row a candidate, best rated first; those that miss a limit are grey."""
    return pd.DataFrame([_cells(held) for held in chosen.held])


def _cells(held: Held) -> dict[str, str]:
    c = held.candidate
    missed = shortfall(held.checks)
    open_ = [TITLES[check.limit] for check in held.doubts]
    said = [missed] if missed else ["keeps all"] if held.checks else []
    said += [f"open: {', '.join(open_)}"] if open_ else []
    ends = [fmt.DASH if end is None else f"{end:.0f}" for end in (c.rating.low, c.rating.high)]
    cells = {
        "Endpoint": c.endpoint,
        "Elo": f"{c.elo:.0f} [{ends[0]}, {ends[1]}]",
        "p95": _figure("p95", c.p95_ms),
        "$ per 1,000": f"{format_usd(c.usd_per_1000.value)}, n {c.usd_per_1000.n}",
        "Success": _figure("success", c.success),
        "Probability of being best": fmt.DASH if held.probability_best is None else chance_text(held.probability_best),
        "Limits": "; ".join(said) or fmt.DASH,
    }
    written = {n: fmt.markdown(value if n == "Limits" else fmt.unbroken(value)) for n, value in cells.items()}
    return written if held.admitted else {name: f":gray[{value}]" for name, value in written.items()}


def _figure(name: LimitName, figure: Figure) -> str:
    """`1.83 s [1.71 s, 2.20 s], n 60`."""
    if figure.value is None:
        return f"{fmt.DASH} n {figure.n}"
    known = figure.low is not None and figure.high is not None
    interval = f" [{text(name, figure.low or 0.0)}, {text(name, figure.high or 0.0)}]" if known else ""
    return f"{text(name, figure.value)}{interval}, n {figure.n}"
