"""`arena capacity`: the highest rate at which an endpoint holds an objective, and latency against load."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness.cli import console
from harness.cli.console import Json, Yes, say
from harness.keys import KEYS

if TYPE_CHECKING:
    from rich.console import Console

    from arena.metrics.objective import Objective
    from arena.reports.capacity import Capacity, LoadStep
    from arena.settings import Settings
    from arena.store.engine import Database
    from harness.capacity import Bounds, Course, Search, Step
    from harness.capacity_steps import Steps
    from harness.cli.firing import Purse
    from harness.plan import Prepared

EXIT_BUDGET, EXIT_INTERRUPTED = 3, 130


def capacity(
    endpoint: Annotated[str, typer.Argument(help="An endpoint id; `arena endpoints ls` lists them.")],
    *,
    slo: Annotated[
        str, typer.Option("--slo", help="What is to hold, such as `p95<2s,success>0.99`; p50, p90, p95, p99, success.")
    ],
    budget_usd: Annotated[float | None, typer.Option("--budget-usd", min=0, help="Never spend more.")] = None,
    start_rate: Annotated[float, typer.Option("--start-rate", min=0.01, help="The first rate, requests/s.")] = 0.5,
    max_rate: Annotated[float, typer.Option("--max-rate", min=0.01, help="The highest rate to try, requests/s.")] = 16,
    seconds_per_step: Annotated[
        float, typer.Option("--seconds-per-step", min=1, help="How long a step is at least; more if it must be.")
    ] = 30,
    repeats: Annotated[int, typer.Option("--repeats", min=1, help="How often the answer must hold.")] = 2,
    precision: Annotated[
        float, typer.Option("--precision", min=0.02, max=1, help="How far apart what holds and what does not may be.")
    ] = 0.1,
    size: Annotated[str, typer.Option("--size", help="WIDTHxHEIGHT in pixels.")] = "1024x1024",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what it would cost; fire nothing.")] = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Find the highest rate that holds an objective, at random arrivals, latencies counted from the due instant."""
    from arena.metrics.objective import parse_objective
    from arena.store.engine import open_database
    from harness.capacity import Bounds, Search

    objective = parse_objective(slo)
    bounds = Bounds(start_rate, max_rate, seconds_per_step, precision, repeats)
    steps = _steps(endpoint, objective, size)
    purse = _agreed(steps, bounds, budget_usd, dry_run=dry_run, yes=yes, as_json=as_json)
    settings = console.settings()
    settings.require_writable()
    database = open_database(settings, create=True)
    say(f"the steps are runs of the plan {steps.name}; `arena runs capacity {steps.name}` shows them again")
    found: list[LoadStep] = []
    try:
        ended = _search(database, settings, steps, Search(objective, bounds), purse, found)
    except KeyboardInterrupt:  # between two steps; within one, it ends in order
        ended = EXIT_INTERRUPTED
    from arena.reports.capacity import capacity as capacity_of

    spent_usd = None if purse.limit_usd is None else purse.spent_usd
    _show(capacity_of(steps.endpoint.id, objective, found), repeats, spent_usd, steps.name, as_json=as_json)
    raise typer.Exit(ended)


def _steps(endpoint: str, objective: Objective, size: str) -> Steps:
    from arena.errors import ConfigError
    from harness.capacity_steps import Steps, new_name
    from harness.session import today

    catalog = console.catalog()
    chosen, *more = catalog.select_endpoints([endpoint], "capacity")
    if more:
        raise ConfigError(f"{endpoint} stands for {len(more) + 1} endpoints; name one, such as {chosen.id}")
    return Steps(catalog, chosen, objective, size, new_name(), today())


def _agreed(
    steps: Steps, bounds: Bounds, budget_usd: float | None, *, dry_run: bool, yes: bool, as_json: bool
) -> Purse:
    """What may be spent, once it was shown and agreed to; refused before anything is fired if it cannot do."""
    from arena.errors import ConfigError
    from arena.units import MOST_USD
    from harness.capacity import Search, longest_course
    from harness.capacity_steps import check_first
    from harness.cli.firing import Purse
    from harness.plan import check_keys

    if budget_usd is not None and not budget_usd <= MOST_USD:
        raise ConfigError(f"--budget-usd {budget_usd:g} is no amount that can be kept to; name dollars, such as 5")
    search = Search(steps.objective, bounds)
    step = search.next()
    if step is None:
        raise ConfigError("--max-rate allows no rate at all; name requests per second, such as --max-rate 8")
    first, longest = steps.prepared(step, 1), longest_course(steps.objective, bounds)
    ceiling_usd = _worst_usd(first, longest)
    given = None if budget_usd is None else Decimal(str(budget_usd))
    if given is not None:
        check_first(first, given)
    screen = console.out() if dry_run else console.err()
    if as_json and dry_run:
        console.print_json(_estimate_json(steps, step, first, longest, ceiling_usd))
    else:
        _print_estimate(screen, steps, step, first, longest, ceiling_usd)
    if dry_run:
        raise typer.Exit(0)
    check_keys(first, KEYS)
    # Without a budget, what was shown and agreed to is one.
    purse = Purse(ceiling_usd if given is None else given)
    console.confirm("Fire?", yes=yes)
    return purse


