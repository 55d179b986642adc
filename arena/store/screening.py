"""Which images were looked at beside others of their provider, and which are kept out of battles, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from arena.domain.check import Ruler, Ruling
from arena.domain.outcome import AttemptStatus
from arena.domain.request import Mode
from arena.store.battles import CONTENDER, RENDITION
from arena.store.rulings import rule
from arena.store.runs import ARTIFACT, ATTEMPT, COUNTS, IMAGE, PROMPT, RUN, TRIAL, insert_ignore
from arena.store.schema import METADATA

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import Connection

SCREENING = METADATA.tables["screening"]
KEPT_OUT_BY_OPERATOR = "kept out by the operator"


@dataclass(frozen=True, slots=True)
class Delivered:
    """An image as it was delivered. `subject` tells what was asked for: the prompt, or the images that it edits."""

    sha256: str
    provider: str
    endpoint_id: str
    simulated: bool
    run_id: str
    attempt_id: int
    prompt_id: str
    subject: str
    size: tuple[int, int]
    thumbnail: bytes | None
    kept_out: str | None
    pruned_at: datetime | None


def delivered(
    connection: Connection,
    providers: Sequence[tuple[str, bool]] | None = None,
    *,
    prompt_id: str | None = None,
    only_kept_out: bool = False,
) -> list[Delivered]:
    """Every image of contenders from runs that count, the newest first; one delivered for two prompts is there twice.

    `providers` are names, each with whether its images are simulated; None: of all, as of all prompts.
    """
    query = _images(SCREENING.c.thumbnail, RENDITION.c.kept_out)
    query = query.outerjoin(RENDITION, RENDITION.c.source_sha256 == IMAGE.c.sha256)
    if prompt_id is not None:
        query = query.where(TRIAL.c.prompt_id == prompt_id)
    if only_kept_out:
        query = query.where(RENDITION.c.kept_out.is_not(None))
    if providers is not None:
        wanted = (((CONTENDER.c.provider == p) & (CONTENDER.c.simulated == simulated)) for p, simulated in providers)
        query = query.where(sa.or_(sa.false(), *wanted))
    return [_delivered(row) for row in connection.execute(query.order_by(IMAGE.c.attempt_id.desc()))]


def not_screened(connection: Connection, most: int | None) -> list[Delivered]:
    """Images that were not looked at yet, the oldest first, at most so many."""
    missing = SCREENING.c.image_sha256.is_(None) & ARTIFACT.c.pruned_at.is_(None)
    query = _images(SCREENING.c.thumbnail, sa.null().label("kept_out")).where(missing)
    found = connection.execute(query.order_by(IMAGE.c.attempt_id).limit(most))
    return [_delivered(row) for row in found]


def _images(*more: Any) -> sa.Select[Any]:
    same_prompt = (PROMPT.c.id == TRIAL.c.prompt_id) & (PROMPT.c.sha256 == TRIAL.c.prompt_sha256)
    same_contender = (CONTENDER.c.endpoint_id == TRIAL.c.endpoint_id) & (CONTENDER.c.simulated == ATTEMPT.c.simulated)
    return (
        sa.select(
            IMAGE.c.sha256,
            CONTENDER.c.provider,
            CONTENDER.c.endpoint_id,
            CONTENDER.c.simulated,
            TRIAL.c.run_id,
            IMAGE.c.attempt_id,
            PROMPT.c.id.label("prompt_id"),
            PROMPT.c.sha256.label("prompt_sha256"),
            PROMPT.c.mode,
            PROMPT.c.source_sha256_json,
            ARTIFACT.c.width_px,
            ARTIFACT.c.height_px,
            ARTIFACT.c.pruned_at,
            *more,
        )
        .select_from(IMAGE)
        .join(ARTIFACT, ARTIFACT.c.sha256 == IMAGE.c.sha256)
        .join(ATTEMPT, ATTEMPT.c.id == IMAGE.c.attempt_id)
        .join(TRIAL, TRIAL.c.id == ATTEMPT.c.trial_id)
        .join(RUN, RUN.c.id == TRIAL.c.run_id)
        .join(PROMPT, same_prompt)
        .join(CONTENDER, same_contender)
        .outerjoin(SCREENING, SCREENING.c.image_sha256 == IMAGE.c.sha256)
        .where(ATTEMPT.c.status == AttemptStatus.SUCCEEDED, COUNTS)
    )


def _delivered(row: Any) -> Delivered:
    subject = row.source_sha256_json if row.mode == Mode.EDIT else f"{row.prompt_id}/{row.prompt_sha256}"
    size = (int(row.width_px), int(row.height_px))
    return Delivered(
        row.sha256,
        row.provider,
        row.endpoint_id,
        row.simulated,
        row.run_id,
        row.attempt_id,
        row.prompt_id,
        subject,
        size,
        row.thumbnail,
        row.kept_out,
        row.pruned_at,
    )


def write_screened(connection: Connection, thumbnails: dict[str, bytes], rules: str, now: datetime) -> None:
    """Note that images were looked at; what could not be decoded has no thumbnail (no bytes)."""
    rows = [
        {"image_sha256": sha256, "rules": rules, "thumbnail": data, "screened_at": now}
        for sha256, data in thumbnails.items()
    ]
    if rows:
        insert_ignore(connection, SCREENING, rows)


def keep_out(connection: Connection, reasons: dict[str, str], now: datetime) -> None:
    """Keep images out of battles from now on; those that are kept out already keep their reason."""
    for sha256, reason in reasons.items():
        row = {"source_sha256": sha256, "recipe": "", "sha256": None, "kept_out": reason, "made_at": now}
        insert_ignore(connection, RENDITION, [row])
        free = (RENDITION.c.source_sha256 == sha256) & RENDITION.c.kept_out.is_(None)
        connection.execute(RENDITION.update().where(free).values(kept_out=reason))


def rule_on_image(connection: Connection, sha256: str, reason: str, now: datetime, *, apart: bool) -> None:
    """The operator's word about an image: it stands, whatever is found later."""
    said = f"{KEPT_OUT_BY_OPERATOR}: {reason}" if apart else reason
    rule(connection, Ruling(image_sha256=sha256, apart=apart, reason=said, by=Ruler.OPERATOR, at=now))
    # An empty recipe: the rendition is made anew when it is next shown.
    changed = {"kept_out": said if apart else None, "recipe": ""}
    row = {"source_sha256": sha256, "sha256": None, "made_at": now, **changed}
    insert_ignore(connection, RENDITION, [row])
    connection.execute(RENDITION.update().where(RENDITION.c.source_sha256 == sha256).values(**changed))


def is_image(connection: Connection, sha256: str) -> bool:
    """Whether an image with this hash is stored."""
    return connection.execute(sa.select(ARTIFACT.c.sha256).where(ARTIFACT.c.sha256 == sha256)).first() is not None
