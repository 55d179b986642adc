"""`arena votes quarantine`, `voters` and `gold`: which votes are set apart and why, and what checks the voters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from arena.units import format_percent, percent
from harness.cli import console
from harness.cli.console import Json, out, print_json, say

if TYPE_CHECKING:
    from arena.domain.check import Standing
    from arena.metrics.base import Figure

cli = typer.Typer(name="quarantine", help="Votes that are set apart, and why; nothing is deleted.")
gold_cli = typer.Typer(name="gold", help="Pairs whose answer is known, which check the voters.", no_args_is_help=True)

Voter = Annotated[str | None, typer.Argument(help="A voter, as `arena votes voters` shows it.")]
OneVote = Annotated[int | None, typer.Option("--vote", metavar="ID", help="One vote instead of a voter.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it is kept and shown.")]


@cli.callback(invoke_without_command=True)
def quarantine(context: typer.Context, *, as_json: Json = False) -> None:
    """List the votes that are set apart, by voter and reason; alone, without a command behind it."""
    if context.invoked_subcommand is not None:
        console.refuse_before_command(context, {"--json": as_json})
        return
    from arena.reports.quarantine import quarantine as found_in
    from arena.store.engine import open_database

    with open_database(console.settings()).read() as connection:
        found = found_in(connection)
    if as_json:
        print_json(found)
        return
    from rich.table import Table

    screen = out()
    checked = ", ".join(f"{count} {standing}" for standing, count in found["voters"].items())
    why = ", ".join(f"{votes} {reason}" for reason, votes in found["reasons"].items())
    screen.print(f"{found['votes']} votes are set apart{f': {why}' if why else ''}; voters: {checked}")
    if not found["groups"]:
        return
    table = Table(pad_edge=False, header_style="bold")
    for name in ("voter", "votes", "reason", "by", "last (UTC)"):
        table.add_column(name, justify="right" if name == "votes" else "left")
    for g in found["groups"]:
        at = g["last_at"][:16].replace("T", " ")
        table.add_row(g["voter"], str(g["votes"]), g["reason"], g["by"] or "came with an import", at)
    screen.print(table)


@cli.command()
def declare(voter: Voter = None, *, vote: OneVote = None, reason: Reason) -> None:
    """Set a voter's votes apart, those to come too, or one vote; they stay stored and are shown as set apart."""
    _declared(voter, vote, reason, apart=True)
    say("set apart; `arena votes quarantine release` takes them back in")


@cli.command()
def release(voter: Voter = None, *, vote: OneVote = None, reason: Reason) -> None:
    """Count a voter's votes again, or one vote, whatever the rules of the house say of them from now on."""
    _declared(voter, vote, reason, apart=False)
    say("released; they count again")


@cli.command()
def review() -> None:
    """Apply the checks and caps to every vote that is stored, as after a change of the caps."""
    from datetime import UTC, datetime

    from arena.battles.house import House
    from arena.reports.quarantine import review as reviewed
    from arena.store.engine import open_database

    settings = console.settings()
    with open_database(settings).write() as connection:
        made = reviewed(connection, House.of(settings), datetime.now(UTC))
    for ruling in made:
        out().print(f"{ruling.voter_id}: {'set apart' if ruling.apart else 'taken back in'}: {ruling.reason}")
    say(f"{len(made)} voters were ruled on anew; next: arena votes quarantine")


def _declared(voter: str | None, vote: int | None, reason: str, *, apart: bool) -> None:
    from datetime import UTC, datetime

    from arena.reports.quarantine import declare as declared
    from arena.store.engine import open_database

    with open_database(console.settings()).write() as connection:
        declared(connection, datetime.now(UTC), apart=apart, reason=reason, voter=voter, vote=vote)


def voters(*, as_json: Json = False) -> None:
    """Show what is known of each voter's care: agreement with itself, accuracy on gold pairs, haste."""
    from arena.reports.quarantine import voters as found_in
    from arena.reports.quarantine import voters_json
    from arena.store.engine import open_database

    with open_database(console.settings()).read() as connection:
        rows = found_in(connection)
    if as_json:
        print_json(voters_json(rows))
        return
    from rich.table import Table

    table = Table(pad_edge=False, header_style="bold")
    for name in ("voter", "votes", "repeats answered alike", "gold pairs right", "under 1 s", "checks", "votes count"):
        table.add_column(name, justify="right" if name == "votes" else "left")
    for row in rows:
        found = row.checks
        shares = (
            _share(found.consistency, found.consistent),
            _share(found.accuracy, found.accurate),
            _share(found.hasty_share, found.unhurried),
        )
        apart = f"no: {row.ruling.reason}" if row.ruling is not None and row.ruling.apart else "yes"
        table.add_row(row.voter, str(row.votes), *shares, found.standing.value, apart)
    out().print(table)


def _share(figure: Figure, standing: Standing) -> str:
    """A share with its interval and what follows from it."""
    if figure.value is None or figure.low is None or figure.high is None:
        return "–"
    return (
        f"{format_percent(figure.value, 0)} of {figure.n} [{percent(figure.low, 0)}, {percent(figure.high, 0)}] "
        f"{standing.value}"
    )


@gold_cli.command("ls")
def gold_ls(*, as_json: Json = False) -> None:
    """List the pairs that were declared; spoilt images are made on the way and are not listed."""
    from arena.store.checks import gold_pairs
    from arena.store.engine import open_database

    with open_database(console.settings()).read() as connection:
        pairs = gold_pairs(connection)
    if as_json:
        print_json([p.model_dump(mode="json") for p in pairs])
        return
    from rich.table import Table

    table = Table(pad_edge=False, header_style="bold")
    for name in ("id", "prompt", "better", "worse", "reason", "withdrawn (UTC)"):
        table.add_column(name)
    for p in pairs:
        withdrawn = "–" if p.withdrawn_at is None else f"{p.withdrawn_at:%Y-%m-%d %H:%M}"
        table.add_row(str(p.id), p.prompt_id, p.better_sha256[:12], p.worse_sha256[:12], p.reason, withdrawn)
    out().print(table)


@gold_cli.command("declare")
def gold_declare(
    better: Annotated[str, typer.Argument(help="SHA-256 of the image that is better.")],
    worse: Annotated[str, typer.Argument(help="SHA-256 of the other one, of the same prompt.")],
    *,
    reason: Annotated[str, typer.Option("--reason", help="What everybody must see, in a few words.")],
) -> None:
    """Declare which of two images of one prompt is better; `arena competitions PROMPT --json` lists their hashes."""
    from datetime import UTC, datetime

    from arena.store.checks import declare_gold
    from arena.store.engine import open_database

    with open_database(console.settings()).write() as connection:
        pair = declare_gold(connection, better, worse, reason, datetime.now(UTC))
    say(f"gold pair {pair.id} of prompt {pair.prompt_id}; it is shown now and then and rates nobody")


@gold_cli.command("withdraw")
def gold_withdraw(number: Annotated[int, typer.Argument(help="The pair's id.")]) -> None:
    """Give a gold pair up: it is shown no longer, and no answer to it counts; next, `arena votes quarantine review`."""
    from datetime import UTC, datetime

    from arena.errors import ConfigError
    from arena.store.checks import withdraw_gold
    from arena.store.engine import open_database

    with open_database(console.settings()).write() as connection:
        if not withdraw_gold(connection, number, datetime.now(UTC)):
            raise ConfigError(f"there is no gold pair {number}; `arena votes gold ls` lists them")
    say(f"gold pair {number} is withdrawn; next: arena votes quarantine review")
