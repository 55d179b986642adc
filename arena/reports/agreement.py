"""How far each metric goes with people's votes, by category, with intervals. It says what a metric is good for; it
ranks nobody (decision 24)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from arena.metrics.preference import preference
from arena.reports.scores import figure_json, instrument_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from arena.domain.score import Instrument
    from arena.metrics.preference import Preference

ALL = "all"


@dataclass(frozen=True, slots=True)
class Agreement:
    """One instrument against the votes of one category, or of all. Simulated and real images are two of these."""

    instrument: Instrument
    simulated: bool
    category: str
    found: Preference


def agreements(rows: pd.DataFrame, instruments: Mapping[int, Instrument]) -> list[Agreement]:
    """All instruments, first over all categories and then by category; rows as of `arena.store.scores.voted_scores`.

    A metric that has no better side goes by its higher value: what people prefer about it is what is asked.
    """
    found = []
    groups: Any = rows.groupby(["instrument", "simulated"], sort=True)
    for (number, simulated), mine in groups:
        instrument = instruments[int(number)]
        turn = -1.0 if instrument.better == "lower" else 1.0
        for category, votes in [(ALL, mine), *mine.groupby("category", sort=True)]:
            differences = turn * (votes["left"].astype(float) - votes["right"].astype(float))
            summary = preference(votes["verdict"].tolist(), differences.tolist(), votes["prompt"].tolist())
            found.append(Agreement(instrument, bool(simulated), str(category), summary))
    return sorted(found, key=_place)


def _place(one: Agreement) -> tuple[object, ...]:
    return one.instrument.title, one.instrument.model, one.simulated, one.category != ALL, one.category


def as_json(found: Sequence[Agreement]) -> list[dict[str, Any]]:
    """The same for machines."""
    return [
        {
            **instrument_json(a.instrument),
            "simulated": a.simulated,
            "category": a.category,
            "votes": a.found.votes,
            "prompts": a.found.prompts,
            "decided": a.found.decided,
            "agreement": figure_json(a.found.agreement),
            "gamma": figure_json(a.found.gamma),
            "tau_b": figure_json(a.found.tau_b),
        }
        for a in found
    ]
