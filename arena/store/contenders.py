"""Who takes part in battles, and which of their images can be drawn."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from arena.domain.battle import Cell, Contender, Entry
from arena.domain.endpoint import Endpoint
from arena.domain.outcome import AttemptStatus
from arena.domain.plan import Plan
from arena.domain.request import Mode
from arena.store.battles import CONTENDER, RENDITION
from arena.store.runs import ARTIFACT, ATTEMPT, COUNTS, IMAGE, PROMPT, RUN, RUN_ENDPOINT, TRIAL, insert_ignore

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection


DEGRADED = "arena/degraded"
"""Whose images the spoilt ones of gold pairs are: ours, of no provider. It is never rated, listed or drawn to rate."""


def newcomers(connection: Connection, now: datetime) -> list[dict[str, Any]]:
    """A row for every endpoint that has delivered an image in a run that counts and is no contender yet; read only."""
    delivered = (
        sa.select(TRIAL.c.endpoint_id, ATTEMPT.c.simulated, sa.func.max(TRIAL.c.run_id).label("run_id"))
        .join(ATTEMPT, ATTEMPT.c.trial_id == TRIAL.c.id)
        .join(RUN, RUN.c.id == TRIAL.c.run_id)
        .where(ATTEMPT.c.status == AttemptStatus.SUCCEEDED, COUNTS)
        .group_by(TRIAL.c.endpoint_id, ATTEMPT.c.simulated)
        .subquery()
    )
    same = (RUN_ENDPOINT.c.run_id == delivered.c.run_id) & (RUN_ENDPOINT.c.endpoint_id == delivered.c.endpoint_id)
    known = sa.select(CONTENDER.c.id).where(
        CONTENDER.c.endpoint_id == delivered.c.endpoint_id, CONTENDER.c.simulated == delivered.c.simulated
    )
    query = (
        sa.select(delivered.c.simulated, RUN_ENDPOINT.c.endpoint_json).join(RUN_ENDPOINT, same).where(~known.exists())
    )
    rows = [
        _contender_row(Endpoint.model_validate_json(r.endpoint_json), r.simulated, now)
        for r in connection.execute(query)
    ]
    return sorted(rows, key=lambda row: str(row["endpoint_id"]))


def enroll(connection: Connection, rows: list[dict[str, Any]]) -> None:
    """Make contenders of newcomers; somebody else may have done so meanwhile."""
    insert_ignore(connection, CONTENDER, rows)


def _contender_row(endpoint: Endpoint, simulated: bool, now: datetime) -> dict[str, Any]:
    return {
        "endpoint_id": endpoint.id,
        "simulated": simulated,
        "provider": endpoint.provider,
        "model": endpoint.model,
        "family": endpoint.family,
        "added_at": now,
    }


def contenders(connection: Connection) -> list[Contender]:
    """Every contender, retired ones too, in the order in which they joined."""
    query = sa.select(CONTENDER).where(CONTENDER.c.endpoint_id != DEGRADED).order_by(CONTENDER.c.id)
    return [Contender.model_validate(dict(row)) for row in connection.execute(query).mappings()]


def contender(connection: Connection, contender_id: int) -> Contender:
    """One contender, be it the one that stands for spoilt images."""
    row = connection.execute(sa.select(CONTENDER).where(CONTENDER.c.id == contender_id)).mappings().one()
    return Contender.model_validate(dict(row))


def degraded(connection: Connection, now: datetime, *, simulated: bool) -> int:
    """The id of the contender that stands for spoilt images, made if it is missing."""
    row = {"endpoint_id": DEGRADED, "simulated": simulated, "provider": "arena", "model": "degraded"}
    insert_ignore(connection, CONTENDER, [{**row, "family": "degraded", "added_at": now, "retired_at": now}])
    same = (CONTENDER.c.endpoint_id == DEGRADED) & (CONTENDER.c.simulated == simulated)
    return int(connection.execute(sa.select(CONTENDER.c.id).where(same)).scalar_one())


def retire(connection: Connection, contender_id: int, at: datetime | None) -> None:
    """Take a contender off the boards from a day on, or bring it back; its votes stay."""
    connection.execute(CONTENDER.update().where(CONTENDER.c.id == contender_id).values(retired_at=at))


def entries(connection: Connection, *, simulated: bool) -> tuple[dict[str, Cell], list[Entry]]:
    """Every image that can be drawn, and the cells that join what may meet: all generations, never the best of several.

    Images that were kept out or pruned, those of retired contenders and those of runs that do not count are left out.
    """
    prompt = (PROMPT.c.id == TRIAL.c.prompt_id) & (PROMPT.c.sha256 == TRIAL.c.prompt_sha256)
    query = (
        sa.select(
            CONTENDER.c.id.label("contender"),
            IMAGE.c.attempt_id,
            IMAGE.c.position,
            IMAGE.c.sha256,
            TRIAL.c.run_id,
            TRIAL.c.prompt_id,
            TRIAL.c.prompt_sha256,
            TRIAL.c.width_px,
            TRIAL.c.height_px,
            PROMPT.c.mode,
            PROMPT.c.category,
        )
        .select_from(IMAGE)
        .join(ATTEMPT, ATTEMPT.c.id == IMAGE.c.attempt_id)
        .join(TRIAL, TRIAL.c.id == ATTEMPT.c.trial_id)
        .join(RUN, RUN.c.id == TRIAL.c.run_id)
        .join(PROMPT, prompt)
        .join(ARTIFACT, ARTIFACT.c.sha256 == IMAGE.c.sha256)
        .join(
            CONTENDER,
            (CONTENDER.c.endpoint_id == TRIAL.c.endpoint_id) & (CONTENDER.c.simulated == ATTEMPT.c.simulated),
        )
        .outerjoin(RENDITION, RENDITION.c.source_sha256 == IMAGE.c.sha256)
        .where(
            ATTEMPT.c.status == AttemptStatus.SUCCEEDED,
            ATTEMPT.c.simulated == simulated,
            CONTENDER.c.retired_at.is_(None),
            RENDITION.c.kept_out.is_(None),
            COUNTS,
            ARTIFACT.c.pruned_at.is_(None),
        )
        .order_by(IMAGE.c.attempt_id, IMAGE.c.position)
    )
    settings = _settings_by_run(connection)
    cells: dict[str, Cell] = {}
    found: list[Entry] = []
    for row in connection.execute(query):
        key = _cell_key(row, settings[row.run_id])
        if key not in cells:
            cells[key] = Cell(
                key=key,
                prompt_id=row.prompt_id,
                prompt_sha256=row.prompt_sha256,
                mode=Mode(row.mode),
                category=row.category,
                simulated=simulated,
            )
        found.append(
            Entry.model_construct(  # as many as there are images: what the database checked is not checked again
                contender=row.contender, attempt_id=row.attempt_id, position=row.position, sha256=row.sha256, cell=key
            )
        )
    return cells, found


def _settings_by_run(connection: Connection) -> dict[str, str]:
    """What every request of a run had in common, beside the size, that must be equal for two images to meet."""
    found = {}
    for row in connection.execute(sa.select(RUN.c.id, RUN.c.plan_json)):
        asked = Plan.model_validate_json(row.plan_json).request
        found[row.id] = f"{asked.steps}/{asked.guidance}/{asked.safety}"
    return found


def _cell_key(row: Any, settings: str) -> str:
    text = f"{row.prompt_id}/{row.prompt_sha256}/{row.width_px}x{row.height_px}/{settings}"
    return hashlib.sha256(text.encode()).hexdigest()[:24]
