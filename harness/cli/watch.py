"""`arena watch`: what is no longer as it was, and whom to tell."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness.cli import console
from harness.cli.console import Json, out, print_json, say

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from arena.domain.watch import Incident, Rules
    from arena.reports.watch import Report, SeriesState
    from harness.alerts.config import WatchConfig
    from harness.alerts.messages import News

EXIT_OPEN, EXIT_UNTOLD = 3, 4
cli = typer.Typer(name="watch", help="Tell what of an endpoint is no longer as it was.")

Config = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="Instead of watch.toml in ARENA_CONFIG_DIR.")
]
Every = Annotated[bool, typer.Option("--all", help="Those that are over, too.")]


@cli.callback(invoke_without_command=True)
def watch(context: typer.Context, *, everything: Every = False, config: Config = None, as_json: Json = False) -> None:
    """List open incidents; alone, without a command behind it."""
    if context.invoked_subcommand is None:
        ls(everything=everything, config=config, as_json=as_json)
    else:
        console.refuse_before_command(context, {"--all": everything, "--config": config, "--json": as_json})


@cli.command()
def ls(*, everything: Every = False, config: Config = None, as_json: Json = False) -> None:
    """List open incidents, or with --all those that are over, too. Tells nobody."""
    from datetime import UTC, datetime

    from arena.reports.watch import report
    from arena.reports.watch_wording import coverage
    from arena.store.engine import open_database
    from harness.alerts.messages import incident_json

    rules = _config(config, needed=False).rules
    with open_database(console.settings()).read() as connection:
        found = report(connection, datetime.now(UTC), rules)
    shown = [i for i in found.incidents if everything or i.open]
    if as_json:
        watched = [_state_json(s) for s in found.series]
        print_json({"as_of": found.as_of, "incidents": [incident_json(i) for i in shown], "watched": watched})
        return
    if shown:
        _print(shown)
    else:
        out().print("no incident" if everything else "no open incident")
    out().print(coverage(found))
    _say_unmatched(found, rules)


@cli.command()
def check(
    *,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="Exit 3 if an incident is open.")] = False,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Look for incidents and tell every channel what it has not heard; doing so again tells nothing twice."""
    from arena.domain.watch import Direction
    from arena.reports.watch_wording import coverage
    from arena.store.engine import open_database
    from harness.alerts.check import check as checked_in
    from harness.alerts.messages import incident_json

    wanted = _config(config, needed=True)
    database = open_database(console.settings())
    checked = checked_in(database, wanted, _beside(config))
    still = [i for i in checked.report.incidents if i.open]
    if as_json:
        told = [{"event": n.event, "id": n.key, "words": n.words} for n in checked.told]
        still_json = [incident_json(i) for i in still]
        complaints = checked.complaints + checked.remarks
        print_json({"open": still_json, "told": told, "complaints": complaints})
    else:
        _print_checked(checked.told, still)
        out().print(coverage(checked.report))
    _say_unmatched(checked.report, wanted)
    for remark in checked.remarks:
        say(f"arena: {remark}")
    for complaint in checked.complaints:
        say(f"arena: {complaint}; it is tried again at the next check")
    if checked.complaints or checked.remarks:
        raise typer.Exit(EXIT_UNTOLD)
    if exit_code and any(i.direction is not Direction.BETTER or wanted.tell_better for i in still):
        raise typer.Exit(EXIT_OPEN)


@cli.command("test")
def send_test(*, config: Config = None) -> None:
    """Send a message that says it is a test over every channel."""
    import os
    from datetime import UTC, datetime

    from arena.errors import ArenaError, ConfigError
    from harness.alerts.channels import deliver

    wanted = _config(config, needed=True)
    if not wanted.channel:
        raise ConfigError("there is no [[channel]] in the file; docs/watch.md shows each kind")
    failed, now = False, datetime.now(UTC)
    for channel in wanted.channel:
        try:
            remark = deliver(channel, [_example(now)], now, _beside(config), os.environ)
        except ArenaError as error:
            failed = True
            say(f"arena: {error}")
        else:
            failed = failed or remark is not None
            (out().print if remark is None else say)(remark or f"{channel.name} ({channel.kind}): taken")
    if failed:
        raise typer.Exit(EXIT_UNTOLD)


def _example(now: datetime) -> News:
    """News that cannot be taken for real."""
    from harness.alerts.messages import TEST, News

    return News("opened", TEST, "this is a test of `arena watch test`; nothing has changed", now.date(), None)


def _file(given: Path | None) -> Path | None:
    from harness.alerts import config

    return config.find(console.settings(), given)


def _beside(given: Path | None) -> Path:
    path = _file(given)
    return Path() if path is None else path.parent


def _config(given: Path | None, *, needed: bool) -> WatchConfig:
    from arena.errors import ConfigError
    from harness.alerts import config

    path = _file(given)
    if path is not None:
        return config.load(path)
    if needed:
        raise ConfigError(
            "there is no watch.toml; put one into the directory of ARENA_CONFIG_DIR, or name it with --config "
            "(docs/watch.md shows what is in it)"
        )
    return config.WatchConfig()


def _say_unmatched(found: Report, rules: Rules) -> None:
    from arena.reports.watch_wording import unmatched

    for pattern in unmatched(found, rules.endpoints):
        say(f"watch.toml: `endpoints`: {pattern!r} fits no endpoint that is watched; `arena endpoints ls` lists them")


def _print(shown: Sequence[Incident]) -> None:
    from rich.table import Table

    from arena.reports import watch_wording as wording

    table = Table(pad_edge=False, header_style="bold")
    for name in ("endpoint", "figure", "change (95 %)", "before", "since then", "n", "since (UTC)", "noticed", "state"):
        table.add_column(name, justify="right" if name == "n" else "left")
    for i in shown:
        table.add_row(
            wording.endpoint(i), wording.figure(i), wording.change(i), wording.value(i, i.before),
            wording.value(i, i.now), f"{i.n:,}", wording.since(i), str(i.noticed), wording.state(i),
        )  # fmt: skip
    out().print(table)
    for command in dict.fromkeys(i.command for i in shown if i.open):
        out().print(f"next: {command}")


def _print_checked(told: Sequence[News], still: Sequence[Incident]) -> None:
    screen = out()
    for news in told:
        screen.print(f"told: {news.words}")
    if not told:
        screen.print("nothing new to tell")
    if still:
        _print(still)


def _state_json(state: SeriesState) -> dict[str, Any]:
    return {
        "endpoint": state.endpoint,
        "simulated": state.simulated,
        "figure": state.figure.value,
        "by": state.by or None,
        "state": state.state,
        "baseline_days": state.baseline_days,
        "noticeable_change": state.noticeable,
        "unit": state.unit,
    }
