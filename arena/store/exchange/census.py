"""What a data card says in numbers: counted in the database, for one scope."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from arena.domain.battle import Purpose, VoterKind
from arena.domain.outcome import AttemptStatus
from arena.store.battles import RENDITION
from arena.store.exchange.attempts_in import BEGUN_AT, ENDED, SAME_ENDPOINT, SAME_PROMPT, of_attempts, pruned_runs
from arena.store.exchange.loading.tally import in_pieces
from arena.store.exchange.voted import VOTES
from arena.store.runs import ARTIFACT, ATTEMPT, IMAGE, PROMPT, RUN, RUN_ENDPOINT, TRIAL

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

    from arena.store.exchange.columns import Scope

Span = tuple["datetime | None", "datetime | None"]


@dataclass(frozen=True, slots=True)
class Census:
    """Counts, names and dates. Voters are a number here and nothing else."""

    runs: int
    pruned_runs: int
    attempts_simulated: int
    attempts_real: int
    unknown_ends: int
    attempted: Span
    endpoints: tuple[str, ...]
    regions: tuple[str, ...]
    prompts: int
    categories: tuple[str, ...]
    images: int
    sizes: str
    votes_simulated: int
    votes_real: int
    voted: Span
    people: int
    judges: int
    taken_back: int
    checking: int
    set_apart: tuple[tuple[str, int], ...]
    kept_out: tuple[tuple[str, int], ...]


def census(connection: Connection, scope: Scope) -> Census:
    """Count what a scope holds."""
    attempts = _attempts(connection, scope)
    votes = _votes(connection, scope)
    reasons = connection.execute(sa.select(RENDITION.c.kept_out).where(RENDITION.c.kept_out.is_not(None))).scalars()
    return Census(**attempts, **votes, kept_out=_by_reason((reason, 1) for reason in reasons))


def _attempts(connection: Connection, scope: Scope) -> dict[str, Any]:
    def made(*columns: Any) -> sa.Select[Any]:
        query = sa.select(*columns).select_from(ATTEMPT).join(TRIAL, TRIAL.c.id == ATTEMPT.c.trial_id)
        query = query.join(RUN_ENDPOINT, SAME_ENDPOINT).join(PROMPT, SAME_PROMPT).where(ENDED)
        return of_attempts(query, scope).order_by(None)

    def distinct(column: Any) -> tuple[str, ...]:
        return tuple(sorted(v for v in connection.execute(made(column).distinct()).scalars() if v is not None))

    simulated, real, unknown = (
        int(connection.execute(made(sa.func.count()).where(condition)).scalar_one())
        for condition in (ATTEMPT.c.simulated, ~ATTEMPT.c.simulated, ATTEMPT.c.status == AttemptStatus.UNKNOWN)
    )
    span = connection.execute(made(sa.func.min(BEGUN_AT), sa.func.max(BEGUN_AT))).one()
    images = made(IMAGE.c.sha256).join(IMAGE, IMAGE.c.attempt_id == ATTEMPT.c.id).distinct().subquery()
    sizes = sa.select(ARTIFACT.c.width_px, ARTIFACT.c.height_px, sa.func.count()).join(
        images, images.c.sha256 == ARTIFACT.c.sha256
    )
    found = connection.execute(sizes.group_by(ARTIFACT.c.width_px, ARTIFACT.c.height_px)).all()
    most_first = sorted(found, key=lambda row: -row[2])
    return {
        "pruned_runs": pruned_runs(connection, scope),
        "runs": len(distinct(TRIAL.c.run_id)),
        "attempts_simulated": simulated,
        "attempts_real": real,
        "unknown_ends": unknown,
        "attempted": tuple(span),
        "endpoints": distinct(TRIAL.c.endpoint_id),
        "regions": _regions(connection, distinct(TRIAL.c.run_id)),
        "prompts": len(distinct(TRIAL.c.prompt_sha256)),
        "categories": distinct(PROMPT.c.category),
        "images": sum(row[2] for row in found),
        "sizes": ", ".join(f"{n:,} of {width} × {height} px" for width, height, n in most_first),
    }


def _regions(connection: Connection, run_ids: tuple[str, ...]) -> tuple[str, ...]:
    """Where runs were measured from, as far as their operators have said so."""
    found = {
        json.loads(environment).get("region")
        for piece in in_pieces(run_ids)
        for environment in connection.execute(sa.select(RUN.c.environment_json).where(RUN.c.id.in_(piece))).scalars()
    }
    return tuple(sorted(region for region in found if region))


def _votes(connection: Connection, scope: Scope) -> dict[str, Any]:
    """Counted from the rows as they are exported, so that the card and the table are of the same votes."""
    exported = VOTES.query(scope).order_by(None).subquery()
    c = exported.c

    def count(*conditions: Any) -> int:
        query = sa.select(sa.func.count()).select_from(exported).where(*conditions)
        return int(connection.execute(query).scalar_one())

    def voters(kind: VoterKind) -> int:
        query = sa.select(sa.func.count(c.evaluation_session_id.distinct())).where(c.voter_kind == kind)
        return int(connection.execute(query).scalar_one())

    reasons = sa.select(c.quarantine, sa.func.count()).where(c.quarantine.is_not(None), c.undone_at.is_(None))
    return {
        "votes_simulated": count(c.simulated),
        "votes_real": count(~c.simulated),
        "voted": tuple(connection.execute(sa.select(sa.func.min(c.tstamp), sa.func.max(c.tstamp))).one()),
        "people": voters(VoterKind.HUMAN),
        "judges": voters(VoterKind.JUDGE),
        "taken_back": count(c.undone_at.is_not(None)),
        "checking": count(c.purpose != Purpose.RATE),
        "set_apart": _by_reason((row[0], row[1]) for row in connection.execute(reasons.group_by(c.quarantine))),
    }


def _by_reason(found: Any) -> tuple[tuple[str, int], ...]:
    """Reasons by their words before a colon, the most frequent first: what comes after may name somebody."""
    counts: dict[str, int] = {}
    for reason, count in found:
        words = reason.partition(":")[0].strip()
        counts[words] = counts.get(words, 0) + int(count)
    return tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
