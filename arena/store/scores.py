"""Scores of stored images: what is still to be scored, writing it once, and reading it beside runs and votes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd
import sqlalchemy as sa

from arena.domain.battle import Purpose, Verdict, VoterKind
from arena.domain.outcome import AttemptStatus
from arena.domain.score import Instrument
from arena.store.battles import BATTLE, VOTE
from arena.store.runs import ATTEMPT, IMAGE, PROMPT, RUN_ENDPOINT, TRIAL, insert_ignore
from arena.store.schema import METADATA

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from sqlalchemy import Connection

    from arena.domain.score import Score

INSTRUMENT, SCORE = METADATA.tables["instrument"], METADATA.tables["score"]


@dataclass(frozen=True, slots=True)
class Shown:
    """A stored image and the prompt that it was made for; one that answers two prompts is two of these."""

    sha256: str
    prompt_id: str
    prompt_sha256: str


def shown_in(connection: Connection, run_id: str) -> list[Shown]:
    """Every image of a run's successful attempts, each once a prompt, in the order in which they were delivered."""
    keys = (IMAGE.c.sha256, TRIAL.c.prompt_id, TRIAL.c.prompt_sha256)
    query = (
        sa.select(*keys)
        .select_from(IMAGE)
        .join(ATTEMPT, ATTEMPT.c.id == IMAGE.c.attempt_id)
        .join(TRIAL, TRIAL.c.id == ATTEMPT.c.trial_id)
        .where(TRIAL.c.run_id == run_id, ATTEMPT.c.status == AttemptStatus.SUCCEEDED)
        .group_by(*keys)
        .order_by(sa.func.min(TRIAL.c.seq), IMAGE.c.sha256)
    )
    return [Shown(*row) for row in connection.execute(query)]


def register(connection: Connection, instrument: Instrument) -> int:
    """The row id of an instrument, which is made if it is new; how it is called and weighed is what was said last."""
    row = {**instrument.model_dump(), "weights_sha256": instrument.weights_sha256 or ""}
    keys = ("metric", "revision", "model", "weights_sha256")
    same = sa.and_(*(INSTRUMENT.c[name] == row[name] for name in keys))
    insert_ignore(connection, INSTRUMENT, [row])
    described = {name: value for name, value in row.items() if name not in keys}
    connection.execute(INSTRUMENT.update().where(same).values(described))
    return int(connection.execute(sa.select(INSTRUMENT.c.id).where(same)).scalar_one())


def instruments(connection: Connection) -> dict[int, Instrument]:
    """Every instrument by its row id, in the order in which they were first used."""
    rows = connection.execute(sa.select(INSTRUMENT).order_by(INSTRUMENT.c.id)).mappings()
    return {
        row["id"]: Instrument.model_validate(
            {**{k: v for k, v in row.items() if k != "id"}, "weights_sha256": row["weights_sha256"] or None}
        )
        for row in rows
    }


def scored(connection: Connection, run_id: str, instrument_id: int) -> set[tuple[str, str, str, str]]:
    """What an instrument has scored of a run's prompts: image, prompt id and hash, what it was held against."""
    prompts = sa.select(TRIAL.c.prompt_id, TRIAL.c.prompt_sha256).where(TRIAL.c.run_id == run_id).distinct().subquery()
    same = (prompts.c.prompt_id == SCORE.c.prompt_id) & (prompts.c.prompt_sha256 == SCORE.c.prompt_sha256)
    query = (
        sa.select(SCORE.c.image_sha256, SCORE.c.prompt_id, SCORE.c.prompt_sha256, SCORE.c.against)
        .join(prompts, same)
        .where(SCORE.c.instrument_id == instrument_id)
    )
    return {(row[0], row[1], row[2], row[3]) for row in connection.execute(query)}


def write_scores(connection: Connection, found: Sequence[tuple[int, Score]], now: datetime) -> None:
    """Write scores, each with its instrument's row id; what is there already stays as it is."""
    rows = [
        {
            "image_sha256": score.image_sha256,
            "prompt_id": score.prompt_id,
            "prompt_sha256": score.prompt_sha256,
            "instrument_id": instrument_id,
            "against": score.against,
            "value": score.value,
            "tool_version": score.tool_version,
            "device": score.device,
            "detail_json": json.dumps(score.detail, ensure_ascii=False, sort_keys=True),
            "scored_at": now,
        }
        for instrument_id, score in found
    ]
    if rows:
        insert_ignore(connection, SCORE, rows)


DELIVERED_COLUMNS = (
    "endpoint", "provider", "simulated", "phase", "prompt_id", "prompt_sha256", "category", "mode", "seed", "position",
    "sha256", "instrument", "value", "detail",
)  # fmt: skip


