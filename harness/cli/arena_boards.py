"""`arena leaderboard`, `arena matchups`, `arena competitions`: what the votes say."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from arena.domain.choices import Mode
from arena.units import format_percent, percent
from harness.cli import conditions, console
from harness.cli.conditions import Days, Size, Warm
from harness.cli.console import Json, out, print_json

if TYPE_CHECKING:
    from arena.reports.board_measures import Beside
    from arena.reports.board_rows import Row
    from arena.reports.leaderboard import Board, Leaderboard
    from arena.reports.matchups import Matchup


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
    days: Days = conditions.WINDOW_DAYS,
    size: Size = None,
    warm: Warm = False,
    as_json: Json = False,
) -> None:
    """Rate the contenders by their blind votes, with price, time and date of what was measured of endpoints beside."""
    from arena.reports.board_measures import as_json as measures_json
    from arena.reports.board_measures import beside
    from arena.reports.leaderboard import as_json as board_json
    from arena.reports.leaderboard import leaderboard as rated
    from arena.store.engine import open_database

    wanted = _wanted(by, of, mode, category, simulated=simulated, judges=judges, weigh_voters=weigh_voters)
    with open_database(console.settings()).read() as connection:
        board, measures = rated(connection, wanted), None
        if by is By.endpoint:
            found = conditions.read(connection, mode, days=days, size=size, warm=warm, simulated=simulated)
            measures = beside(connection, board, found)
    if as_json:
        print_json(board_json(board) | ({} if measures is None else measures_json(measures)))
        return
    _print_board(board, measures)


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
    """List every pair that has met: votes, win shares, what the model expects, and who may be called ahead."""
    from arena.reports.leaderboard import leaderboard as rated
    from arena.reports.matchups import flat_rows
    from arena.reports.matchups import matchups as pairs_of
    from arena.store.engine import open_database

    wanted = _wanted(by, of, mode, category, simulated=simulated, judges=judges)
    with open_database(console.settings()).read() as connection:
        pairs = pairs_of(rated(connection, wanted))
    if as_json:
        print_json(flat_rows(pairs))
        return
    _print_pairs(pairs, wanted.name, simulated=simulated)


def _print_pairs(pairs: tuple[Matchup, ...], board: str, *, simulated: bool) -> None:
    from rich.table import Table

    from arena.reports.matchups import highlights

    screen = out()
    if not pairs:
        screen.print(_nothing_yet(board, simulated=simulated), soft_wrap=True)
        return
    table = Table(title=board, title_justify="left", pad_edge=False, header_style="bold")
    for name in (
        "a",
        "b",
        "votes",
        "a wins",
        "b wins",
        "ties",
        "a's share",
        "expected",
        "prompts won, a : b",
        "verdict",
    ):
        table.add_column(name, justify="left" if name in {"a", "b", "verdict"} else "right")
    for m in pairs:
        counts = [f"{n:,}" for n in (m.votes, m.a_wins, m.b_wins, m.ties)]
        prompts = f"{m.by_prompt.wins} : {m.by_prompt.losses}"
        table.add_row(m.a, m.b, *counts, _share(m), f"{m.expected_share:.0%}", prompts, m.verdict)
    screen.print(table)
    for m in highlights(pairs).surprises:
        screen.print(f"surprise: {m.a} against {m.b}: {_share(m)} where the model expects {m.expected_share:.0%}")


def _share(m: Matchup) -> str:
    """Of the votes that chose, with Wilson's interval."""
    share = m.win_share
    if share.value is None or share.low is None or share.high is None:
        return "–"
    return f"{format_percent(share.value, 0)} [{percent(share.low, 0)}, {percent(share.high, 0)}]"


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
    if not rows:
        out().print(_nothing_yet("competitions", simulated=simulated), soft_wrap=True)
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


def _wanted(
    by: By,
    of: str | None,
    mode: Mode | None,
    category: str | None,
    *,
    simulated: bool,
    judges: bool,
    weigh_voters: bool = False,
) -> Board:
    from arena.reports.leaderboard import Board

    return Board(
        simulated=simulated,
        mode=mode,
        category=category,
        group_by=by.value,
        of_family=of,
        judges=judges,
        weigh_voters=weigh_voters,
    )


def _nothing_yet(board: str, *, simulated: bool) -> str:
    theirs = "" if simulated else "; simulated endpoints have a board of their own: --simulated"
    return f"{board}: no votes yet; people vote in `arena app`, and `arena votes import` reads them from a file{theirs}"


def _print_board(board: Leaderboard, measures: Beside | None = None) -> None:
    from rich.table import Table

    if not board.rows and not board.votes:
        out().print(_nothing_yet(board.board.name, simulated=board.board.simulated), soft_wrap=True)
        if board.left_out.sentence:
            out().print(f"note: {board.left_out.sentence}")
        return
    simulated = " · SIMULATED" if board.board.simulated else ""
    title = f"{board.board.name} · {board.votes:,} votes, {board.prompts} prompts, {board.voters} voters{simulated}"
    table = Table(title=title, title_justify="left", pad_edge=False, header_style="bold")
    beside = ("$ / 1,000", "p50", "n", "last run") if measures else ()
    for name in ("tier", "entrant", "Elo", "95 % interval", "rank", "votes", "win rate", *beside, ""):
        table.add_column(name, justify="left" if name in {"entrant", ""} else "right")
    for row in board.rows:
        *cells, note = _cells(row)
        table.add_row(*cells, *_measures(row, measures), note, style="dim" if row.provisional else None)
    screen = out()
    screen.print(table)
    if measures is not None:
        if measures.verdict is not None:
            screen.print(f"{measures.verdict[:1].upper()}{measures.verdict[1:]}.")
        screen.print(
            f"price and p50 of time to image: {measures.measured.note or measures.measured.conditions.sentence}; "
            "n is the number of successes behind the median"
        )
    if board.side_elo is not None and board.side_half_width_elo is not None:
        half = board.side_half_width_elo
        screen.print(f"left side: {board.side_elo:+.0f} ± {half:.0f} Elo; ties: {(board.tie_rate or 0) * 100:.0f} %")
    for warning in board.warnings:
        screen.print(f"note: {warning}")


def _measures(row: Row, measures: Beside | None) -> tuple[str, ...]:
    """What was measured of an entrant; nothing where the board is not one of endpoints."""
    from arena.units import format_ms, format_usd

    if measures is None:
        return ()
    mine = measures.of(row.entrant)
    day = "–" if mine.last_run is None else f"{mine.last_run:%Y-%m-%d}"
    return format_usd(mine.usd_per_1000.value), format_ms(mine.p50_ms.value), str(mine.p50_ms.n or "–"), day


def _cells(row: Row) -> tuple[str, ...]:
    ends = ["open" if end is None else f"{end:.0f}" for end in (row.low, row.high)]
    interval = "–" if row.low is None and row.high is None else f"[{ends[0]}, {ends[1]}]"
    elo = "–" if row.elo is None else f"{row.elo:.0f}"
    rank = "–" if row.rank_best is None else f"{row.rank_best}–{row.rank_worst}"
    rate = "–" if row.win_rate is None else format_percent(row.win_rate, 0)
    note = row.note or ("provisional" if row.provisional else "")
    name = f"{row.entrant}{' (retired)' if row.retired else ''}"
    return str(row.tier or "–"), name, elo, interval, rank, str(row.votes), rate, note
