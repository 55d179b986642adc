"""A run from the outside: made or resumed in the database, executed, and ended with a status whatever happens."""

from __future__ import annotations

import asyncio
import hashlib
import os
import platform
import socket
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from importlib import metadata
from typing import TYPE_CHECKING

import anyio
from pydantic import SecretStr

from arena import __version__
from arena.domain.failure import FailureKind
from arena.domain.outcome import AttemptStatus
from arena.domain.run import Environment, Run, RunStatus
from arena.errors import ArenaError, ConfigError
from arena.reports.stopping import stopping
from arena.store import digests, owners, runs
from arena.store.blobs import BlobStore
from arena.store.pruning import calls_pruned_at
from arena.store.recorder import Recorder
from arena.units import nano_usd
from harness.budget import Budget
from harness.clock import SystemClock
from harness.keys import KEYS
from harness.lookups import look_up, questions
from harness.plan import Prepared, Target, check_prices, source_image
from harness.providers import provider
from harness.runner import Runner

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from arena.catalog import Catalog
    from arena.domain.outcome import Cost
    from arena.domain.prompt import Prompt
    from arena.domain.request import SourceImage
    from arena.settings import Settings
    from arena.store.engine import Connection, Database
    from harness.progress import Progress
    from harness.providers.base import Lookup

MEASURING_PACKAGES = ("httpx", "httpcore", "anyio", "h11", "pillow", "numpy", "pandas")


@dataclass(frozen=True, slots=True)
class Session:
    """A run that this process holds, and what is left of it to do."""

    run: Run
    owner: str
    prepared: Prepared
    trials: tuple[runs.StoredTrial, ...]
    spent_nano_usd: int = 0
    became_unknown: int = 0


def create(database: Database, prepared: Prepared, settings: Settings, budget_usd: Decimal | None) -> Session:
    """Write a new run with all its trials."""
    with database.write() as connection:
        return begin(connection, prepared, settings, budget_usd, datetime.now(UTC))


def begin(
    connection: Connection, prepared: Prepared, settings: Settings, budget_usd: Decimal | None, now: datetime
) -> Session:
    """The same within a transaction of the caller's."""
    run = Run(
        id=runs.new_run_id(now),
        plan=prepared.plan,
        plan_sha256=hashlib.sha256(prepared.plan.model_dump_json().encode()).hexdigest(),
        status=RunStatus.RUNNING,
        created_at=now,
        budget_nano_usd=None if budget_usd is None else nano_usd(budget_usd),
        environment=environment(settings),
        simulated=any(t.endpoint.simulated for t in prepared.targets.values()),
    )
    owner = owners.new_owner()
    endpoints = [(t.endpoint, t.card) for t in prepared.targets.values()]
    stored = runs.create_run(
        connection, run, endpoints, prepared.trials, prepared.prompts, owner, sizes=prepared.sizes(), now=now
    )
    return Session(run, owner, prepared, tuple(stored))


def resume(database: Database, catalog: Catalog, run_id: str, budget_usd: Decimal | None = None) -> Session:
    """Take over a run that has ended early. Only trials that were never attempted are left to do.

    Plan, endpoints, prices and prompts are those that the run was made with, not today's files. RunBusyError while
    another process executes it; ConfigError when there is nothing left.
    """
    with database.write() as connection:
        run = runs.get_run(connection, run_id)
        if not runs.untried(connection, run.id) and run.status is not RunStatus.RUNNING:
            raise ConfigError(f"run {run.id} has nothing left to fire; `arena runs show {run.id}` shows it")
        if run.status is RunStatus.FINISHED:
            raise ConfigError(f"run {run.id} has told what its plan asks for; `arena runs show {run.id}` shows it")
        return take_over(connection, catalog, run, datetime.now(UTC), budget_usd)


def take_over(
    connection: Connection, catalog: Catalog, run: Run, now: datetime, budget_usd: Decimal | None = None
) -> Session:
    """The same within a transaction of the caller's, also where nothing is left to do but to end the run."""
    pruned = calls_pruned_at(connection, run.id)
    if pruned is not None:
        raise ConfigError(
            f"run {run.id} cannot be resumed: its call records were pruned on {pruned:%Y-%m-%d}, and what it has spent "
            "cannot be told without them; begin a new run"
        )
    owner = owners.new_owner()
    left = runs.untried(connection, run.id)
    unknown = runs.claim_run(connection, run.id, owner, now)
    every = runs.stored_trials(connection, run.id)
    stored = [s for s in every if s.id in left]
    prepared = replace(recall(connection, catalog, run.id), trials=tuple(s.trial for s in stored))
    if budget_usd is not None:
        run = run.model_copy(update={"budget_nano_usd": nano_usd(budget_usd)})
        runs.set_budget(connection, run.id, nano_usd(budget_usd))
    if run.budget_nano_usd is not None and stored:
        check_prices(prepared)
    return Session(run, owner, prepared, tuple(stored), spent_nano_usd(connection, prepared, run.id), unknown)


def recall(connection: Connection, catalog: Catalog, run_id: str) -> Prepared:
    """A stored run as it was prepared: plan, endpoints, prices and prompts of then; without its trials."""
    endpoints, prompts = runs.run_endpoints(connection, run_id), runs.run_prompts(connection, run_id)
    targets = {e.id: Target(e, provider(e.protocol), card, e.key_env) for e, card in endpoints}
    plan = runs.get_run(connection, run_id).plan
    return Prepared(plan, targets, prompts, _same_sources(catalog, prompts), (), ())