def _worst_usd(first: Prepared, course: Course) -> Decimal | None:
    from harness.capacity_steps import WARMUP

    one_usd = max((first.worst_case_usd(t) or Decimal(0) for t in first.trials), default=Decimal(0))
    priced = all(target.card is not None for target in first.targets.values())
    return one_usd * (course.requests + course.steps * WARMUP) if priced else None


def _estimate_json(
    steps: Steps, step: Step, first: Prepared, longest: Course, ceiling_usd: Decimal | None
) -> dict[str, Any]:
    return {
        "endpoint": steps.endpoint.id,
        "objective": str(steps.objective),
        "first_step_requests": step.requests,
        "first_step_usd": None if ceiling_usd is None else float(_step_usd(first)),
        "most_steps": longest.steps,
        "most_requests": longest.requests,
        "most_seconds": longest.seconds,
        "most_usd": None if ceiling_usd is None else float(ceiling_usd),
    }


def _print_estimate(
    screen: Console, steps: Steps, step: Step, first: Prepared, longest: Course, ceiling_usd: Decimal | None
) -> None:
    from arena.units import format_duration_s, format_usd

    simulated = " (simulated)" if steps.endpoint.simulated else ""
    unknown = "; its price is not known" if ceiling_usd is None else ""
    screen.print(f"capacity of {steps.endpoint.id}{simulated} under {steps.objective}{unknown}")
    for note in first.notes:
        screen.print(f"note: {note}")
    screen.print(
        f"first step: {step.requests} requests at {step.rate_per_s:g}/s, about {format_duration_s(step.seconds)}, "
        f"at most {format_usd(None if ceiling_usd is None else _step_usd(first))}; no step has fewer than "
        f"{steps.objective.smallest_n}, as fewer could not tell"
    )
    screen.print(
        f"the whole search: at most {longest.steps} steps, {longest.requests} requests, "
        f"{format_duration_s(longest.seconds)} of firing, {format_usd(ceiling_usd)}, if every step had to be lengthened"
    )


def _search(
    database: Database, settings: Settings, steps: Steps, search: Search, purse: Purse, found: list[LoadStep]
) -> int:
    """Fire step after step and add each to `found`; returns the exit code that says why no more came."""
    from arena.domain.run import RunStatus
    from harness.capacity_steps import observed
    from harness.cli.firing import fire_one, last_failure, measured_rows

    while (step := search.next()) is not None:
        prepared = steps.prepared(step, len(found) + 1)
        if not purse.pays(_step_usd(prepared)):
            say("the budget does not pay for the next step; the search stops here")
            return EXIT_BUDGET
        again = f", repeat {step.repeat}" if step.repeat > 1 else ", lengthened" if step.part else ""
        say(f"step {len(found) + 1}: {step.requests} requests at {step.rate_per_s:g}/s{again}")
        run_id, status = fire_one(database, settings, prepared, purse)
        rows = measured_rows(database, run_id)
        done, trusted = observed(search.objective, step, run_id, rows)
        found.append(done)
        if status is not RunStatus.FINISHED:
            say(f"stopped in the middle of a step ({status}); what came back is stored and shown")
            return EXIT_BUDGET if status is RunStatus.BUDGET else EXIT_INTERRUPTED
        sample = done.sample
        if sample.n == 0:
            say(f"no request counts: {last_failure(rows)}; the search stops here")
            return 0
        say(f"  {search.record(step, sample, trusted=trusted)}{'' if trusted else ': this machine fired too late'}")
    return 0


def _step_usd(prepared: Prepared) -> Decimal:
    from harness.plan import estimate

    return estimate(prepared).worst_case_usd


def again(
    run: Annotated[str, typer.Argument(help="A run of a capacity search, or the name of its plan.")] = "last",
    *,
    as_json: Json = False,
) -> None:
    """Show what a capacity search found, from its stored runs. Fires nothing."""
    from arena.reports.families import capacity_of_plan
    from arena.store.engine import open_database
    from harness.cli.firing import plan_name

    with open_database(console.settings()).read() as connection:
        name = plan_name(connection, run)
        found = capacity_of_plan(connection, name)
    _show(found, None, None, name, as_json=as_json)


def _show(found: Capacity, wanted: int | None, spent_usd: Decimal | None, name: str, *, as_json: bool) -> None:
    from arena.reports.capacity import as_json as capacity_json
    from harness.cli.capacity_view import print_capacity

    if as_json:
        spent = {} if spent_usd is None else {"spent_at_most_usd": float(spent_usd)}
        console.print_json({"plan": name, **capacity_json(found), **spent})
        return
    print_capacity(console.out(), found, wanted, spent_usd)
