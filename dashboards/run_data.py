"""What the pages about runs show, read through bounded caches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from arena.reports import history as histories
from arena.reports import stopping
from arena.reports.comparable import differences, matching
from arena.reports.compare import Comparison
from arena.reports.compare import compare as compare_sides
from arena.reports.families import behaviours_of, capacity_of_plan
from arena.reports.progress import progress as progress_of
from arena.settings import Settings
from arena.store import runs
from dashboards import data

if TYPE_CHECKING:
    from arena.reports.behaviour import Behaviour
    from arena.reports.capacity import Capacity
    from arena.reports.history import RunLine
    from arena.reports.progress import RunProgress

RUNS_A_PAGE = 20


def pages() -> int:
    """How many pages the list of runs has."""
    with data.database().read() as connection:
        return max(1, -(-runs.count_runs(connection) // RUNS_A_PAGE))


def history(page: int) -> list[RunLine]:
    """A page of the list of runs, the first being 1; at most a moment old."""
    return _history(data.source(), page)


def progress(run_id: str) -> RunProgress:
    """How far a run has got, now."""
    with data.database().read() as connection:
        return progress_of(connection, runs.get_run(connection, run_id))


def stop_sentences(run_id: str) -> list[str]:
    """Whether a run's stop rule was met, and how far each endpoint had got; empty for a run without one."""
    return _stop_sentences(data.source(), run_id, data.version(run_id))


def capacity(run_id: str) -> Capacity:
    """What the search that a run is a step of has found."""
    return _capacity(data.source(), data.run(run_id).plan.name, data.choices()[0].id, data.version(run_id))


def behaviours(run_id: str) -> list[Behaviour]:
    """What the look at behaviour that a run belongs to says."""
    return _behaviours(data.source(), run_id, data.choices()[0].id, data.version(run_id))


def comparisons(a: str, b: str, named: tuple[str, str] | None, worth: float) -> list[Comparison]:
    """Two runs against each other, endpoint by endpoint, or two endpoints; ConfigError where that means nothing."""
    return _comparisons(data.source(), (a, b), (data.version(a), data.version(b)), named, worth)


@st.cache_resource(ttl=data.LIVE_S, max_entries=8, show_spinner=False)
def _history(source: str, page: int) -> list[RunLine]:
    with data.database().read() as connection:
        return histories.history(connection, RUNS_A_PAGE, (page - 1) * RUNS_A_PAGE)


@st.cache_data(ttl=data.SETTLED_S, max_entries=16, show_spinner=False)
def _stop_sentences(source: str, run_id: str, version: str) -> list[str]:
    run = data.run(run_id)
    if run.plan.stop is None:
        return []
    with data.database().read() as connection:
        return stopping.sentences(run, stopping.stopping(connection, run, data.outcomes(run_id)))


@st.cache_resource(ttl=data.SETTLED_S, max_entries=4, show_spinner=False)
def _capacity(source: str, plan_name: str, newest: str, version: str) -> Capacity:
    with data.database().read() as connection:
        return capacity_of_plan(connection, plan_name)


@st.cache_resource(ttl=data.SETTLED_S, max_entries=4, show_spinner="Looking at the images…")
def _behaviours(source: str, run_id: str, newest: str, version: str) -> list[Behaviour]:
    with data.database().read() as connection:
        return behaviours_of(connection, data.run(run_id), Settings().images_dir)


@st.cache_resource(ttl=data.SETTLED_S, max_entries=8, show_spinner=False)
def _comparisons(
    source: str, ids: tuple[str, str], versions: tuple[str, str], named: tuple[str, str] | None, worth: float
) -> list[Comparison]:
    both = data.run(ids[0]), data.run(ids[1])
    notes, frames = differences(*both), (data.outcomes(ids[0]), data.outcomes(ids[1]))
    return [
        compare_sides(frames[0][frames[0]["endpoint"] == x], frames[1][frames[1]["endpoint"] == y], worth, notes)
        for x, y in matching(both, frames, named)
    ]
