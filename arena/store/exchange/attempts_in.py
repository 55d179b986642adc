"""Which attempts and runs a scope is about: what the queries over measurements share."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from arena.domain.outcome import AttemptStatus
from arena.store.exchange.columns import Changes, Scope
from arena.store.runs import ATTEMPT, DIGEST, PROMPT, RUN, RUN_ENDPOINT, TRIAL

if TYPE_CHECKING:
    from datetime import date, datetime

    from sqlalchemy import Connection

ENDED = ATTEMPT.c.status != AttemptStatus.INTENDED
BEGUN_AT = sa.func.coalesce(ATTEMPT.c.started_at, ATTEMPT.c.intended_at)
WRITTEN_AT = ATTEMPT.c.intended_at
"""Never missing, and never changed: what a row's partition is decided by."""
WRITTEN_BEFORE_SENT = timedelta(hours=1)
"""An attempt is written down so long before it is sent at the most."""
SAME_ENDPOINT = (RUN_ENDPOINT.c.run_id == TRIAL.c.run_id) & (RUN_ENDPOINT.c.endpoint_id == TRIAL.c.endpoint_id)
SAME_PROMPT = (PROMPT.c.id == TRIAL.c.prompt_id) & (PROMPT.c.sha256 == TRIAL.c.prompt_sha256)


def changed(changes: Changes) -> sa.ColumnElement[bool]:
    """That an attempt, or how its prompt is classified, changed."""
    either = sa.or_(ATTEMPT.c.changed_epoch >= changes.since, PROMPT.c.changed_epoch >= changes.since)
    return either & (ATTEMPT.c.changed_epoch < changes.until)


def of_attempts(query: sa.Select[Any], scope: Scope, day: sa.ColumnElement[Any] = WRITTEN_AT) -> sa.Select[Any]:
    """A query over attempts joined with trials and prompts, narrowed and in order."""
    conditions = [*scope.within(BEGUN_AT), *scope.on_days(day)]
    if scope.run_id is not None:
        conditions.append(TRIAL.c.run_id == scope.run_id)
    if scope.trial is not None:
        conditions.append(TRIAL.c.seq == scope.trial)
    if scope.prompt_id is not None:
        conditions.append(TRIAL.c.prompt_id == scope.prompt_id)
    if scope.endpoint is not None:
        conditions.append(TRIAL.c.endpoint_id == scope.endpoint)
    if scope.simulated is not None:
        conditions.append(ATTEMPT.c.simulated == scope.simulated)
    if scope.changes is not None:
        conditions.append(changed(scope.changes))
    return query.where(*conditions).order_by(TRIAL.c.run_id, TRIAL.c.seq, ATTEMPT.c.number)


def runs_in(scope: Scope) -> sa.Select[Any] | None:
    """The runs that a scope has attempts of; None: all runs."""
    if not scope.is_narrowed:
        return None
    if scope.filters.keys() == {"run_id"}:
        return sa.select(sa.literal(scope.run_id))
    rest = Scope(scope.run_id, scope.begin, scope.end, scope.endpoint, scope.simulated)
    made = sa.select(TRIAL.c.run_id).join(ATTEMPT, ATTEMPT.c.trial_id == TRIAL.c.id).join(PROMPT, SAME_PROMPT)
    return of_attempts(made.where(ENDED), rest).order_by(None).distinct()


def pruned_runs(connection: Connection, scope: Scope) -> int:
    """How many runs a scope has of which rows of attempts are gone (`arena.store.pruning`), simulated or not."""
    return len(_pruned(connection, scope))


def pruned_days(connection: Connection, scope: Scope) -> set[date]:
    """The days (UTC) on which attempts were written whose rows are gone, and perhaps one before them."""
    found: set[date] = set()
    for first_at, last_at in _pruned(connection, scope):
        begun = (first_at - WRITTEN_BEFORE_SENT).date()
        found |= {begun + timedelta(days=i) for i in range((last_at.date() - begun).days + 1)}
    return found


def _pruned(connection: Connection, scope: Scope) -> list[tuple[datetime, datetime]]:
    """When the attempts of each such run began and ended."""
    query = sa.select(DIGEST.c.first_at, DIGEST.c.last_at).join(RUN, RUN.c.id == DIGEST.c.run_id)
    query = query.where(RUN.c.attempts_pruned_at.is_not(None))
    if scope.run_id is not None:
        query = query.where(RUN.c.id == scope.run_id)
    if scope.begin is not None:
        query = query.where(DIGEST.c.last_at >= scope.begin)
    if scope.end is not None:
        query = query.where(DIGEST.c.first_at < scope.end)
    if scope.endpoint is not None:
        mine = sa.select(RUN_ENDPOINT.c.run_id).where(RUN_ENDPOINT.c.endpoint_id == scope.endpoint)
        query = query.where(RUN.c.id.in_(mine))
    return [(row.first_at, row.last_at) for row in connection.execute(query)]


def narrowed(query: sa.Select[Any], run_id: sa.ColumnElement[str], scope: Scope) -> sa.Select[Any]:
    """A query over runs, by the column that names them, narrowed to those of a scope."""
    chosen = runs_in(scope)
    return query if chosen is None else query.where(run_id.in_(chosen))
