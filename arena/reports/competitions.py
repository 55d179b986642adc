"""Competitions: one prompt and its entrants, as a leaderboard of that prompt alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from arena.errors import UnknownNameError
from arena.reports.leaderboard import Board, Leaderboard, columns, leaderboard, left_out, rate
from arena.store.blobs import BlobStore
from arena.store.contenders import contenders
from arena.store.screening import delivered
from arena.store.vote_facts import competition_facts, competition_rows

if TYPE_CHECKING:
    from pathlib import Path

    from arena.store.engine import Connection


def overview(connection: Connection, *, simulated: bool = False) -> list[dict[str, Any]]:
    """Every prompt that has been voted on, the most voted first: entrants and votes."""
    return competition_rows(connection, simulated=simulated)


def images(
    connection: Connection, prompt_id: str, images_dir: Path, *, simulated: bool = False
) -> list[dict[str, Any]]:
    """Every image of one prompt, by endpoint and run: its hash, its file, and why it is kept out.

    None is left out, the ones that nobody has voted on included; `file` is where the original is, None once it is
    pruned.
    """
    blobs = BlobStore(images_dir)
    return [
        {
            "endpoint": image.endpoint_id,
            "run": image.run_id,
            "attempt": image.attempt_id,
            "sha256": image.sha256,
            "width_px": image.size[0],
            "height_px": image.size[1],
            "kept_out": image.kept_out,
            "file": None if image.pruned_at else str(blobs.path(image.sha256)),
            "pruned_at": None if image.pruned_at is None else image.pruned_at.isoformat(),
        }
        for image in sorted(
            delivered(connection, prompt_id=prompt_id), key=lambda d: (d.endpoint_id, d.run_id, d.attempt_id)
        )
        if image.simulated == simulated
    ]


def competition(connection: Connection, prompt_id: str, *, simulated: bool = False) -> Leaderboard:
    """The board of one prompt, pooled partially with the whole board: few votes leave a rating near the overall one.

    Its intervals speak of this prompt and of no other. UnknownNameError without votes.
    """
    board = Board(simulated=simulated)
    everybody = [c for c in contenders(connection) if c.simulated == simulated]
    raw = competition_facts(connection, prompt_id, simulated=simulated)
    if not raw:
        known = [row["prompt_id"] for row in competition_rows(connection, simulated=simulated)]
        raise UnknownNameError("competition", prompt_id, known, "competitions")
    votes = columns(raw, everybody, board)
    taking_part = {votes.contenders[i] for i in (*votes.left, *votes.right)}
    entrants = [c for c in everybody if c.endpoint_id in taking_part]
    overall = {row.entrant: row.elo for row in leaderboard(connection, board).rows if row.elo is not None}
    apart = left_out(connection, board, entrants, prompt_id)
    return rate(columns(raw, entrants, board), board, entrants, towards=overall, left_out=apart)
