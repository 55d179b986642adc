"""`arena run`: fire a plan, or finish a run that was cut short."""

from __future__ import annotations

import signal
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import console
from harness.cli.console import Json, Yes, say
from harness.cli.otel import export_if_wanted

if TYPE_CHECKING:
    from arena.catalog import Catalog
    from arena.domain.run import RunStatus
    from arena.settings import Settings
    from arena.store.engine import Database
    from harness.plan import Prepared
    from harness.progress import Progress
    from harness.runner import Runner
    from harness.session import Session

EXIT_BELOW, EXIT_BUDGET, EXIT_FAILED, EXIT_INTERRUPTED = 1, 3, 4, 130


def run(
    plan: Annotated[str | None, typer.Argument(help="A plan file, or the name of a shipped plan.")] = None,
    *,
    resume: Annotated[
        str | None, typer.Option("--resume", metavar="RUN", help="Finish a run; fires nothing twice.")
    ] = None,
    only: Annotated[list[str] | None, typer.Option("--only", metavar="ENDPOINT", help="These endpoints only.")] = None,
    repeat: Annotated[int | None, typer.Option("--repeat", min=1, help="Repetitions, instead of the plan's.")] = None,
    budget: Annotated[float | None, typer.Option("--budget", metavar="USD", min=0, help="Never spend more.")] = None,
    fail_under: Annotated[
        float | None,
        typer.Option("--fail-under", min=0, max=1, help="Exit 1 if a success rate is below this."),
    ] = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Fire a plan's prompts at its endpoints; measure, store and summarize."""
    from arena.errors import ConfigError
    from arena.store.engine import open_database
    from arena.units import MOST_USD

    if (plan is None) == (resume is None):
        raise ConfigError("give either a PLAN or --resume RUN; `arena plan check demo` shows what a plan is")
    settings, catalog = console.settings(), console.catalog()
    if resume is not None and (only or repeat):
        raise ConfigError("--resume finishes a run as it was planned; --only and --repeat are for new runs")
    if budget is not None and not budget <= MOST_USD:
        raise ConfigError(f"--budget {budget:g} is no amount that can be kept to; name dollars, such as --budget 5")
    budget_usd = None if budget is None else Decimal(str(budget))
    if resume is not None:
        settings.require_writable()
        database = open_database(settings)
        session = _resumed(database, catalog, resume, budget_usd, yes=yes)
    else:
        prepared = _prepared(plan or "", catalog, only or [], repeat)
        _agree(prepared, budget_usd, yes=yes)
        settings.require_writable()
        database = open_database(settings, create=True)
        session = _created(database, prepared, settings, budget_usd)
    status = fire(database, settings, session, as_json=as_json)
    check_watch(database, settings)
    raise typer.Exit(_exit_code(database, session, status, fail_under))


def check_watch(database: Database, settings: Settings) -> None:
    """After a run, where there is a watch.toml: look for incidents and tell of them. Never fails the run."""
    from harness.alerts.check import after_run

    after_run(settings, database, say)


def _prepared(name: str, catalog: Catalog, only: list[str], repeat: int | None) -> Prepared:
    from harness.plan import prepare
    from harness.session import today

    plan, where = catalog.plan(name)
    if repeat is not None:
        plan = plan.model_copy(update={"repetitions": repeat})
    return prepare(plan, where, catalog, today=today(), only=only)


def _agree(prepared: Prepared, budget_usd: Decimal | None, *, yes: bool) -> None:
    """Show what is about to happen and get consent; refuse what could not be carried out."""
    from arena.units import format_usd
    from harness.cli.plan import print_estimate
    from harness.keys import KEYS
    from harness.plan import check_budget, check_keys, estimate

    expected = estimate(prepared)
    if budget_usd is not None:
        check_budget(prepared, budget_usd)
    check_keys(prepared, KEYS)
    print_estimate(console.err(), prepared, expected)
    if budget_usd is not None and budget_usd < expected.worst_case_usd:
        say(f"the budget of {format_usd(budget_usd)} may not pay for all of it; the run stops before passing it")
    console.confirm("Fire?", yes=yes)


def _created(database: Database, prepared: Prepared, settings: Settings, budget_usd: Decimal | None) -> Session:
    from harness.session import create

    session = create(database, prepared, settings, budget_usd)
    say(f"run {session.run.id}")
    return session


def _resumed(database: Database, catalog: Catalog, run_id: str, budget_usd: Decimal | None, *, yes: bool) -> Session:
    from arena.errors import ConfigError
    from harness.keys import KEYS
    from harness.plan import check_keys, estimate
    from harness.session import release, resume

    session = resume(database, catalog, run_id, budget_usd)
    try:
        if not session.trials:
            raise ConfigError(f"run {session.run.id} has nothing left to fire; its process died after the last call")
        check_keys(session.prepared, KEYS)
        if session.became_unknown:
            say(
                f"{session.became_unknown} requests were in flight when the run was cut off; they stay unknown "
                "and are not fired again"
            )
        say(f"run {session.run.id}: {estimate(session.prepared).calls} calls are left")
        console.confirm("Fire them?", yes=yes)
    except BaseException:  # also a "no", and Ctrl-C at the question
        release(database, session)
        raise
    return session


def fire(database: Database, settings: Settings, session: Session, *, as_json: bool) -> RunStatus:
    """Execute a session with a live view on stderr, then print its summary on stdout."""
    from harness.cli.runs import print_run
    from harness.progress import Progress

    progress = Progress(s.trial.endpoint_id for s in session.trials)
    incomplete = f"the run is incomplete; what was finished is stored. Next: arena run --resume {session.run.id}"
    status = execute_live(database, settings, session, progress, incomplete=incomplete)
    print_run(database, session.run.id, as_json=as_json)
    return status


def execute_live(
    database: Database, settings: Settings, session: Session, progress: Progress, *, incomplete: str
) -> RunStatus:
    """Execute a session with a live view on stderr.

    An error of ours ends the command with one sentence, the sentence `incomplete`, and exit code 4.
    """
    import anyio

    from arena.errors import ArenaError
    from harness.cli.live import show

    async def main() -> RunStatus:
        async with anyio.create_task_group() as around:
            around.start_soon(show, progress)
            status = await executed(database, settings, session, progress)
            around.cancel_scope.cancel()
        return status

    try:
        status = anyio.run(main)
    except ExceptionGroup as group:
        ours, _ = group.split(ArenaError)
        if ours is None:
            raise
        say(f"arena: {innermost(ours)}")
        say(incomplete)
        raise typer.Exit(EXIT_FAILED) from None
    export_if_wanted(database, settings, session.run.id)
    return status


async def executed(database: Database, settings: Settings, session: Session, progress: Progress) -> RunStatus:
    """Execute; Ctrl-C once stops issuing and waits for what is open, twice lets go of that, too."""
    import anyio

    from harness.session import execute

    started: list[Runner] = []

    async def obey_signals() -> None:
        from arena.domain.run import RunStatus

        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            first = True
            async for _ in signals:
                if first:
                    say(
                        "stopping: nothing further is fired; waiting for what is in flight (Ctrl-C again lets go of it)"
                    )
                for runner in started:
                    (runner.stop if first else runner.abort)(RunStatus.INTERRUPTED)
                first = False

    async with anyio.create_task_group() as around:
        around.start_soon(obey_signals)
        status = await execute(database, settings, session, progress, on_start=started.append)
        around.cancel_scope.cancel()
    return status


def innermost(group: BaseException) -> BaseException:
    """The first error in a nest of groups."""
    while isinstance(group, BaseExceptionGroup):
        group = group.exceptions[0]
    return group


def _exit_code(database: Database, session: Session, status: RunStatus, fail_under: float | None) -> int:
    from arena.domain.run import RunStatus

    if status is RunStatus.BUDGET:
        say(f"the budget is used up; next: arena run --resume {session.run.id} --budget USD")
        return EXIT_BUDGET
    if status is RunStatus.INTERRUPTED:
        say(f"interrupted, everything that came back is stored; next: arena run --resume {session.run.id}")
        return EXIT_INTERRUPTED
    if fail_under is not None:
        from arena.reports.summary import summarize
        from arena.store.queries import outcomes

        with database.read() as connection:
            rates = {
                s.endpoint: s.figures["success_rate"].value for s in summarize(outcomes(connection, session.run.id))
            }
        below = sorted(e for e, rate in rates.items() if rate is None or rate < fail_under)
        if below:
            say(f"below --fail-under {fail_under:g}: {', '.join(below)}")
            return EXIT_BELOW
    return 0
