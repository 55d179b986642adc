"""Contenders, gold pairs, rulings and images kept out, stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from arena.store.battles import BATTLE, CONTENDER, RENDITION, VOTE, VOTER
from arena.store.exchange.loading.tally import Row, RowError, Tally, differing
from arena.store.exchange.voted import GOLD_PAIR, RULING
from arena.store.runs import ARTIFACT, PROMPT, RUN, RUN_ENDPOINT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection


def load_contenders(connection: Connection, rows: Sequence[Row], origin: str) -> Tally:
    """Store contenders; whether one that no run of here has is retired, the file says."""
    del origin
    tally = Tally()
    for row in rows:
        wanted = {("endpoint_id" if k == "endpoint" else "family" if k == "weights" else k): v for k, v in row.items()}
        same = (CONTENDER.c.endpoint_id == row["endpoint"]) & (CONTENDER.c.simulated == row["simulated"])
        stored = connection.execute(sa.select(CONTENDER).where(same)).mappings().first()
        if stored is None:
            connection.execute(CONTENDER.insert(), wanted)
            tally.new += 1
        elif not differing(stored, wanted) or _is_ours(connection, row["endpoint"]):
            tally.known += 1
        else:
            connection.execute(CONTENDER.update().where(same).values(wanted))
            tally.changed += 1
    return tally


def _is_ours(connection: Connection, endpoint_id: str) -> bool:
    made_here = (RUN.c.id == RUN_ENDPOINT.c.run_id) & RUN.c.imported_from.is_(None)
    query = sa.select(RUN.c.id).join(RUN_ENDPOINT, made_here).where(RUN_ENDPOINT.c.endpoint_id == endpoint_id)
    return connection.execute(query.limit(1)).first() is not None


def load_gold_pairs(connection: Connection, rows: Sequence[Row], origin: str) -> Tally:
    """Store pairs whose answer was declared; one that is known may have been withdrawn since."""
    del origin
    tally = Tally()
    for place, row in enumerate(rows):
        if row["better_sha256"] == row["worse_sha256"]:
            raise RowError(place, "better_sha256 and worse_sha256 are the same image")
        _check_images(connection, place, [row["better_sha256"], row["worse_sha256"]])
        prompt = (PROMPT.c.id == row["prompt_id"]) & (PROMPT.c.sha256 == row["prompt_sha256"])
        if connection.execute(sa.select(PROMPT.c.id).where(prompt)).first() is None:
            raise RowError(place, f"the prompt {row['prompt_id']} is not there; import the table `prompts`, too")
        same = sa.and_(*(GOLD_PAIR.c[n] == row[n] for n in ("better_sha256", "worse_sha256", "declared_at")))
        stored = connection.execute(sa.select(GOLD_PAIR).where(same)).mappings().first()
        if stored is None:
            connection.execute(GOLD_PAIR.insert(), row)
            tally.new += 1
        elif stored["withdrawn_at"] is None and row["withdrawn_at"] is not None:
            connection.execute(GOLD_PAIR.update().where(same).values(withdrawn_at=row["withdrawn_at"]))
            tally.changed += 1
        else:
            tally.known += 1
    return tally


def _check_images(connection: Connection, place: int, hashes: list[str]) -> None:
    there = set(connection.execute(sa.select(ARTIFACT.c.sha256).where(ARTIFACT.c.sha256.in_(hashes))).scalars())
    for sha256 in hashes:
        if sha256 not in there:
            raise RowError(place, f"the image {sha256[:16]} is not there; import the table `images`, too")


def load_rulings(connection: Connection, rows: Sequence[Row], origin: str) -> Tally:
    """Store rulings as they were said; what they did to votes came with the votes."""
    del origin
    tally = Tally()
    for place, row in enumerate(rows):
        wanted = {
            "voter_id": row["evaluation_session_id"],
            "vote_id": _vote(connection, place, row),
            "image_sha256": row["image_sha256"],
            **{name: row[name] for name in ("apart", "reason", "by", "at")},
        }
        if sum(wanted[name] is not None for name in ("voter_id", "vote_id", "image_sha256")) > 1:
            raise RowError(place, "is about more than one of a voter, a vote and an image")
        if row["image_sha256"] is not None:
            _check_images(connection, place, [row["image_sha256"]])
        voter = sa.select(VOTER.c.id).where(VOTER.c.id == wanted["voter_id"])
        if wanted["voter_id"] is not None and connection.execute(voter).first() is None:
            # A voter who has not voted: nothing hangs on what was said of them.
            tally.known += 1
            continue
        same = sa.and_(*(RULING.c[n].is_not_distinct_from(v) for n, v in wanted.items()))
        if connection.execute(sa.select(RULING.c.id).where(same)).first() is not None:
            tally.known += 1
        else:
            connection.execute(RULING.insert(), wanted)
            tally.new += 1
    return tally


def _vote(connection: Connection, place: int, row: Row) -> int | None:
    if row["battle"] is None:
        return None
    same = (BATTLE.c.token_sha256 == row["battle"]) & (VOTE.c.cast_at == row["tstamp"])
    query = sa.select(VOTE.c.id).join(BATTLE, BATTLE.c.id == VOTE.c.battle_id).where(same)
    found = connection.execute(query).scalar()
    if found is None:
        raise RowError(place, "the vote that it is about is not there; import the table `votes`, too")
    return int(found)


def load_kept_out(connection: Connection, rows: Sequence[Row], origin: str) -> Tally:
    """Keep the same images out of battles; those that are kept out already keep their reason."""
    del origin
    tally = Tally()
    for place, row in enumerate(rows):
        _check_images(connection, place, [row["sha256"]])
        mine = RENDITION.c.source_sha256 == row["sha256"]
        stored = connection.execute(sa.select(RENDITION.c.kept_out).where(mine)).first()
        values = {"kept_out": row["reason"], "made_at": row["at"], "recipe": ""}
        if stored is None:
            connection.execute(RENDITION.insert(), {"source_sha256": row["sha256"], "sha256": None, **values})
            tally.new += 1
        else:
            # The operator may have admitted it here since.
            tally.known += 1
    return tally
