"""`arena votes`: votes in and out, for researchers and for other tools, and what is known of the voters."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from arena.units import format_percent, percent
from harness.cli import console, quarantine
from harness.cli.console import Json, print_json, say
from harness.cli.console import out as out_console
from harness.cli.export import Format, What, export

cli = typer.Typer(
    name="votes", help="Export and import votes; check who cast them, and set some apart.", no_args_is_help=True
)
cli.add_typer(quarantine.cli)
cli.add_typer(quarantine.gold_cli)
cli.command("voters")(quarantine.voters)


@cli.command("export")
def export_votes(
    *,
    file_format: Annotated[Format, typer.Option("--format", help="How it is written.")] = Format.csv,
    out: Annotated[
        Path | None, typer.Option("--out", help="A file; `-` for stdout; data/exports/ if not given.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> None:
    """Write every vote, voters as salted hashes; votes taken back or in quarantine are marked, not left out."""
    place = out or console.settings().exports_dir / f"votes.{file_format}"
    export(table=What.votes, file_format=file_format, out=place, force=force)


@cli.command("import")
def import_votes(
    file: Annotated[Path, typer.Argument(help="A .csv, .parquet or .jsonl file with model_a, model_b and winner.")],
) -> None:
    """Read votes of another arena, or of an export of this one; all rows of a file or none."""
    from arena.reports.exports.foreign import is_ours, read_votes
    from arena.reports.exports.importing import import_files
    from arena.store.engine import open_database
    from arena.store.vote_exchange import imported

    settings = console.settings()
    if is_ours(file):
        settings.require_writable()
        tally = import_files(open_database(settings, create=True), [file]).tallies.get("votes")
        say(f"{tally.new if tally else 0} votes read{_known(tally.known if tally else 0)}; next: arena leaderboard")
        return
    rows = read_votes(file)
    settings.require_writable()
    with open_database(settings, create=True).write() as connection:
        found = imported(connection, rows)
    say(f"{found.stored} votes read{_known(found.known)}; next: arena leaderboard")


def _known(count: int) -> str:
    return f", {count} were there already" if count else ""


@cli.command()
def influence(
    *,
    simulated: Annotated[bool, typer.Option("--simulated", help="The board of simulated contenders.")] = False,
    as_json: Json = False,
) -> None:
    """Show how few votes would change who is first, and which voters move the gap most."""
    from arena.reports.influence import influence as found_in
    from arena.reports.leaderboard import Board, leaderboard
    from arena.store.engine import open_database

    with open_database(console.settings()).read() as connection:
        found = found_in(connection, leaderboard(connection, Board(simulated=simulated)))
    if as_json:
        print_json(found)
        return
    screen = out_console()
    if found is None:
        screen.print("nobody can be first yet; next: arena app, then Vote")
        return
    gap = f"{found['first']} is {found['gap_elo']:.0f} Elo ahead of {found['second']}"
    few = found["votes_that_would_change_it"]
    hangs = (
        "no small set of votes was found that would change that"
        if few is None
        else (f"leaving out {few} votes ({found['share_of_votes'] * 100:.2g} %) would put another one first")
    )
    screen.print(f"{gap}; {hangs}")
    from rich.table import Table

    table = Table(title="voters who move that gap most", title_justify="left", pad_edge=False, header_style="bold")
    for name in ("voter", "votes", "moves the gap by"):
        table.add_column(name, justify="left" if name == "voter" else "right")
    for row in found["voters"]:
        table.add_row(row["voter"], str(row["votes"]), f"{row['moves_gap_elo']:+.1f} Elo")
    screen.print(table)


@cli.command()
def judges(
    *,
    simulated: Annotated[bool, typer.Option("--simulated", help="On simulated images.")] = False,
    as_json: Json = False,
) -> None:
    """Show how often automatic judges decide like people, on the pairs of images that both have seen."""
    from arena.reports.judges import agreement
    from arena.store.engine import open_database

    with open_database(console.settings()).read() as connection:
        found = agreement(connection, simulated=simulated)
    if as_json:
        print_json(
            [
                {"judge": a.judge, "pairs": a.pairs, "agreement": a.agreement.value, "low": a.agreement.low,
                 "high": a.agreement.high}
                for a in found
            ]
        )  # fmt: skip
        return
    from rich.table import Table

    table = Table(pad_edge=False, header_style="bold")
    for name in ("judge", "decided pairs", "agrees with people"):
        table.add_column(name, justify="left" if name == "judge" else "right")
    for a in found:
        share, low, high = a.agreement.value, a.agreement.low, a.agreement.high
        said = (
            "–"
            if share is None or low is None or high is None
            else f"{format_percent(share, 0)} [{percent(low, 0)}, {percent(high, 0)}]"
        )
        table.add_row(a.judge, str(a.pairs), said)
    out_console().print(table)