def delivered_scores(connection: Connection, run_id: str) -> pd.DataFrame:
    """One row a delivered image and instrument, columns DELIVERED_COLUMNS; `detail` is a dict.

    Where an image was held against something else since, the newest score counts.
    """
    same_prompt = (PROMPT.c.id == TRIAL.c.prompt_id) & (PROMPT.c.sha256 == TRIAL.c.prompt_sha256)
    endpoint = (RUN_ENDPOINT.c.run_id == TRIAL.c.run_id) & (RUN_ENDPOINT.c.endpoint_id == TRIAL.c.endpoint_id)
    mine = (
        (SCORE.c.image_sha256 == IMAGE.c.sha256)
        & (SCORE.c.prompt_id == TRIAL.c.prompt_id)
        & (SCORE.c.prompt_sha256 == TRIAL.c.prompt_sha256)
    )
    query = (
        sa.select(
            TRIAL.c.endpoint_id.label("endpoint"),
            RUN_ENDPOINT.c.provider,
            ATTEMPT.c.simulated,
            TRIAL.c.phase,
            TRIAL.c.prompt_id,
            TRIAL.c.prompt_sha256,
            PROMPT.c.category,
            PROMPT.c.mode,
            TRIAL.c.seed,
            IMAGE.c.position,
            IMAGE.c.sha256,
            SCORE.c.instrument_id.label("instrument"),
            SCORE.c.value,
            SCORE.c.detail_json.label("detail"),
            IMAGE.c.attempt_id,
        )
        .select_from(IMAGE)
        .join(ATTEMPT, ATTEMPT.c.id == IMAGE.c.attempt_id)
        .join(TRIAL, TRIAL.c.id == ATTEMPT.c.trial_id)
        .join(PROMPT, same_prompt)
        .join(RUN_ENDPOINT, endpoint)
        .join(SCORE, mine)
        .where(TRIAL.c.run_id == run_id, ATTEMPT.c.status == AttemptStatus.SUCCEEDED)
        .order_by(TRIAL.c.seq, IMAGE.c.position, SCORE.c.instrument_id, SCORE.c.scored_at)
    )
    rows = [tuple(row) for row in connection.execute(query)]
    frame = pd.DataFrame(rows, columns=[*DELIVERED_COLUMNS, "attempt_id"])
    frame = frame.drop_duplicates(["attempt_id", "position", "instrument"], keep="last").drop(columns="attempt_id")
    frame["detail"] = [json.loads(text) for text in frame["detail"]]
    frame["value"] = pd.to_numeric(frame["value"]).astype("float64")
    return frame.reset_index(drop=True)


VOTED_COLUMNS = ("simulated", "mode", "category", "prompt", "verdict", "instrument", "left", "right")


def voted_scores(connection: Connection, *, kind: VoterKind = VoterKind.HUMAN) -> pd.DataFrame:
    """One row a vote that counts and an instrument that has scored both of its images; columns VOTED_COLUMNS.

    `prompt` is the prompt's id, `verdict` 1 where the left image won, -1 where the right one did, 0 for a tie of any
    kind; `left` and `right` are the scores. Left out are votes as on the boards: taken back, set apart, skipped, or on
    pairs that only check the voter.
    """
    query = sa.select(
        VOTE.c.id,
        VOTE.c.simulated,
        VOTE.c.mode,
        VOTE.c.category,
        BATTLE.c.prompt_id,
        BATTLE.c.prompt_sha256,
        VOTE.c.verdict,
        BATTLE.c.left_sha256,
        BATTLE.c.right_sha256,
    ).join(BATTLE, BATTLE.c.id == VOTE.c.battle_id)
    query = query.where(
        VOTE.c.undone_at.is_(None),
        VOTE.c.quarantine.is_(None),
        VOTE.c.kind == kind,
        VOTE.c.verdict != Verdict.SKIP,
        VOTE.c.purpose == Purpose.RATE,
        BATTLE.c.left_sha256.is_not(None),
        BATTLE.c.right_sha256.is_not(None),
    )
    votes = query.subquery()
    values = _newest_values(connection, sa.select(votes.c.prompt_id, votes.c.prompt_sha256).distinct().subquery())
    rows: list[tuple[Any, ...]] = []
    for vote in connection.execute(sa.select(votes).order_by(votes.c.id)).mappings():
        left, right = (
            values.get((vote[side], vote["prompt_id"], vote["prompt_sha256"]), {})
            for side in ("left_sha256", "right_sha256")
        )
        said = {Verdict.LEFT.value: 1, Verdict.RIGHT.value: -1}.get(vote["verdict"], 0)
        about = (vote["simulated"], vote["mode"], vote["category"], vote["prompt_id"], said)
        rows += [(*about, i, left[i], right[i]) for i in left if i in right]
    return pd.DataFrame(rows, columns=list(VOTED_COLUMNS))


def _newest_values(connection: Connection, prompts: sa.Subquery) -> dict[tuple[str, str, str], dict[int, float]]:
    """The values of every image under these prompts, by instrument."""
    same = (prompts.c.prompt_id == SCORE.c.prompt_id) & (prompts.c.prompt_sha256 == SCORE.c.prompt_sha256)
    found: dict[tuple[str, str, str], dict[int, float]] = {}
    for row in _rows(connection, sa.select(SCORE).join(prompts, same).where(SCORE.c.value.is_not(None))):
        found.setdefault((row.image_sha256, row.prompt_id, row.prompt_sha256), {})[row.instrument_id] = row.value
    return found


def _rows(connection: Connection, query: sa.Select[Any]) -> Iterable[Any]:
    return connection.execute(query.order_by(SCORE.c.scored_at))
