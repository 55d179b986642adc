"""`arena leaderboard`, `arena matchups`, `arena competitions`: what the votes say."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from arena.domain.request import Mode
from harness.cli import console
from harness.cli.console import Json, out, print_json

if TYPE_CHECKING:
    from arena.reports.board_rows import Row
    from arena.reports.leaderboard import Board, Leaderboard


class By(StrEnum):
    """What counts as one entrant."""

    endpoint = "endpoint"
    family = "family"
    provider = "provider"


Group = Annotated[By, typer.Option("--by", help="Endpoints, models wherever they are served, or providers.")]
OfFamily = Annotated[str | None, typer.Option("--of", metavar="MODEL", help="Only the providers of this model.")]
OfMode = Annotated[Mode | None, typer.Option("--mode", help="t2i or edit; both if not given.")]
Category = Annotated[str | None, typer.Option("--category", help="Prompts of this category only.")]
Simulated = Annotated[bool, typer.Option("--simulated", help="The board of simulated contenders.")]
Weighed = Annotated[bool, typer.Option("--weigh-voters", help="Let diligent voters count less a vote.")]
Judges = Annotated[bool, typer.Option("--judges", help="What automatic judges say, instead of people.")]


def leaderboard(
    *,
    by: Group = By.endpoint,
    of: OfFamily = None,
    mode: OfMode = None,
    category: Category = None,
    simulated: Simulated = False,
    judges: Judges = False,
    weigh_voters: Weighed = False,
    as_json: Json = False,
) -> None:
    """Rate the contenders by their blind votes: tiers, Elo with intervals, and what they rest on."""
    from arena.reports.leaderboard import as_json as board_json

    board = _board(by, of, mode, category, simulated=simulated, judges=judges, weigh_voters=weigh_voters)
    if as_json:
        print_json(board_json(board))
        return
    _print_board(board)


def matchups(
    *,
    by: Group = By.endpoint,
    of: OfFamily = None,
    mode: OfMode = None,
    category: Category = None,
    simulated: Simulated = False,
    judges: Judges = False,
    as_json: Json = False,
) -> None:
    """List every pair that has met, and who may be called ahead however often one looks."""
    from arena.reports.leaderboard import matchups as pairs

    rows = pairs(_board(by, of, mode, category, simulated=simulated, judges=judges))
    if as_json:
        print_json(rows)
        return
    from rich.table import Table

    table = Table(pad_edge=False, header_style="bold")
    for name in ("a", "b", "votes", "a wins", "b wins", "ties", "prompts won, a : b", "verdict"):
        table.add_column(name, justify="left" if name in {"a", "b", "verdict"} else "right")
    for m in rows:
        prompts = f"{m['a_prompts']} : {m['b_prompts']}"
        counts = [str(m[name]) for name in ("votes", "a_wins", "b_wins", "ties")]
        table.add_row(m["a"], m["b"], *counts, prompts, m["verdict"])
    out().print(table)


def competitions(
    prompt: Annotated[str | None, typer.Argument(help="A prompt id: its entrants, best first.")] = None,
    *,
    simulated: Simulated = False,
    as_json: Json = False,
) -> None:
    """List the prompts that have been voted on, or rank the entrants of one and show where their images are."""
    from arena.reports.competitions import competition, images, overview
    from arena.reports.leaderboard import as_json as board_json
    from arena.store.engine import open_database

    settings = console.settings()
    with open_database(settings).read() as connection:
        if prompt is not None:
            board = competition(connection, prompt, simulated=simulated)
            found = images(connection, prompt, settings.images_dir, simulated=simulated)
            if as_json:
                print_json({"prompt": prompt, **board_json(board), "images": found})
            else:
                _print_board(board)
                _print_images(found)
            return
        rows = overview(connection, simulated=simulated)
    if as_json:
        print_json(rows)
        return
    from rich.table import Table

    table = Table(pad_edge=False, header_style="bold")
    for name in ("prompt", "mode", "category", "entrants", "votes"):
        table.add_column(name, justify="right" if name in {"entrants", "votes"} else "left")
    for row in rows:
        table.add_row(row["prompt_id"], row["mode"], row["category"], str(row["entrants"]), str(row["votes"]))
    out().print(table)


def _print_images(found: list[dict[str, Any]]) -> None:
    """A line an image, which no terminal cuts in two: a path is there to be copied."""
    screen = out()
    for image in found:
        kept_out = f"  kept out: {image['kept_out']}" if image["kept_out"] else ""
        where = image["file"] or f"pruned on {image['pruned_at'][:10]}"
        screen.print(f"{image['endpoint']}  {where}{kept_out}", soft_wrap=True)


def _board(
    by: By,
    of: str | None,
    mode: Mode | None,
    category: str | None,
    *,
    simulated: bool,
    judges: bool,
    weigh_voters: bool = False,
) -> Leaderboard:
    from arena.reports.leaderboard import Board
    from arena.reports.leaderboard import leaderboard as rated
    from arena.store.engine import open_database

    board: Board = Board(
        simulated=simulated,
        mode=mode,
        category=category,
        group_by=by.value,
        of_family=of,
        judges=judges,
        weigh_voters=weigh_voters,
    )
    with open_database(console.settings()).read() as connection:
        return rated(connection, board)


def _print_board(board: Leaderboard) -> None:
    from rich.table import Table

    simulated = " · SIMULATED" if board.board.simulated else ""
    title = f"{board.board.name} · {board.votes:,} votes, {board.prompts} prompts, {board.voters} voters{simulated}"
    table = Table(title=title, title_justify="left", pad_edge=False, header_style="bold")
    for name in ("tier", "entrant", "Elo", "95 % interval", "rank", "votes", "win rate", ""):
        table.add_column(name, justify="left" if name in {"entrant", ""} else "right")
    for row in board.rows:
        table.add_row(*_cells(row), style="dim" if row.provisional else None)
    screen = out()
    screen.print(table)
    if board.side_elo is not None and board.side_half_width_elo is not None:
        half = board.side_half_width_elo
        screen.print(f"left side: {board.side_elo:+.0f} ± {half:.0f} Elo; ties: {(board.tie_rate or 0) * 100:.0f} %")
    for warning in board.warnings:
        screen.print(f"note: {warning}")


def _cells(row: Row) -> tuple[Any, ...]:
    ends = ["open" if end is None else f"{end:.0f}" for end in (row.low, row.high)]
    interval = "–" if row.low is None and row.high is None else f"[{ends[0]}, {ends[1]}]"
    elo = "–" if row.elo is None else f"{row.elo:.0f}"
    rank = "–" if row.rank_best is None else f"{row.rank_best}–{row.rank_worst}"
    rate = "–" if row.win_rate is None else f"{row.win_rate * 100:.0f} %"
    note = row.note or ("provisional" if row.provisional else "")
    name = f"{row.entrant}{' (retired)' if row.retired else ''}"
    return str(row.tier or "–"), name, elo, interval, rank, str(row.votes), rate, note
