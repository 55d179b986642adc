"""What is written about a run, as functions of one connection; and the claim by which one process holds a run."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from arena.domain.endpoint import Endpoint
from arena.domain.outcome import AttemptStatus, CallPurpose
from arena.domain.plan import Phase, Trial
from arena.domain.purpose import COUNTING, RunPurpose
from arena.domain.run import Run, RunStatus
from arena.errors import ConfigError, RunBusyError, UnknownNameError
from arena.pricing import PriceCard
from arena.store import mapping
from arena.store.exchange_tables import CurrentEpoch
from arena.store.owners import alive
from arena.store.schema import METADATA

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection

    from arena.domain.fitness import Fitness
    from arena.domain.outcome import Cost
    from arena.domain.prompt import Prompt
    from arena.domain.request import PixelSize

HEARTBEAT_S = 5.0

RUN, RUN_ENDPOINT, PROMPT = METADATA.tables["run"], METADATA.tables["run_endpoint"], METADATA.tables["prompt"]
TRIAL, ATTEMPT = METADATA.tables["trial"], METADATA.tables["attempt"]
GLIMPSE = METADATA.tables["glimpse"]
DIGEST = METADATA.tables["digest"]
COUNTS = RUN.c.purpose.in_(COUNTING)
"""Which runs' images meet in battles and whose figures stand for a provider: the one place that says it in SQL."""
ARTIFACT, IMAGE, CALL = METADATA.tables["artifact"], METADATA.tables["image"], METADATA.tables["call"]


@dataclass(frozen=True, slots=True)
class StoredTrial:
    """A trial with its row id."""

    id: int
    trial: Trial


@dataclass(frozen=True, slots=True)
class PastAttempt:
    """What an earlier attempt came to, as far as money is concerned."""

    trial_id: int
    endpoint_id: str
    status: str
    failure_kind: str | None
    cost_nano_usd: int | None
    accepted: bool


@dataclass(frozen=True, slots=True)
class NamedAttempt:
    """A finished attempt and the provider's own name for it."""

    id: int
    endpoint_id: str
    request_id: str


def new_run_id(now: datetime) -> str:
    """Sortable by time, short enough to type: `20261121-093000-k3fq`."""
    alphabet = "abcdefghijkmnpqrstuvwxyz23456789"
    return f"{now:%Y%m%d-%H%M%S}-{''.join(secrets.choice(alphabet) for _ in range(4))}"


def create_run(
    connection: Connection,
    run: Run,
    endpoints: Sequence[tuple[Endpoint, PriceCard | None]],
    trials: Sequence[Trial],
    prompts: Mapping[str, Prompt],
    owner: str,
    *,
    sizes: Mapping[str, PixelSize] | None = None,
    now: datetime | None = None,
) -> list[StoredTrial]:
    """Write a run with everything that it will do, before it does any of it.

    `sizes` are those asked for by prompt; without it, all prompts have the plan's size. `now`: its first sign of
    life.
    """
    asked = dict.fromkeys(prompts, run.plan.request.pixel_size) if sizes is None else sizes
    connection.execute(RUN.insert(), mapping.run_row(run, owner, now or datetime.now(UTC)))
    connection.execute(RUN_ENDPOINT.insert(), [mapping.run_endpoint_row(run.id, e, card) for e, card in endpoints])
    _upsert_prompts(connection, [mapping.prompt_row(p) for p in prompts.values()])
    connection.execute(
        TRIAL.insert(), [mapping.trial_row(run, t, prompts[t.prompt_id], asked[t.prompt_id]) for t in trials]
    )
    return stored_trials(connection, run.id)


def stored_trials(connection: Connection, run_id: str) -> list[StoredTrial]:
    """All trials of a run, in order."""
    rows = connection.execute(sa.select(TRIAL).where(TRIAL.c.run_id == run_id).order_by(TRIAL.c.seq)).mappings()
    return [
        StoredTrial(
            row["id"],
            Trial(
                seq=row["seq"],
                endpoint_id=row["endpoint_id"],
                prompt_id=row["prompt_id"],
                repetition=row["repetition"],
                phase=Phase(row["phase"]),
                seed=row["seed"],
                due_ns=row["due_ns"],
            ),
        )
        for row in rows
    ]


