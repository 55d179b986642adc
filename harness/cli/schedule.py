"""`arena schedule`: plans that run by the calendar."""

from __future__ import annotations

import getpass
import itertools
import os
import shutil
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness.cli import console
from harness.cli.console import Json, out, print_json, say
from harness.cli.scheduling import obeying_signals, service, watch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from arena.catalog import Catalog
    from arena.settings import Settings
    from arena.store.engine import Database
    from harness.schedules.events import Event
    from harness.schedules.files import Entry
    from harness.schedules.service import Service

cli = typer.Typer(name="schedule", help="Run plans by the calendar.", no_args_is_help=True)

_THIRTY_DAYS = timedelta(days=30)
EXIT_UNUSABLE, EXIT_FAILED, EXIT_INTERRUPTED = 2, 4, 130
Names = Annotated[
    list[str] | None,
    typer.Argument(help="Schedule files, or names of known ones; without any, all.", metavar="SCHEDULE"),
]


@cli.command()
def ls(schedules: Names = None, *, as_json: Json = False) -> None:
    """List schedules: when they run, what they may spend and have spent this month, and how the last slot went."""
    from arena.store.schedules import month_spent_nano_usd, past_slots
    from harness.cli.schedule_view import schedule_json, schedule_table
    from harness.schedules.files import read
    from harness.schedules.past import next_due

    entries, now, rows = read(console.catalog(), schedules or ()), datetime.now(UTC), []
    database = _database_if_any()
    for entry in entries:
        spent, last = 0, None
        if database is not None:
            with database.read() as connection:
                month = entry.month(now)
                spent = month_spent_nano_usd(connection, entry.schedule.name, month)
                last = next(iter(past_slots(connection, [entry.schedule.name], 1)), None)
        rows.append(schedule_json(entry, next_due(entry, now), spent, last))
    if as_json:
        print_json(rows)
    elif rows:
        out().print(schedule_table(rows))
    else:
        typer.echo(_none_is_on([], None))
    if database is not None and not schedules:
        _say_without_file(database, entries)


@cli.command("next")
def coming(
    schedules: Names = None,
    *,
    count: Annotated[int, typer.Option("--count", "-n", min=1, max=1000, help="How many slots.")] = 10,
    as_json: Json = False,
) -> None:
    """Show the slots that come next, by the schedule's own clocks and in UTC."""
    from harness.cli.schedule_view import coming_table
    from harness.schedules.files import read

    entries, now = read(console.catalog(), schedules or ()), datetime.now(UTC)
    slots = [
        (slot, entry)
        for entry in entries
        if entry.schedule.enabled or schedules
        for slot in itertools.islice(entry.cron.after(now), count)
    ]
    rows = [
        {
            "slot": entry.local(slot).isoformat(),
            "schedule": entry.schedule.name,
            "plan": entry.schedule.plan,
            "timezone": entry.schedule.timezone,
            "due_at": entry.due_at(slot).isoformat(),
        }
        for slot, entry in sorted(slots, key=lambda s: (s[0], s[1].schedule.name))[:count]
    ]
    if as_json:
        print_json(rows)
    elif rows:
        out().print(coming_table(rows))
    else:
        typer.echo(_none_is_on([], None))


@cli.command()
def history(
    schedules: Annotated[list[str] | None, typer.Argument(help="Names of schedules.", metavar="SCHEDULE")] = None,
    *,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most this many, newest first.")] = 50,
    as_json: Json = False,
) -> None:
    """Show what became of past slots: run, missed and why, or cut short."""
    from arena.store.engine import open_database
    from arena.store.schedules import past_slots
    from harness.cli.schedule_view import slot_json, slot_table
    from harness.schedules.files import read

    entries = {entry.schedule.name: entry for entry in read(console.catalog())}
    with open_database(console.settings()).read() as connection:
        _refuse_unknown(connection, schedules or [], entries)
        slots = past_slots(connection, schedules or None, limit)
    rows = [slot_json(slot, entries.get(slot.schedule)) for slot in slots]
    if as_json:
        print_json(rows)
    elif rows:
        out().print(slot_table(rows))
    else:
        say("no slot has passed since a scheduler first looked; `arena schedule next` shows what comes")


