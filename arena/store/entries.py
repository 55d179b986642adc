"""Every image that can be drawn, as columns: half a million are read in seconds and held in tens of megabytes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import sqlalchemy as sa

from arena.domain.battle import Cell
from arena.domain.outcome import AttemptStatus
from arena.domain.plan import Plan
from arena.domain.request import Mode
from arena.store.battles import CONTENDER, FETCHED_ROWS, RENDITION
from arena.store.runs import ARTIFACT, ATTEMPT, COUNTS, IMAGE, PROMPT, RUN, TRIAL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from sqlalchemy import Connection

Asked = tuple[str, str, str, int, int]
"""Run, prompt, hash of the prompt, width and height in pixels."""


@dataclass(frozen=True, slots=True)
class Entries:
    """One row an image, in the order in which they were made. `cell` is an index into the cells that come with it."""

    attempt_id: NDArray[np.int64]
    position: NDArray[np.int16]
    sha256: NDArray[np.bytes_]
    contender: NDArray[np.int32]
    cell: NDArray[np.int32]

    def taken(self, rows: NDArray[np.intp]) -> Entries:
        """These rows, in this order."""
        return Entries(*(column[rows] for column in self.columns()))

    def columns(self) -> tuple[NDArray[Any], ...]:
        """All columns, in the order of the fields."""
        return self.attempt_id, self.position, self.sha256, self.contender, self.cell


def entries(connection: Connection, *, simulated: bool) -> tuple[list[Cell], Entries]:
    """Every image that can be drawn, and the cells that join what may meet: all generations, never the best of several.

    Images that were kept out or pruned, those of retired contenders and those of runs that do not count are left out.
    """
    cells = _Cells(connection, simulated=simulated)
    # From the driver's own cursor: an object a row would take longer than everything else together.
    cursor = connection.execute(_query(simulated=simulated)).cursor
    pieces = []
    while rows := cursor.fetchmany(FETCHED_ROWS):
        attempt, position, sha256, contender, *asked = zip(*rows, strict=True)
        pieces.append(
            Entries(
                np.array(attempt, np.int64),
                np.array(position, np.int16),
                np.array(sha256, "S64"),
                np.array(contender, np.int32),
                cells.numbers(zip(*asked, strict=True)),
            )
        )
    if not pieces:
        kinds = (np.int64, np.int16, "S64", np.int32, np.int32)
        return cells.found, Entries(*(np.zeros(0, kind) for kind in kinds))
    return cells.found, Entries(*(np.concatenate(parts) for parts in zip(*(p.columns() for p in pieces), strict=True)))


def edition(connection: Connection) -> str:
    """Changes whenever other images can be drawn, and costs next to nothing: no table of images is read for it."""
    newest = connection.execute(sa.select(sa.func.max(IMAGE.c.attempt_id))).scalar()
    runs = connection.execute(sa.select(sa.func.count(RUN.c.id), sa.func.max(RUN.c.ended_at))).one()
    gone = sa.select(sa.func.count(ARTIFACT.c.sha256)).where(ARTIFACT.c.pruned_at.is_not(None))
    pruned = connection.execute(gone).scalar()
    kept_out = sa.select(RENDITION.c.source_sha256, RENDITION.c.kept_out).where(RENDITION.c.kept_out.is_not(None))
    people = sa.select(CONTENDER.c.id, CONTENDER.c.retired_at).order_by(CONTENDER.c.id)
    said = [
        newest,
        pruned,
        *runs,
        sorted(map(tuple, connection.execute(kept_out))),
        list(map(tuple, connection.execute(people))),
    ]
    return hashlib.sha256(repr(said).encode()).hexdigest()


def _query(*, simulated: bool) -> sa.Select[Any]:
    same = (CONTENDER.c.endpoint_id == TRIAL.c.endpoint_id) & (CONTENDER.c.simulated == ATTEMPT.c.simulated)
    return (
        sa.select(
            IMAGE.c.attempt_id,
            IMAGE.c.position,
            IMAGE.c.sha256,
            CONTENDER.c.id,
            TRIAL.c.run_id,
            TRIAL.c.prompt_id,
            TRIAL.c.prompt_sha256,
            TRIAL.c.width_px,
            TRIAL.c.height_px,
        )
        .select_from(IMAGE)
        .join(ATTEMPT, ATTEMPT.c.id == IMAGE.c.attempt_id)
        .join(TRIAL, TRIAL.c.id == ATTEMPT.c.trial_id)
        .join(CONTENDER, same)
        .outerjoin(RENDITION, RENDITION.c.source_sha256 == IMAGE.c.sha256)
        .where(
            ATTEMPT.c.status == AttemptStatus.SUCCEEDED,
            ATTEMPT.c.simulated == simulated,
            CONTENDER.c.retired_at.is_(None),
            RENDITION.c.kept_out.is_(None),
            TRIAL.c.run_id.in_(sa.select(RUN.c.id).where(COUNTS)),
            IMAGE.c.sha256.not_in(sa.select(ARTIFACT.c.sha256).where(ARTIFACT.c.pruned_at.is_not(None))),
        )
        .order_by(IMAGE.c.attempt_id, IMAGE.c.position)
    )


class _Cells:
    """The cells that were met so far, numbered, and what was asked for in each."""

    def __init__(self, connection: Connection, *, simulated: bool) -> None:
        self.found: list[Cell] = []
        self._settings = _settings_by_run(connection)
        columns = (PROMPT.c.id, PROMPT.c.sha256, PROMPT.c.mode, PROMPT.c.category)
        self._prompts = {(row.id, row.sha256): row for row in connection.execute(sa.select(*columns))}
        self._by_key: dict[str, int] = {}
        self._by_asked: dict[Asked, int] = {}
        self._simulated = simulated

    def numbers(self, asked: Any) -> NDArray[np.int32]:
        """The number of the cell of each."""
        known = self._by_asked
        return np.array([known[a] if a in known else self._add(a) for a in asked], np.int32)

    def _add(self, asked: Asked) -> int:
        run_id, prompt_id, prompt_sha256, width_px, height_px = asked
        key = cell_key(prompt_id, prompt_sha256, (width_px, height_px), self._settings[run_id])
        number = self._by_asked[asked] = self._by_key.setdefault(key, len(self.found))
        if number == len(self.found):
            row = self._prompts[prompt_id, prompt_sha256]
            self.found.append(
                Cell(
                    key=key,
                    prompt_id=prompt_id,
                    prompt_sha256=prompt_sha256,
                    mode=Mode(row.mode),
                    category=row.category,
                    simulated=self._simulated,
                )
            )
        return number


def _settings_by_run(connection: Connection) -> dict[str, str]:
    """What every request of a run had in common, beside the size, that must be equal for two images to meet."""
    found = {}
    for row in connection.execute(sa.select(RUN.c.id, RUN.c.plan_json)):
        asked = Plan.model_validate_json(row.plan_json).request
        found[row.id] = f"{asked.steps}/{asked.guidance}/{asked.safety}"
    return found


def cell_key(prompt_id: str, prompt_sha256: str, size_px: Sequence[int], settings: str) -> str:
    """What joins images that may meet: the same prompt, the same size, the same settings."""
    width_px, height_px = size_px
    return hashlib.sha256(f"{prompt_id}/{prompt_sha256}/{width_px}x{height_px}/{settings}".encode()).hexdigest()[:24]
