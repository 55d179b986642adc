"""The runs of a database, newest first, each in one line: what it was, how it ended, and what speaks against it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from arena.domain.run import Run, RunStatus
from arena.reports.fitness import complaints
from arena.reports.summary import summarize
from arena.store import queries, runs

if TYPE_CHECKING:
    import pandas as pd

    from arena.reports.summary import EndpointSummary
    from arena.store.engine import Connection


@dataclass(frozen=True, slots=True)
class RunLine:
    """A run with its counts. `ended` says how it ended, `unfit` why it was not fit to measure, None if nothing says so.

    `success_rate` is images over attempts of which the end is known, whoever was to blame; the figures of the run tell
    that apart. `attempts` are all, those that are `in_flight` and those of an `unknown` end too.
    """

    run: Run
    trials: int
    attempts: int
    in_flight: int
    succeeded: int
    unknown: int
    cost_usd: float | None
    ended: str
    unfit: str | None

    @property
    def success_rate(self) -> float | None:
        """Images over attempts that are known to have ended."""
        ended = self.attempts - self.in_flight - self.unknown
        return self.succeeded / ended if ended > 0 else None


def history(connection: Connection, limit: int, offset: int = 0, *, now: datetime | None = None) -> list[RunLine]:
    """A page of the runs, newest first; reads only what these runs hold."""
    counted = queries.run_overview(connection, limit, offset)
    found = runs.runs_by_id(connection, counted["run_id"].astype(str).tolist())
    lines = (line(connection, found[str(row["run_id"])], row, now=now) for _, row in counted.iterrows())
    return list(lines)


def line(connection: Connection, run: Run, counted: pd.Series, *, now: datetime | None = None) -> RunLine:
    """One run's line from its row of `run_overview`."""
    trials, attempts = int(counted["trials"]), int(counted["attempts"])
    return RunLine(
        run=run,
        trials=trials,
        attempts=attempts,
        in_flight=int(counted["in_flight"]),
        succeeded=int(counted["succeeded"]),
        unknown=int(counted["unknown"]),
        cost_usd=None if counted.isna()["cost_usd"] else float(counted["cost_usd"]),
        ended=ended(run, trials, attempts, now or datetime.now(UTC)),
        unfit=unfit(connection, run),
    )


def ended(run: Run, trials: int, attempts: int, now: datetime) -> str:
    """How a run ended, in words."""
    if run.silent(now):
        return "cut off: its process has died"
    if run.status is RunStatus.FINISHED and run.plan.stop is not None and attempts < trials:
        return "stopped by its rule: as precise as its plan asks for"
    return {
        RunStatus.RUNNING: "running",
        RunStatus.FINISHED: "finished",
        RunStatus.INTERRUPTED: "interrupted by a person",
        RunStatus.BUDGET: "stopped by its budget",
        RunStatus.FAILED: "failed: an error of ours",
    }[run.status]


def unfit(connection: Connection, run: Run) -> str | None:
    """Why a run was not fit to measure, or None. Its outcomes are read only where something may speak against it."""
    if not complaints(run, ()):  # what no endpoint's latency could make bearable is least without any
        return None
    summaries: list[EndpointSummary] = summarize(queries.outcomes(connection, run.id))
    found = complaints(run, summaries)
    return "; ".join(found) if found else None