@cli.command()
def check(schedules: Names = None, *, as_json: Json = False) -> None:
    """Check schedules with their plans, keys and budgets, and show what a month of them would come to at most."""
    from arena.units import format_usd
    from harness.plan import estimate
    from harness.schedules.files import read
    from harness.schedules.funds import usable

    catalog, now = console.catalog(), datetime.now(UTC)
    rows: list[dict[str, Any]] = []
    for entry in read(catalog, schedules or ()):
        if not entry.schedule.enabled and not schedules:
            continue
        expected = estimate(usable(entry, catalog, os.environ, now.date()))
        slots = sum(1 for _ in entry.cron.between(now, now + _THIRTY_DAYS))
        rows.append(
            {
                "schedule": entry.schedule.name,
                "calls_a_run": expected.calls,
                "worst_case_run_usd": None if expected.unpriced else float(expected.worst_case_usd),
                "slots_in_30_days": slots,
                "worst_case_30_days_usd": None if expected.unpriced else float(expected.worst_case_usd * slots),
                "longest_s": expected.longest_s,
            }
        )
    if as_json:
        print_json(rows)
        return
    if not rows:
        typer.echo(_none_is_on([], None))
    for row in rows:
        out().print(
            f"{row['schedule']}: {row['calls_a_run']} calls a run, at most {format_usd(row['worst_case_run_usd'])}; "
            f"{row['slots_in_30_days']} slots in the next 30 days, at most {format_usd(row['worst_case_30_days_usd'])} "
            "where no budget ends it before"
        )


@cli.command("run-due")
def run_due(schedules: Names = None, *, as_json: Json = False) -> None:
    """Run everything that is due, and end. Safe to call at any moment, from anywhere, as often as one likes."""
    import anyio

    from harness.clock import SystemClock
    from harness.schedules.files import read
    from harness.schedules.service import next_sentence

    settings, catalog = console.settings(), console.catalog()
    entries = read(catalog, schedules or ())
    if not any(e.schedule.enabled for e in entries) and not _database_if_any():
        typer.echo(_none_is_on(entries, schedules))
        return
    events: list[Event] = []

    def tell(event: Event) -> None:
        events.append(event)
        say(event.line())

    scheduler = service(_writable(settings), settings, catalog, entries, tell)
    anyio.run(obeying_signals, scheduler, scheduler.run_due)
    if as_json:
        print_json([_event_json(event) for event in events])
    elif not any(e.schedule.enabled for e in entries):
        typer.echo(_none_is_on(entries, schedules))
    elif not any(event.run_id for event in events):
        typer.echo(f"nothing to run; {next_sentence(scheduler.dispatcher, SystemClock().utc())}")
    else:
        for event in events:
            if event.kind == "ended":
                typer.echo(event.line())
    raise typer.Exit(_exit_code(scheduler, events))


@cli.command()
def serve(schedules: Names = None) -> None:
    """Stay, and run what comes due; one line an event. SIGTERM interrupts a run so that it can be resumed."""
    import anyio

    from arena.errors import ConfigError
    from harness.schedules.files import read
    from harness.schedules.funds import usable

    settings, catalog = console.settings(), console.catalog()
    entries = read(catalog, schedules or ())
    wanted = [entry for entry in entries if entry.schedule.enabled]
    if not wanted:
        raise ConfigError(_none_is_on(entries, schedules))
    for entry in wanted:
        usable(entry, catalog, os.environ, datetime.now(UTC).date())
    scheduler = service(_writable(settings), settings, catalog, entries, lambda event: say(event.line()))
    say(f"{len(wanted)} schedules are served: {', '.join(e.schedule.name for e in wanted)}")
    anyio.run(obeying_signals, scheduler, lambda: scheduler.serve(watch(catalog, schedules or [])))
    say("ended; what was cut short is resumed by the next `arena schedule run-due` or `serve`")


