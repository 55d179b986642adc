"""A run: one execution of a plan, with what must be known to repeat and to judge it."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import AwareDatetime, Field

from arena.domain.base import Value
from arena.domain.fitness import Fitness
from arena.domain.plan import Plan

SILENT_AFTER = timedelta(seconds=30)


class RunStatus(StrEnum):
    """`interrupted`: stopped by a person, `budget`: stopped by the budget, `failed`: by an error of ours."""

    RUNNING = "running"
    FINISHED = "finished"
    INTERRUPTED = "interrupted"
    BUDGET = "budget"
    FAILED = "failed"


class Environment(Value):
    """Where a run was made: versions, machine and network position, as far as they matter to a figure."""

    arena_version: str
    python_version: str
    platform: str
    cpu_count: int
    hostname: str
    region: str | None = None
    packages: dict[str, str] = Field(default_factory=dict)


class Run(Value):
    """A run as it is stored. `ended_at` is None while it is running or after its process died."""

    id: str
    plan: Plan
    plan_sha256: str
    status: RunStatus
    created_at: AwareDatetime
    ended_at: AwareDatetime | None = None
    budget_nano_usd: int | None = None
    environment: Environment
    simulated: bool
    """Whether any of its endpoints is simulated."""
    heartbeat_at: AwareDatetime | None = None
    """When the process that executes it last gave a sign of life."""
    fitness: Fitness | None = None
    """How fit the machine was; None until it has ended, and for runs of older versions."""

    def silent(self, now: datetime) -> bool:
        """Whether it is marked as running although nobody has been heard of for a while: its process has died."""
        return self.status is RunStatus.RUNNING and (
            self.heartbeat_at is None or now - self.heartbeat_at > SILENT_AFTER
        )
