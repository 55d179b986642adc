"""`arena runs`: what was measured."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import console
from harness.cli.console import Json, out, print_json
from harness.keys import KEYS

if TYPE_CHECKING:
    from arena.domain.run import Run
    from arena.store.engine import Database

cli = typer.Typer(name="runs", help="List runs and show their figures.", no_args_is_help=True)


@cli.command()
def ls(
    *,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most this many, newest first.")] = 50,
    as_json: Json = False,
) -> None:
    """List runs, newest first."""
    from arena.store.engine import open_database
    from arena.store.queries import run_overview

    with open_database(console.settings()).read() as connection:
        frame = run_overview(connection, limit)
    if as_json:
        from arena.reports.export import json_records

        print_json(json_records(frame))
        return
    from rich.table import Table

    from arena.units import format_usd

    table = Table(pad_edge=False, header_style="bold")
    for name in (
        "run",
        "plan",
        "status",
        "created (UTC)",
        "trials",
        "attempts",
        "succeeded",
        "unknown",
        "cost",
    ):
        table.add_column(
            name,
            justify="right" if name in {"trials", "attempts", "succeeded", "unknown", "cost"} else "left",
        )
    for row in frame.astype(object).where(frame.notna(), None).to_dict(orient="records"):
        plan = f"{row['plan']} (simulated)" if row["simulated"] else row["plan"]
        created = f"{row['created_at']:%Y-%m-%d %H:%M}"
        counts = [str(row[name]) for name in ("trials", "attempts", "succeeded", "unknown")]
        table.add_row(row["run_id"], plan, row["status"], created, *counts, format_usd(row["cost_usd"]))
    out().print(table)


@cli.command()
def show(
    run: Annotated[str, typer.Argument(help="A run id, the beginning or end of one, or `last`.")],
    *,
    trial: Annotated[int | None, typer.Option("--trial", min=0, help="One trial, down to its HTTP calls.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every figure, p90 and p99 too.")] = False,
    as_json: Json = False,
) -> None:
    """Show a run's figures by endpoint, or one trial with every call that it made."""
    from arena.store.engine import open_database
    from arena.store.runs import get_run

    database = open_database(console.settings())
    with database.read() as connection:
        run_id = get_run(connection, run).id
    if trial is not None:
        _print_trial(database, run_id, trial, as_json=as_json)
        return
    print_run(database, run_id, as_json=as_json, everything=everything)


@cli.command()
def lookup(
    run: Annotated[str, typer.Argument(help="A run id, the beginning or end of one, or `last`.")] = "last",
) -> None:
    """Ask the providers again for what they know of a run's jobs: queue and compute times, charges. Fires nothing."""

    import anyio

    from arena.store.engine import open_database
    from arena.store.recorder import Recorder
    from arena.store.runs import get_run
    from harness.session import look_up_run, recall

    database = open_database(console.settings())
    with database.read() as connection:
        run_id = get_run(connection, run).id
        prepared = recall(connection, console.catalog(), run_id)

    async def ask() -> int:
        with Recorder(database) as recorder:
            return await look_up_run(database, recorder, run_id, prepared, KEYS)

    console.say(f"run {run_id}: providers said more of {anyio.run(ask)} attempts")


def print_run(database: Database, run_id: str, *, as_json: bool, everything: bool = False) -> None:
    """A run's summary on stdout; `everything`: with the figures that are details."""
    from arena.reports import fitness, run_facts, stopping, summary
    from arena.store.queries import outcomes
    from arena.store.runs import get_run

    with database.read() as connection:
        run = get_run(connection, run_id)
        rows = outcomes(connection, run_id)
        stopped = stopping.stopping(connection, run, rows)
    summaries = summary.summarize(rows)
    if as_json:
        of_run = run_facts.as_json(run) | {
            "stop": stopping.as_json(run, stopped),
            "fitness": fitness.as_json(run, summaries),
        }
        print_json({"run": of_run, "endpoints": summary.as_json(summaries)})
        return
    from rich.text import Text

    from harness.cli.tables import print_phases, print_summary, print_verdicts

    screen = out()
    if not summaries:
        screen.print(f"run {run_id} has no measured outcome yet; next: arena run --resume {run_id}")
        return
    unfit = fitness.headline(run, summaries)
    if unfit is not None:
        screen.print(Text(unfit, style="bold red"))
    print_summary(screen, summaries, _title(run), everything=everything)
    print_phases(screen, summaries)
    print_verdicts(screen, summary.verdicts(summaries))
    for sentence in stopping.sentences(run, stopped):
        screen.print(sentence)


def _title(run: Run) -> str:
    simulated = " · SIMULATED" if run.simulated else ""
    silent = ", but silent: its process has died" if run.silent(datetime.now(UTC)) else ""
    return f"run {run.id} · plan {run.plan.name} · {run.status}{silent}{simulated} · 95 % intervals in brackets"


def _print_trial(database: Database, run_id: str, trial: int, *, as_json: bool) -> None:
    from arena.errors import ConfigError
    from arena.reports.export import json_records
    from arena.store.pruning import calls_pruned_at
    from arena.store.queries import calls, outcomes

    with database.read() as connection:
        rows = outcomes(connection, run_id)
        rows = rows[rows["trial"] == trial]
        made = calls(connection, run_id, trial)
        pruned = calls_pruned_at(connection, run_id)
    if rows.empty:
        raise ConfigError(f"run {run_id} has no attempt of trial {trial}; `arena runs show {run_id}` counts them")
    attempts, exchanges = json_records(rows), json_records(made)
    if as_json:
        pruned_at = None if pruned is None else pruned.isoformat()
        print_json({"attempts": attempts, "calls": exchanges, "calls_pruned_at": pruned_at})
        return
    screen = out()
    for attempt in attempts:
        for name, value in attempt.items():
            if value is not None:
                screen.print(f"{name:>28}  {value}")
    if pruned is not None:
        screen.print(f"the records of its calls were pruned on {pruned:%Y-%m-%d}")
        return
    from harness.cli.trial_view import call_table

    screen.print(call_table(exchanges))