@cli.command()
def units(
    schedules: Names = None,
    *,
    kind: Annotated[str | None, typer.Option("--kind", help="Only one: systemd, serve, cron or ci.")] = None,
    every_min: Annotated[int, typer.Option("--every-min", min=1, max=30, help="How often to look.")] = 5,
) -> None:
    """Print systemd units, a crontab line and a CI workflow that call the scheduler; keys are never in them."""
    from arena.errors import UnknownNameError
    from harness.schedules import units as texts
    from harness.schedules.files import read

    if kind is not None and kind not in texts.KINDS:
        raise UnknownNameError("kind", kind, texts.KINDS, "--kind")
    names, catalog = schedules or [], console.catalog()
    keys = _keys([e for e in read(catalog, names) if e.schedule.enabled or names], catalog)
    user = getpass.getuser()
    place = texts.Place(
        _program(),
        Path.cwd(),
        _plain_settings(),
        [_absolute(name) for name in names],
        keys,
        None if user == "root" else user,
    )
    made: dict[str, Callable[[], str]] = {
        "systemd": lambda: texts.systemd(place, every_min),
        "serve": lambda: texts.serve(place),
        "cron": lambda: "# crontab -e\n" + texts.crontab(place, every_min),
        "ci": lambda: texts.ci(place, every_min),
    }
    typer.echo("\n".join(text() for name, text in made.items() if kind in {None, name}), nl=False)


# -- parts ---------------------------------------------------------------------------------------------------------


def _exit_code(scheduler: Service, events: Sequence[Event]) -> int:
    if scheduler.stopping:
        return EXIT_INTERRUPTED
    if scheduler.failed:
        return EXIT_FAILED
    return EXIT_UNUSABLE if any(e.text.startswith("unusable: ") or e.kind == "problem" for e in events) else 0


def _event_json(event: Event) -> dict[str, Any]:
    return {
        "at": event.at.isoformat(),
        "kind": event.kind,
        "schedule": event.schedule,
        "slot": None if event.slot is None else event.slot.isoformat(),
        "run": event.run_id,
        "text": event.text,
    }


def _writable(settings: Settings) -> Database:
    from arena.store.engine import open_database

    settings.require_writable()
    return open_database(settings, create=True)


def _database_if_any() -> Database | None:
    """The database, if there is one by now: a new one is made by what fires, not by what lists."""
    from arena.store.engine import open_database

    settings = console.settings()
    if settings.database_url is None and not (settings.data_dir / "arena.db").exists():
        return None
    return open_database(settings)


def _say_without_file(database: Database, entries: Sequence[Entry]) -> None:
    """Schedules that were served and are in no file: renamed or deleted, they run no more, and nothing else says so."""
    from arena.store.schedules import seen

    with database.read() as connection:
        known = seen(connection)
    there = {entry.schedule.name for entry in entries}
    for name in sorted(name for name, schedule in known.items() if schedule.enabled and name not in there):
        say(
            f"{name}: is in no file any more and does not run; under another name a schedule is a new one, which does "
            f"not count what {name} has spent this month"
        )


def _refuse_unknown(connection: Any, names: Sequence[str], entries: dict[str, Entry]) -> None:
    from arena.errors import UnknownNameError
    from arena.store.schedules import seen

    for name in names:
        if name not in entries and name not in seen(connection):
            raise UnknownNameError("schedule", name, entries, "`arena schedule ls` lists them")


def _none_is_on(entries: Sequence[Entry], names: Sequence[str] | None) -> str:
    """Why there is nothing to do, and what to change."""
    if names and entries:
        return f"{entries[0].where}: the schedule is switched off; set `enabled = true`"
    return "no schedule is switched on; put one into `schedules/` of ARENA_CONFIG_DIR, as docs/schedules.md shows"


def _program() -> Path:
    beside = Path(sys.argv[0])
    found = beside if beside.is_file() else Path(shutil.which("arena") or "arena")
    return found.absolute()


def _plain_settings() -> dict[str, str]:
    """The settings that say where things are; a database's address may hold a password and belongs to the keys."""
    named = {name: os.environ.get(name) for name in ("ARENA_CONFIG_DIR", "ARENA_DATA_DIR")}
    found = {name: str(Path(value).absolute()) for name, value in named.items() if value}
    if region := os.environ.get("ARENA_REGION"):
        found["ARENA_REGION"] = region
    return found


def _keys(entries: Sequence[Entry], catalog: Catalog) -> list[str]:
    """The names of the keys that the schedules' plans need."""
    from harness.plan import prepare
    from harness.session import today

    prepared = [prepare(*catalog.plan(entry.plan), catalog, today=today()) for entry in entries]
    return sorted({t.key_name for p in prepared for t in p.targets.values() if t.key_name})


def _absolute(name: str) -> str:
    return str(Path(name).absolute()) if Path(name).is_file() else name
