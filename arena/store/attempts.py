"""Attempts as they are fired: the intent before the call, the outcome after it; many in one go where many are due.

One statement for a whole batch costs little more than one for a row: at hundreds of attempts a second the time of each
statement would be the largest part of what a trial costs this side.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING

import sqlalchemy as sa

from arena.domain.outcome import AttemptStatus
from arena.store import mapping
from arena.store.exchange_tables import CurrentEpoch
from arena.store.runs import ATTEMPT, CALL, GLIMPSE, IMAGE, forget_digest, run_of, upsert_artifacts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from arena.domain.outcome import Outcome

_INTEND = ATTEMPT.insert().returning(ATTEMPT.c.id, ATTEMPT.c.trial_id, ATTEMPT.c.number)
FIRST_EXPORTABLE = {"first_epoch": sa.func.coalesce(ATTEMPT.c.first_epoch, CurrentEpoch())}
"""What is set when an attempt is no longer only intended."""
_INSERT_IMAGES, _INSERT_GLIMPSES, _INSERT_CALLS = IMAGE.insert(), GLIMPSE.insert(), CALL.insert()


@dataclass(frozen=True, slots=True)
class Intent:
    """An attempt that is about to be fired."""

    trial_id: int
    number: int
    simulated: bool


@dataclass(frozen=True, slots=True)
class Ended:
    """What an intended attempt came to."""

    attempt_id: int
    outcome: Outcome


def write_intents(connection: Connection, intents: Sequence[Intent]) -> list[int]:
    """Write that attempts are about to be fired; returns their ids, in the same order."""
    now = datetime.now(UTC)
    rows = [mapping.intent_row(i.trial_id, i.number, now, simulated=i.simulated) for i in intents]
    ids = {(row.trial_id, row.number): row.id for row in connection.execute(_INTEND, rows)}
    return [ids[i.trial_id, i.number] for i in intents]


def write_outcomes(connection: Connection, ended: Sequence[Ended]) -> list[None]:
    """Replace intents by outcomes, with their images and calls. RuntimeError if one of them has an outcome already."""
    rows = [{"of_attempt": e.attempt_id, **mapping.outcome_row(e.outcome)} for e in ended]
    if connection.execute(_end_statement(frozenset(rows[0])), rows).rowcount != len(rows):
        raise RuntimeError(f"attempt {', '.join(str(e.attempt_id) for e in ended)}: one already has an outcome")
    # A run that was given up may have been digested; its recorder's late outcomes are all of one run.
    forget_digest(connection, run_of(ended[0].attempt_id))
    artifacts = [mapping.artifact_row(image) for e in ended for image in e.outcome.images]
    if artifacts:
        upsert_artifacts(connection, artifacts)
    for statement, rows_of in (
        (_INSERT_IMAGES, mapping.image_rows),
        (_INSERT_GLIMPSES, mapping.glimpse_rows),
        (_INSERT_CALLS, mapping.call_rows),
    ):
        parts = [row for e in ended for row in rows_of(e.attempt_id, e.outcome)]
        if parts:
            connection.execute(statement, parts)
    return [None] * len(ended)


def write_intent(connection: Connection, trial_id: int, number: int, *, simulated: bool) -> int:
    """As `write_intents`, of one."""
    return write_intents(connection, [Intent(trial_id, number, simulated)])[0]


def write_outcome(connection: Connection, attempt_id: int, outcome: Outcome) -> None:
    """As `write_outcomes`, of one."""
    write_outcomes(connection, [Ended(attempt_id, outcome)])


@cache
def _end_statement(columns: frozenset[str]) -> sa.Update:
    # An attempt that another process has given up as unknown meanwhile may still get its true outcome.
    is_open = (ATTEMPT.c.status == AttemptStatus.INTENDED) | (ATTEMPT.c.status == AttemptStatus.UNKNOWN)
    pending = (ATTEMPT.c.id == sa.bindparam("of_attempt")) & is_open
    values = {name: sa.bindparam(name, type_=ATTEMPT.c[name].type) for name in columns - {"of_attempt"}}
    return ATTEMPT.update().where(pending).values(values | FIRST_EXPORTABLE)