def get_run(connection: Connection, run_id: str) -> Run:
    """A run by id or by an unambiguous beginning or end of it, or `last`; UnknownNameError if there is none."""
    ids = connection.execute(sa.select(RUN.c.id).order_by(RUN.c.created_at.desc(), RUN.c.id.desc())).scalars().all()
    if run_id == "last" and ids:
        found = [ids[0]]
    else:
        exact = [i for i in ids if i == run_id]
        found = exact or [i for i in ids if i.startswith(run_id) or i.endswith(run_id)]
    if len(found) > 1:
        raise ConfigError(f"run {run_id!r} is ambiguous: it may be any of {len(found)} runs; see `arena runs ls`")
    if not found:
        raise UnknownNameError("run", run_id, ids[:50], "`arena runs ls` lists them")
    row = connection.execute(sa.select(RUN).where(RUN.c.id == found[0])).mappings().one()
    return mapping.run_from_row(dict(row))


def list_runs(connection: Connection, limit: int | None = None) -> list[Run]:
    """Runs, newest first."""
    query = sa.select(RUN).order_by(RUN.c.created_at.desc(), RUN.c.id.desc()).limit(limit)
    return [mapping.run_from_row(dict(row)) for row in connection.execute(query).mappings()]


def runs_by_id(connection: Connection, run_ids: Sequence[str]) -> dict[str, Run]:
    """Some runs by their whole ids; ids of no run are left out."""
    rows = connection.execute(sa.select(RUN).where(RUN.c.id.in_(list(run_ids)))).mappings()
    return {row["id"]: mapping.run_from_row(dict(row)) for row in rows}


@dataclass(frozen=True, slots=True)
class RunChoice:
    """As much of a run as a list to choose from needs."""

    id: str
    plan_name: str
    status: RunStatus
    simulated: bool
    purpose: RunPurpose


def run_choices(connection: Connection, limit: int) -> list[RunChoice]:
    """The newest runs, newest first; no trial is read."""
    columns = (RUN.c.id, RUN.c.plan_name, RUN.c.status, RUN.c.simulated, RUN.c.purpose)
    rows = connection.execute(sa.select(*columns).order_by(RUN.c.created_at.desc(), RUN.c.id.desc()).limit(limit))
    return [RunChoice(r.id, r.plan_name, RunStatus(r.status), bool(r.simulated), RunPurpose(r.purpose)) for r in rows]


def count_runs(connection: Connection) -> int:
    """How many runs there are."""
    return int(connection.execute(sa.select(sa.func.count()).select_from(RUN)).scalar_one())


def runs_of_plan(connection: Connection, plan_name: str) -> list[Run]:
    """All runs of the plan of this name, oldest first."""
    query = sa.select(RUN).where(RUN.c.plan_name == plan_name).order_by(RUN.c.created_at, RUN.c.id)
    return [mapping.run_from_row(dict(row)) for row in connection.execute(query).mappings()]


def run_endpoints(connection: Connection, run_id: str) -> list[tuple[Endpoint, PriceCard | None]]:
    """The endpoints and price cards that a run was made with."""
    rows = connection.execute(sa.select(RUN_ENDPOINT).where(RUN_ENDPOINT.c.run_id == run_id)).mappings()
    return [
        (
            Endpoint.model_validate_json(row["endpoint_json"]),
            None if row["price_json"] is None else PriceCard.model_validate_json(row["price_json"]),
        )
        for row in rows
    ]


def endpoints_seen(connection: Connection) -> dict[str, str]:
    """Every endpoint that took part in a run with its provider, in the order of their first runs."""
    first = sa.func.min(RUN_ENDPOINT.c.run_id)
    query = sa.select(RUN_ENDPOINT.c.endpoint_id, sa.func.max(RUN_ENDPOINT.c.provider))
    rows = connection.execute(query.group_by(RUN_ENDPOINT.c.endpoint_id).order_by(first, RUN_ENDPOINT.c.endpoint_id))
    return {row[0]: row[1] for row in rows}


def run_prompts(connection: Connection, run_id: str) -> dict[str, Prompt]:
    """The prompts of a run as they were when it was made, by id."""
    used = sa.select(TRIAL.c.prompt_id, TRIAL.c.prompt_sha256).where(TRIAL.c.run_id == run_id).distinct().subquery()
    same = (used.c.prompt_id == PROMPT.c.id) & (used.c.prompt_sha256 == PROMPT.c.sha256)
    rows = connection.execute(sa.select(PROMPT).join(used, same)).mappings()
    return {row["id"]: mapping.prompt_from_row(dict(row)) for row in rows}