def _same_sources(catalog: Catalog, prompts: Mapping[str, Prompt]) -> dict[str, SourceImage]:
    """The input images that a run was made with; ConfigError if a file has changed since."""
    sources: dict[str, SourceImage] = {}
    for prompt in prompts.values():
        for name, sha256 in zip(prompt.sources, prompt.source_sha256, strict=True):
            image = source_image(catalog, name)
            if hashlib.sha256(image.data).hexdigest() != sha256:
                raise ConfigError(f"prompts/sources/{name}: has changed since the run was made; put the old file back")
            sources[name] = image
    return sources


def release(database: Database, session: Session, status: RunStatus = RunStatus.INTERRUPTED) -> None:
    """Let go of a run without executing it."""
    with database.write() as connection:
        runs.end_run(connection, session.run.id, session.owner, status)


def keys_for(prepared: Prepared, environ: Mapping[str, str]) -> dict[str, SecretStr]:
    """The credential of each endpoint that needs one."""
    named = {t.endpoint.id: t.key_name for t in prepared.targets.values()}
    return {endpoint: SecretStr(environ[name].strip()) for endpoint, name in named.items() if name and name in environ}


async def execute(
    database: Database,
    settings: Settings,
    session: Session,
    progress: Progress,
    *,
    environ: Mapping[str, str] = KEYS,
    on_start: Callable[[Runner], None] = lambda _: None,
) -> RunStatus:
    """Fire what is left of a run, and mark how it ended.

    `on_start` is handed the runner, so that a signal handler can stop it. An error of ours ends the run as `failed` and
    is raised; everything that was finished by then is stored.
    """
    status = RunStatus.FAILED
    with database.read() as connection:
        so_far = stopping(connection, session.run)
    with Recorder(database) as recorder:
        runner = Runner(
            run_id=session.run.id,
            owner=session.owner,
            prepared=session.prepared,
            trials=session.trials,
            keys=keys_for(session.prepared, environ),
            recorder=recorder,
            blobs=BlobStore(settings.images_dir),
            budget=Budget(session.run.budget_nano_usd, session.spent_nano_usd),
            progress=progress,
            clock=SystemClock(),
            stopping=so_far,
        )
        on_start(runner)
        try:
            status = await runner.execute()
            if status in {RunStatus.FINISHED, RunStatus.BUDGET}:
                await look_up_run(database, recorder, session.run.id, session.prepared, environ)
        except ExceptionGroup as group:
            raise _first_of_ours(group) from group
        except anyio.get_cancelled_exc_class():
            status = RunStatus.INTERRUPTED
            raise
        finally:
            fitness = runner.canary.fitness()
            if fitness is not None:
                recorder.submit(lambda c: runs.note_fitness(c, session.run.id, fitness))
            ended = recorder.submit(lambda c: runs.end_run(c, session.run.id, session.owner, status))
    ended.result()
    digests.digest(database, session.run.id)
    return status


async def look_up_run(
    database: Database, recorder: Recorder, run_id: str, prepared: Prepared, environ: Mapping[str, str]
) -> int:
    """Ask the providers of a run for what they know of its jobs, and store it; returns of how many they said something.

    Fires nothing and costs nothing.
    """
    with database.read() as connection:
        attempts = runs.named_attempts(connection, run_id)

    async def learned(attempt_id: int, lookup: Lookup, cost: Cost | None) -> None:
        written = recorder.submit(lambda c: runs.looked_up(c, attempt_id, lookup.server_ms, cost))
        await asyncio.wrap_future(written)

    return await look_up(questions(attempts, prepared.targets, keys_for(prepared, environ)), SystemClock(), learned)


def environment(settings: Settings) -> Environment:
    """This machine and these versions."""
    return Environment(
        arena_version=__version__,
        python_version=platform.python_version(),
        platform=platform.platform(),
        cpu_count=os.cpu_count() or 1,
        hostname=socket.gethostname(),
        region=settings.region,
        packages=_installed(),
    )


@cache
def _installed() -> dict[str, str]:
    """The versions of what takes part in measuring; reading them takes longer than to begin a run."""
    found = {}
    for name in MEASURING_PACKAGES:
        with suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def today() -> date:
    """The day by which prices are looked up (UTC)."""
    return datetime.now(UTC).date()


def spent_nano_usd(connection: Connection, prepared: Prepared, run_id: str) -> int:
    """What a run's attempts count against its budget: as while it runs, one whose end is not known counts in full."""
    trials = {s.id: s.trial for s in runs.stored_trials(connection, run_id)}
    total = 0
    for attempt in runs.attempts_so_far(connection, run_id):
        if attempt.cost_nano_usd is not None:
            total += attempt.cost_nano_usd
        elif attempt.status in {AttemptStatus.INTENDED, AttemptStatus.UNKNOWN} or (
            attempt.failure_kind is not None and (attempt.accepted or FailureKind(attempt.failure_kind).may_be_billed)
        ):
            total += nano_usd(prepared.worst_case_usd(trials[attempt.trial_id]) or Decimal(0))
    return total


def _first_of_ours(group: ExceptionGroup[Exception]) -> Exception:
    """The sentence for the operator if there is one among the errors, else the group as it is."""
    ours, _ = group.split(ArenaError)
    while ours is not None:
        first = ours.exceptions[0]
        if not isinstance(first, ExceptionGroup):
            return first
        ours = first
    return group
