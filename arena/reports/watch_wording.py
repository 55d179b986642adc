"""An incident in words: the same in the terminal, in messages and in the app."""

from __future__ import annotations

from collections import Counter
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from arena.domain.watch import Incident, Watchable
from arena.units import format_ms, format_percent, format_usd

if TYPE_CHECKING:
    from collections.abc import Iterable

    from arena.reports.watch import Report

TITLE = {
    Watchable.P50: "time to image p50",
    Watchable.P95: "time to image p95",
    Watchable.SUCCESS: "success",
    Watchable.PRICE: "price per image",
    Watchable.QUALITY: "quality",
}


def endpoint(incident: Incident) -> str:
    """Its name, marked where it is simulated."""
    return f"{incident.endpoint} (simulated)" if incident.simulated else incident.endpoint


def figure(incident: Incident) -> str:
    """`time to image p50`, `quality by votes`."""
    return " by ".join(filter(None, (TITLE[incident.figure], incident.by)))


def change(incident: Incident) -> str:
    """`+14.2 % (+11.0 to +17.5), worse`."""
    if incident.change is None:
        return incident.direction.value
    scale, form, unit = _changes_in(incident.unit)
    interval = ""
    if incident.change_low is not None and incident.change_high is not None:
        interval = f" ({incident.change_low * scale:{form}} to {incident.change_high * scale:{form}})"
    return f"{incident.change * scale:{form}}{unit}{interval}, {incident.direction}"


def _changes_in(unit: str) -> tuple[float, str, str]:
    """By what to multiply a change of a figure in this unit, how to write it, and what comes behind it."""
    match unit:
        case "ms" | "usd":
            return 100.0, "+.1f", " %"
        case "ratio":
            return 100.0, "+.1f", " points"
        case "score":
            return 1.0, "+.2f", ""
        case _:
            return 1.0, "+.2f", f" {unit}"


def since(incident: Incident) -> str:
    """`2026-03-12 (2026-03-11 to 2026-03-13)`."""
    if incident.earliest == incident.latest:
        return str(incident.since)
    return f"{incident.since} ({incident.earliest} to {incident.latest})"


def value(incident: Incident, number: float | None) -> str:
    """A number of the incident's figure in its unit, or a dash."""
    if number is None:
        return "–"
    match incident.unit:
        case "ms":
            return format_ms(number)
        case "usd":
            return format_usd(number)
        case "ratio":
            return format_percent(number)
        case _:
            return f"{number:.2f} {incident.unit}"


def state(incident: Incident) -> str:
    """`open`, or how it ended and when."""
    return "open" if incident.until is None else f"{incident.ending}, {incident.until}"


def unmatched(found: Report, patterns: Iterable[str]) -> list[str]:
    """The patterns of `endpoints` that fit nothing that is watched: a misspelt name is silent for ever."""
    watched = {series.endpoint for series in found.series}
    return [p for p in patterns if p != "*" and not any(fnmatchcase(name, p) for name in watched)]


def coverage(found: Report) -> str:
    """What is watched, in a line: so that silence is not taken for more than it is."""
    states = Counter(s.state for s in found.series)
    if not states:
        return "nothing is watched yet: no run of the last months counts; `arena run PLAN` makes one"
    parts = [f"{states['quiet']} quiet", f"{states['changed']} changed", f"{states['learning']} still learning"]
    learning = " (a series needs 10 days of measurements, the latest 3 not counted)" if states["learning"] else ""
    figures = "1 figure" if sum(states.values()) == 1 else f"{sum(states.values())} figures"
    return f"{figures} watched: {', '.join(parts)}{learning}"