def claim_run(connection: Connection, run_id: str, owner: str, now: datetime | None = None) -> int:
    """Take over a run whose process has ended, and mark what it left in flight as unknown.

    Returns how many attempts became unknown. RunBusyError while another process gives signs of life; what `owner`
    itself holds it may begin anew.
    """
    row = connection.execute(sa.select(RUN).where(RUN.c.id == run_id).with_for_update()).mappings().one()
    now = now or datetime.now(UTC)
    held = row["status"] == RunStatus.RUNNING and row["owner"] != owner
    if held and alive(row["owner"], row["heartbeat_at"], now):
        raise RunBusyError(f"run {run_id} is being executed by {row['owner']}; wait for it, or stop that process")
    connection.execute(
        RUN.update()
        .where(RUN.c.id == run_id)
        .values(status=RunStatus.RUNNING, owner=owner, heartbeat_at=now, ended_at=None)
    )
    forget_digest(connection, run_id)
    return _intents_become_unknown(connection, run_id)


def forget_digest(connection: Connection, run_id: str | sa.ScalarSelect[str]) -> None:
    """Drop the copy of a run's outcomes in columns, because they are about to change (`arena.store.digests`)."""
    # Where the rows were pruned, the digest is all that there is.
    pruned = sa.select(RUN.c.id).where(RUN.c.id == DIGEST.c.run_id, RUN.c.attempts_pruned_at.is_not(None))
    connection.execute(DIGEST.delete().where(DIGEST.c.run_id == run_id, ~pruned.exists()))


def run_of(attempt_id: int) -> sa.ScalarSelect[str]:
    """The run that an attempt belongs to, as part of a statement."""
    query = sa.select(TRIAL.c.run_id).join(ATTEMPT, ATTEMPT.c.trial_id == TRIAL.c.id)
    return query.where(ATTEMPT.c.id == attempt_id).scalar_subquery()


def _intents_become_unknown(connection: Connection, run_id: str) -> int:
    of_run = sa.select(TRIAL.c.id).where(TRIAL.c.run_id == run_id)
    intended = (ATTEMPT.c.status == AttemptStatus.INTENDED) & ATTEMPT.c.trial_id.in_(of_run)
    unknown = ATTEMPT.update().where(intended).values(status=AttemptStatus.UNKNOWN, first_epoch=CurrentEpoch())
    return connection.execute(unknown).rowcount


def untried(connection: Connection, run_id: str) -> set[int]:
    """Row ids of the trials that were never attempted: all that a resumed run may fire."""
    tried = sa.select(ATTEMPT.c.trial_id)
    query = sa.select(TRIAL.c.id).where(TRIAL.c.run_id == run_id, TRIAL.c.id.not_in(tried))
    return set(connection.execute(query).scalars())


def attempts_so_far(connection: Connection, run_id: str) -> list[PastAttempt]:
    """Every attempt of a run: what a resumed budget starts from."""
    submitted = (CALL.c.attempt_id == ATTEMPT.c.id) & (CALL.c.purpose == CallPurpose.SUBMIT)
    accepted = sa.select(CALL.c.attempt_id).where(submitted, CALL.c.http_status.between(200, 299)).exists()
    query = (
        sa.select(
            TRIAL.c.id,
            TRIAL.c.endpoint_id,
            ATTEMPT.c.status,
            ATTEMPT.c.failure_kind,
            ATTEMPT.c.cost_nano_usd,
            accepted.label("accepted"),
        )
        .join(TRIAL, TRIAL.c.id == ATTEMPT.c.trial_id)
        .where(TRIAL.c.run_id == run_id)
    )
    return [PastAttempt(*row) for row in connection.execute(query)]


def looked_up(connection: Connection, attempt_id: int, server_ms: Mapping[str, float], cost: Cost | None) -> None:
    """Add what a provider said of a finished attempt when it was asked later; a cost that it reports beats the book."""
    row = connection.execute(sa.select(ATTEMPT.c.server_ms_json).where(ATTEMPT.c.id == attempt_id)).one()
    values = mapping.lookup_row(row.server_ms_json, server_ms, cost)
    connection.execute(ATTEMPT.update().where(ATTEMPT.c.id == attempt_id).values(values))
    forget_digest(connection, run_of(attempt_id))


