"""Images and calls of an export, stored beside their attempts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from arena.store.exchange.loading.attempts import Attempts, known_attempt
from arena.store.exchange.loading.tally import Row, Tally, in_pieces
from arena.store.runs import ARTIFACT, CALL, GLIMPSE, IMAGE, insert_ignore

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

ABOUT = ("format", "width_px", "height_px", "size_bytes")


def load_images(attempts: Attempts, rows: Sequence[Row]) -> Tally:
    """Store which images attempts delivered; the files come apart."""
    connection = attempts.connection
    kept: list[tuple[int, Row]] = []
    seen: list[tuple[int, Row]] = []
    tally = Tally()
    for place, row in enumerate(rows):
        attempt_id, is_ours = known_attempt(attempts, place, row)
        if is_ours:
            tally.known += 1
        else:
            (kept if row["sha256"] is not None else seen).append((attempt_id, row))
    there = _present(connection, IMAGE, [i for i, _ in kept])
    new = [(i, row) for i, row in kept if (i, row["position"]) not in there]
    if new:
        # What only outcomes told of, by its number, is told of properly now.
        for piece in in_pieces({i for i, _ in new}):
            counted = GLIMPSE.c.attempt_id.in_(piece) & (GLIMPSE.c.size_bytes == 0)
            connection.execute(GLIMPSE.delete().where(counted))
        artifacts = [{"sha256": row["sha256"], **{n: row[n] for n in ABOUT}} for _, row in new]
        insert_ignore(connection, ARTIFACT, artifacts)
        connection.execute(
            IMAGE.insert(), [{"attempt_id": i, "position": r["position"], "sha256": r["sha256"]} for i, r in new]
        )
    passed = _present(connection, GLIMPSE, [i for i, _ in seen])
    glimpses = [(i, row) for i, row in seen if (i, row["position"]) not in passed]
    if glimpses:
        connection.execute(
            GLIMPSE.insert(),
            [{"attempt_id": i, "position": r["position"], **{n: r[n] for n in ABOUT}} for i, r in glimpses],
        )
    stored = len(new) + len(glimpses)
    return tally + Tally(new=stored, known=len(kept) + len(seen) - stored)


def load_calls(attempts: Attempts, rows: Sequence[Row]) -> Tally:
    """Store the HTTP exchanges of attempts."""
    connection = attempts.connection
    theirs, tally = [], Tally()
    for place, row in enumerate(rows):
        attempt_id, is_ours = known_attempt(attempts, place, row)
        if is_ours:
            tally.known += 1
        else:
            plain = {k: v for k, v in row.items() if k not in {"run_id", "trial", "attempt"}}
            theirs.append({"attempt_id": attempt_id, **plain})
    there = _present(connection, CALL, [row["attempt_id"] for row in theirs])
    new = [row for row in theirs if (row["attempt_id"], row["position"]) not in there]
    if new:
        connection.execute(CALL.insert(), new)
    return tally + Tally(new=len(new), known=len(theirs) - len(new))


def _present(connection: Connection, table: sa.Table, attempt_ids: list[int]) -> set[tuple[int, int]]:
    found: set[tuple[int, int]] = set()
    for piece in in_pieces(set(attempt_ids)):
        query = sa.select(table.c.attempt_id, table.c.position).where(table.c.attempt_id.in_(piece))
        found |= {(row.attempt_id, row.position) for row in connection.execute(query)}
    return found
