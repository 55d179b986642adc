"""Scores of an export, stored with their instruments."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import sqlalchemy as sa
from pydantic import ValidationError

from arena.domain.score import Instrument
from arena.store.exchange.loading.tally import Row, RowError, Tally
from arena.store.exchange.scored import OF_INSTRUMENT
from arena.store.runs import ARTIFACT, PROMPT
from arena.store.scores import SCORE, register

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection


def load_scores(connection: Connection, rows: Sequence[Row], origin: str) -> Tally:
    """Store scores; one that is known stays as it is."""
    del origin
    tally, instruments = Tally(), dict[str, int]()
    for place, row in enumerate(rows):
        instrument = {name: row[name] for name in OF_INSTRUMENT}
        label = json.dumps(instrument, sort_keys=True)
        if label not in instruments:
            instruments[label] = register(connection, _instrument(place, instrument))
        _check(connection, place, row)
        wanted = {name: row[name] for name in ("image_sha256", "prompt_id", "prompt_sha256", "against")}
        wanted["instrument_id"] = instruments[label]
        same = sa.and_(*(SCORE.c[name] == value for name, value in wanted.items()))
        if connection.execute(sa.select(SCORE.c.image_sha256).where(same)).first() is not None:
            tally.known += 1
            continue
        rest = {name: row[name] for name in ("value", "tool_version", "device", "scored_at")}
        connection.execute(SCORE.insert(), {**wanted, **rest, "detail_json": row["detail"]})
        tally.new += 1
    return tally


def _instrument(place: int, told: Row) -> Instrument:
    try:
        return Instrument.model_validate({**told, "weights_sha256": told["weights_sha256"] or None})
    except ValidationError as error:
        problem = error.errors()[0]
        raise RowError(place, f"{problem['loc'][0]}: {problem['msg']}") from None


def _check(connection: Connection, place: int, row: Row) -> None:
    """What the score is about must be there, and its detail must be JSON."""
    if connection.execute(sa.select(ARTIFACT.c.sha256).where(ARTIFACT.c.sha256 == row["image_sha256"])).first() is None:
        raise RowError(place, f"the image {row['image_sha256'][:16]} is not there; import the table `images`, too")
    prompt = (PROMPT.c.id == row["prompt_id"]) & (PROMPT.c.sha256 == row["prompt_sha256"])
    if connection.execute(sa.select(PROMPT.c.id).where(prompt)).first() is None:
        raise RowError(place, f"the prompt {row['prompt_id']} is not there; import the table `prompts`, too")
    try:
        known = isinstance(json.loads(row["detail"]), dict)
    except ValueError:
        known = False
    if not known:
        raise RowError(place, "detail is no JSON object")