def named_attempts(connection: Connection, run_id: str) -> list[NamedAttempt]:
    """The finished attempts of a run that have the provider's own name for them, in the order of the trials."""
    query = (
        sa.select(ATTEMPT.c.id, TRIAL.c.endpoint_id, ATTEMPT.c.request_id)
        .join(TRIAL, TRIAL.c.id == ATTEMPT.c.trial_id)
        .where(TRIAL.c.run_id == run_id, ATTEMPT.c.request_id.is_not(None), ATTEMPT.c.started_at.is_not(None))
        .order_by(TRIAL.c.seq, ATTEMPT.c.number)
    )
    return [NamedAttempt(*row) for row in connection.execute(query)]


def beat(connection: Connection, run_id: str, owner: str) -> bool:
    """A sign of life; False if the run is no longer this owner's."""
    mine = (RUN.c.id == run_id) & (RUN.c.owner == owner)
    return connection.execute(RUN.update().where(mine).values(heartbeat_at=datetime.now(UTC))).rowcount == 1


def end_run(connection: Connection, run_id: str, owner: str, status: RunStatus) -> None:
    """Mark a run as ended, unless another process has taken it over; what is still intended then is unknown."""
    mine = (RUN.c.id == run_id) & (RUN.c.owner == owner)
    ended = RUN.update().where(mine).values(status=status, ended_at=datetime.now(UTC), owner=None)
    if connection.execute(ended).rowcount == 1:
        forget_digest(connection, run_id)
        _intents_become_unknown(connection, run_id)
        _mark_simulated(connection, run_id)


def _mark_simulated(connection: Connection, run_id: str) -> None:
    """A server that said once in this run that it only pretends did so all along: also where it did not answer."""
    said = (
        sa.select(TRIAL.c.endpoint_id)
        .join(ATTEMPT, ATTEMPT.c.trial_id == TRIAL.c.id)
        .where(TRIAL.c.run_id == run_id, ATTEMPT.c.simulated)
    )
    theirs = sa.select(TRIAL.c.id).where(TRIAL.c.run_id == run_id, TRIAL.c.endpoint_id.in_(said))
    connection.execute(ATTEMPT.update().where(ATTEMPT.c.trial_id.in_(theirs)).values(simulated=True))


def note_fitness(connection: Connection, run_id: str, fitness: Fitness) -> None:
    """Keep what the canary of a run saw; of a resumed run, what it saw last."""
    connection.execute(RUN.update().where(RUN.c.id == run_id).values(fitness_json=fitness.model_dump_json()))


def set_budget(connection: Connection, run_id: str, budget_nano_usd: int) -> None:
    """Replace a run's budget, as it is resumed with another one."""
    connection.execute(RUN.update().where(RUN.c.id == run_id).values(budget_nano_usd=budget_nano_usd))


def _upsert_prompts(connection: Connection, rows: Sequence[mapping.Row]) -> None:
    """What is sent is the prompt's identity; how it is classified may change, and the newest classification holds."""
    statement = dialect(connection).insert(PROMPT)
    keys = [c.name for c in PROMPT.primary_key.columns]
    newest = {c.name: statement.excluded[c.name] for c in PROMPT.columns if c.name not in {*keys, "changed_epoch"}}
    differs = sa.or_(*(PROMPT.c[name] != value for name, value in newest.items()))
    changed = newest | {"changed_epoch": CurrentEpoch()}
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=changed, where=differs), rows)


def upsert_artifacts(connection: Connection, rows: Sequence[mapping.Row]) -> None:
    """The same bytes are one row; bytes that had been pruned and are delivered again are there again."""
    statement = dialect(connection).insert(ARTIFACT)
    pruned = ARTIFACT.c.pruned_at.is_not(None)
    keys = [c.name for c in ARTIFACT.primary_key.columns]
    connection.execute(
        statement.on_conflict_do_update(index_elements=keys, set_={"pruned_at": None}, where=pruned), rows
    )


def insert_ignore(connection: Connection, table: sa.Table, rows: Sequence[mapping.Row]) -> None:
    """Insert rows, leaving alone those whose primary key is there already."""
    connection.execute(dialect(connection).insert(table).on_conflict_do_nothing(), rows)


def dialect(connection: Connection) -> Any:
    """The two databases spell ON CONFLICT alike, but each in its own dialect module."""
    return postgresql if connection.dialect.name == "postgresql" else sqlite
