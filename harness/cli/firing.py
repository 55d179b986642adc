"""Runs that a command fires one after the other on its own account: executed and stored, without a summary of each."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from arena.domain.run import Run, RunStatus
    from arena.settings import Settings
    from arena.store.engine import Connection, Database
    from harness.plan import Prepared

NANO = Decimal("1e-9")


class Purse:
    """What a row of runs may cost together; None: nothing is refused."""

    def __init__(self, limit_usd: Decimal | None) -> None:
        self.limit_usd, self.spent_usd = limit_usd, Decimal(0)

    @property
    def left_usd(self) -> Decimal | None:
        """What may still be spent."""
        return None if self.limit_usd is None else max(Decimal(0), self.limit_usd - self.spent_usd)

    def pays(self, amount_usd: Decimal) -> bool:
        """Whether this much is left."""
        return self.left_usd is None or amount_usd <= self.left_usd

    def take(self, spent_usd: float) -> None:
        """Count what a run has come to, as its own budget counted it."""
        self.spent_usd += Decimal(spent_usd).quantize(NANO)


def fire_one(database: Database, settings: Settings, prepared: Prepared, purse: Purse) -> tuple[str, RunStatus]:
    """Make a run of what is prepared, execute it with a live view, and store it; its id, and how it ended.

    An error of ours ends the command with one sentence and exit code 4; what was finished is stored.
    """
    from arena.domain.run import RunStatus
    from harness.cli.run import execute_live
    from harness.progress import Progress
    from harness.session import create

    session = create(database, prepared, settings, purse.left_usd)
    progress = Progress(s.trial.endpoint_id for s in session.trials)
    incomplete = f"run {session.run.id} is incomplete; what was finished is stored"
    try:
        return session.run.id, execute_live(database, settings, session, progress, incomplete=incomplete)
    except KeyboardInterrupt:
        return session.run.id, RunStatus.INTERRUPTED
    finally:
        purse.take(progress.spent_usd)


def measured_rows(database: Database, run_id: str) -> pd.DataFrame:
    """The outcome rows of a run."""
    from arena.store.queries import outcomes

    with database.read() as connection:
        return outcomes(connection, run_id)


def last_failure(progress_rows: pd.DataFrame) -> str:
    """What the last failed attempt of some rows came to, in its own words; empty where none failed."""
    failed = progress_rows.dropna(subset=["failure_kind"])
    if failed.empty:
        return ""
    last = failed.iloc[-1]
    return f"{last['failure_kind']}: {last['failure_message']}"


def plan_name(connection: Connection, name: str) -> str:
    """The name of a plan that was run, from itself or from one of its runs; UnknownNameError if there is neither."""
    from arena.store.runs import get_run, runs_of_plan

    if runs_of_plan(connection, name):
        return name
    return get_run(connection, name).plan.name


def family(database: Database, name: str) -> list[tuple[Run, pd.DataFrame]]:
    """All runs of the plan of this name, oldest first, each with its outcome rows."""
    from arena.reports.families import family as runs_with_rows

    with database.read() as connection:
        return runs_with_rows(connection, name)
