"""Images page by page, the newest first, by prompt, contender and run; reads no more than the page that is shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from arena.store.battles import CONTENDER, RENDITION
from arena.store.contenders import DEGRADED
from arena.store.runs import ARTIFACT, ATTEMPT, COUNTS, IMAGE, PROMPT, RUN, RUN_ENDPOINT, TRIAL
from arena.store.screening import SCREENING
from arena.units import NANO_USD_PER_USD, NS_PER_MS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import Connection


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which images; None: of every one. Simulated images and real ones are never listed together."""

    simulated: bool
    prompt_id: str | None = None
    endpoint_id: str | None = None
    run_id: str | None = None
    category: str | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where an image stands in the order of the gallery; pages begin and end with one."""

    trial_id: int
    attempt_id: int
    position: int


@dataclass(frozen=True, slots=True)
class Shot:
    """An image with what was asked for and what came. `screened`: it was looked at beside others of its provider."""

    place: Place
    run_id: str
    trial: int
    attempt: int
    endpoint: str
    simulated: bool
    purpose: str
    prompt_id: str
    prompt_sha256: str
    category: str
    repetition: int
    seed: int | None
    served_seed: int | None
    requested: tuple[int, int]
    requested_format: str
    sent_size: str | None
    sha256: str
    image_format: str
    width_px: int
    height_px: int
    size_bytes: int
    started_at: datetime | None
    time_to_image_ms: float | None
    cost_usd: float | None
    cost_source: str | None
    kept_out: str | None
    screened: bool


def shots(connection: Connection, wanted: Wanted, most: int, after: Place | None = None) -> list[Shot]:
    """At most so many images in order; `after`: those that follow this one (older ones)."""
    query = _query(wanted).order_by(*(column.desc() for column in _order(wanted))).limit(most)
    if after is not None:
        query = query.where(_tuple(wanted) < _tuple_of(wanted, after))
    return [_shot(row) for row in connection.execute(query)]


def newer(connection: Connection, wanted: Wanted, most: int, before: Place) -> list[Shot]:
    """At most so many images that stand just before this one, in the order of the gallery."""
    query = _query(wanted).where(_tuple(wanted) > _tuple_of(wanted, before)).order_by(*_order(wanted)).limit(most)
    return [_shot(row) for row in connection.execute(query)][::-1]


def shot(connection: Connection, attempt_id: int, position: int) -> Shot | None:
    """One image by the attempt that brought it."""
    found = connection.execute(_images().where(IMAGE.c.attempt_id == attempt_id, IMAGE.c.position == position)).first()
    return None if found is None else _shot(found)


def kinds(connection: Connection) -> list[bool]:
    """Whether there are real images (False) and simulated ones (True), real ones first."""
    found = []
    for simulated in (False, True):
        query = (
            sa.select(IMAGE.c.attempt_id)
            .join(ATTEMPT, ATTEMPT.c.id == IMAGE.c.attempt_id)
            .where(ATTEMPT.c.simulated == simulated)
            .order_by(ATTEMPT.c.id.desc())
            .limit(1)
        )
        if connection.execute(query).first() is not None:
            found.append(simulated)
    return found


def prompts_known(connection: Connection, *, only_counting: bool = False) -> list[tuple[str, str]]:
    """Id and category of every prompt, in alphabetical order; `only_counting`: of those that a run that counts used."""
    query = sa.select(PROMPT.c.id, PROMPT.c.category).distinct().order_by(PROMPT.c.id)
    if only_counting:
        used = sa.select(TRIAL.c.id).join(RUN, RUN.c.id == TRIAL.c.run_id)
        query = query.where(used.where(TRIAL.c.prompt_id == PROMPT.c.id, COUNTS).exists())
    return [(row.id, row.category) for row in connection.execute(query)]


def prompt_text(connection: Connection, prompt_id: str, sha256: str | None = None) -> str | None:
    """The words of a prompt; without a hash, those of one of its versions. None if there is no such prompt."""
    query = sa.select(PROMPT.c.text).where(PROMPT.c.id == prompt_id)
    query = query if sha256 is None else query.where(PROMPT.c.sha256 == sha256)
    found: str | None = connection.execute(query.order_by(PROMPT.c.sha256).limit(1)).scalar()
    return found


def endpoints_known(connection: Connection, *, simulated: bool) -> list[str]:
    """Every endpoint that was declared to be of this kind or has shown to be, in alphabetical order."""
    declared = sa.select(RUN_ENDPOINT.c.endpoint_id).where(RUN_ENDPOINT.c.simulated == simulated)
    shown = sa.select(CONTENDER.c.endpoint_id).where(
        CONTENDER.c.simulated == simulated, CONTENDER.c.endpoint_id != DEGRADED
    )
    return sorted(connection.execute(declared.union(shown)).scalars())


def image_counts(connection: Connection, prompt_ids: Sequence[str], *, simulated: bool) -> dict[str, int]:
    """How many images of runs that count there are of each of these prompts."""
    query = (
        sa.select(TRIAL.c.prompt_id, sa.func.count())
        .select_from(TRIAL)
        .join(RUN, RUN.c.id == TRIAL.c.run_id)
        .join(ATTEMPT, ATTEMPT.c.trial_id == TRIAL.c.id)
        .join(IMAGE, IMAGE.c.attempt_id == ATTEMPT.c.id)
        .where(TRIAL.c.prompt_id.in_(list(prompt_ids)), _plain(ATTEMPT.c.simulated) == simulated, COUNTS)
        .group_by(TRIAL.c.prompt_id)
    )
    return {row[0]: int(row[1]) for row in connection.execute(query)}


def _narrow(wanted: Wanted) -> bool:
    """Whether an index over trials leads to these images; else they are read along the attempts."""
    return any(v is not None for v in (wanted.prompt_id, wanted.endpoint_id, wanted.run_id))


def _order(wanted: Wanted) -> tuple[Any, ...]:
    """Newest first means the latest trial, where trials are looked up by an index that holds them in this order."""
    return (TRIAL.c.id, ATTEMPT.c.id, IMAGE.c.position) if _narrow(wanted) else (ATTEMPT.c.id, IMAGE.c.position)


def _tuple(wanted: Wanted) -> sa.Tuple:
    return sa.tuple_(*_order(wanted))


def _tuple_of(wanted: Wanted, place: Place) -> sa.Tuple:
    marks = (place.trial_id, place.attempt_id, place.position)
    return sa.tuple_(*(sa.literal(mark) for mark in (marks if _narrow(wanted) else marks[1:])))


def _plain(column: Any) -> Any:
    """A column by which no index is to be chosen: SQLite guesses that half of all rows have either value."""
    return sa.func.coalesce(column, sa.false())


def _query(wanted: Wanted) -> sa.Select[Any]:
    query, narrow = _images(), _narrow(wanted)
    query = query.where((_plain(ATTEMPT.c.simulated) if narrow else ATTEMPT.c.simulated) == wanted.simulated)
    if wanted.prompt_id is not None:
        query = query.where(TRIAL.c.prompt_id == wanted.prompt_id)
    elif wanted.category is not None:
        query = query.where(PROMPT.c.category == wanted.category)
    if wanted.endpoint_id is not None:
        by_prompt = wanted.prompt_id is not None  # of which there are fewer trials
        endpoint = sa.func.coalesce(TRIAL.c.endpoint_id, "") if by_prompt else TRIAL.c.endpoint_id
        query = query.where(endpoint == wanted.endpoint_id)
    if wanted.run_id is not None:
        query = query.where(TRIAL.c.run_id == wanted.run_id)
    return query


def _images() -> sa.Select[Any]:
    same_prompt = (PROMPT.c.id == TRIAL.c.prompt_id) & (PROMPT.c.sha256 == TRIAL.c.prompt_sha256)
    return (
        sa.select(
            TRIAL.c.id.label("trial_id"),
            ATTEMPT.c.id.label("attempt_id"),
            IMAGE.c.position,
            TRIAL.c.run_id,
            TRIAL.c.seq,
            ATTEMPT.c.number,
            TRIAL.c.endpoint_id,
            ATTEMPT.c.simulated,
            RUN.c.purpose,
            TRIAL.c.prompt_id,
            TRIAL.c.prompt_sha256,
            PROMPT.c.category,
            TRIAL.c.repetition,
            TRIAL.c.seed,
            ATTEMPT.c.sent_seed,
            TRIAL.c.width_px.label("requested_width_px"),
            TRIAL.c.height_px.label("requested_height_px"),
            TRIAL.c.format.label("requested_format"),
            ATTEMPT.c.sent_size,
            IMAGE.c.sha256,
            ARTIFACT.c.format,
            ARTIFACT.c.width_px,
            ARTIFACT.c.height_px,
            ARTIFACT.c.size_bytes,
            ATTEMPT.c.started_at,
            ATTEMPT.c.last_image_byte_ns,
            ATTEMPT.c.cost_nano_usd,
            ATTEMPT.c.cost_source,
            RENDITION.c.kept_out,
            SCREENING.c.image_sha256.label("screened"),
        )
        .select_from(IMAGE)
        .join(ATTEMPT, ATTEMPT.c.id == IMAGE.c.attempt_id)
        .join(TRIAL, TRIAL.c.id == ATTEMPT.c.trial_id)
        .join(RUN, RUN.c.id == TRIAL.c.run_id)
        .join(PROMPT, same_prompt)
        .join(ARTIFACT, ARTIFACT.c.sha256 == IMAGE.c.sha256)
        .outerjoin(RENDITION, RENDITION.c.source_sha256 == IMAGE.c.sha256)
        .outerjoin(SCREENING, SCREENING.c.image_sha256 == IMAGE.c.sha256)
    )


def _shot(row: Any) -> Shot:
    return Shot(
        place=Place(row.trial_id, row.attempt_id, row.position),
        run_id=row.run_id,
        trial=row.seq,
        attempt=row.number,
        endpoint=row.endpoint_id,
        simulated=bool(row.simulated),
        purpose=row.purpose,
        prompt_id=row.prompt_id,
        prompt_sha256=row.prompt_sha256,
        category=row.category,
        repetition=row.repetition,
        seed=row.seed,
        served_seed=row.sent_seed,
        requested=(row.requested_width_px, row.requested_height_px),
        requested_format=row.requested_format,
        sent_size=row.sent_size,
        sha256=row.sha256,
        image_format=row.format,
        width_px=row.width_px,
        height_px=row.height_px,
        size_bytes=row.size_bytes,
        started_at=row.started_at,
        time_to_image_ms=None if row.last_image_byte_ns is None else row.last_image_byte_ns / NS_PER_MS,
        cost_usd=None if row.cost_nano_usd is None else row.cost_nano_usd / NANO_USD_PER_USD,
        cost_source=row.cost_source,
        kept_out=row.kept_out,
        screened=row.screened is not None,
    )
