"""Incidents as the pages show them, read through a bounded cache."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import streamlit as st

from arena.catalog import parse, read_toml
from arena.domain.watch import Incident, Rules
from arena.reports import watch
from arena.reports import watch_wording as wording
from arena.settings import Settings
from dashboards import data
from dashboards import format as fmt

if TYPE_CHECKING:
    from arena.reports.watch import Report

FRESH_S = 120


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


def row(incident: Incident) -> dict[str, str]:
    """One line of the table."""
    return {
        "Endpoint": wording.endpoint(incident),
        "Figure": fmt.capitalized(wording.figure(incident)),
        "Change (95 %)": wording.change(incident),
        "Before": wording.value(incident, incident.before),
        "Since then": wording.value(incident, incident.now),
        "n": f"{incident.n:,}",
        "Since (UTC)": wording.since(incident),
        "Noticed": str(incident.noticed),
        "State": wording.state(incident),
    }


def label(incident: Incident) -> str:
    """How an incident is chosen."""
    return f"{wording.endpoint(incident)}, {wording.figure(incident)} since {incident.since}"
