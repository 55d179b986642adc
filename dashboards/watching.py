"""Incidents as the pages show them, read through a bounded cache."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import streamlit as st

from arena.catalog import parse, read_toml
from arena.domain.watch import Incident, Rules, Watchable
from arena.reports import watch
from arena.settings import Settings
from arena.units import format_ms, format_usd
from dashboards import data
from dashboards import format as fmt

if TYPE_CHECKING:
    from arena.reports.watch import Report

FRESH_S = 120
TITLE = {
    Watchable.P50: "Time to image p50",
    Watchable.P95: "Time to image p95",
    Watchable.SUCCESS: "Success",
    Watchable.PRICE: "Price per image",
    Watchable.QUALITY: "Quality",
}


def report() -> Report:
    """All incidents as of now, by the rules of watch.toml where there is one."""
    return _report(data.source(), rules())


def rules() -> Rules:
    """What watch.toml says of what is watched; whom it tells is no matter of the app's."""
    directory = Settings().config_dir
    path = None if directory is None else directory / "watch.toml"
    if path is None or not path.is_file():
        return Rules()
    return parse(Rules, {k: v for k, v in read_toml(path).items() if k != "channel"}, str(path))


@st.cache_resource(ttl=FRESH_S, max_entries=4, show_spinner=False)
def _report(source: str, wanted: Rules) -> Report:
    with data.database().read() as connection:
        return watch.report(connection, datetime.now(UTC), wanted)


def coverage(found: Report) -> str:
    """What is watched, so that silence is not taken for more than it is."""
    states = Counter(s.state for s in found.series)
    if not states:
        return "Nothing is watched yet: no run of the last months counts."
    told = ", ".join(f"{states[name]} {name}" for name in ("quiet", "changed", "learning"))
    return f"{fmt.count(sum(states.values()), 'figure')} watched: {told}"


def row(incident: Incident) -> dict[str, str]:
    """One line of the table."""
    return {
        "Endpoint": fmt.markdown(_endpoint(incident)),
        "Figure": " by ".join(filter(None, (TITLE[incident.figure], incident.by))),
        "Change": fmt.markdown(change(incident)),
        "Before": fmt.markdown(_value(incident, incident.before)),
        "Since then": fmt.markdown(_value(incident, incident.now)),
        "n": f"{incident.n:,}",
        "Since (UTC)": fmt.markdown(_since(incident)),
        "Noticed": str(incident.noticed),
        "State": "open" if incident.open else f"{incident.ending}, {incident.until}",
    }


def label(incident: Incident) -> str:
    """How an incident is chosen."""
    return f"{_endpoint(incident)}, {TITLE[incident.figure]} since {incident.since}"


def change(incident: Incident) -> str:
    """`+14.2 % (+11.0 to +17.5), worse`."""
    if incident.change is None:
        return incident.direction.value
    quality = incident.figure is Watchable.QUALITY
    unit = "" if quality else " points" if incident.figure is Watchable.SUCCESS else " %"
    scale, form = (1.0, "+.2f") if quality else (100.0, "+.1f")
    interval = ""
    if incident.change_low is not None and incident.change_high is not None:
        interval = f" ({incident.change_low * scale:{form}} to {incident.change_high * scale:{form}})"
    return f"{incident.change * scale:{form}}{unit}{interval}, {incident.direction}"


def _endpoint(incident: Incident) -> str:
    return f"{incident.endpoint} (simulated)" if incident.simulated else incident.endpoint


def _since(incident: Incident) -> str:
    if incident.earliest == incident.latest:
        return str(incident.since)
    return f"{incident.since} ({incident.earliest} to {incident.latest})"


def _value(incident: Incident, number: float | None) -> str:
    if number is None:
        return fmt.DASH
    match incident.unit:
        case "ms":
            return format_ms(number)
        case "usd":
            return format_usd(number)
        case _:
            return f"{number * 100:.1f} %"
