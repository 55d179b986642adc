"""A schedule: which plan runs when, and for how much. A slot: one instant at which it was meant to run."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

from pydantic import Field

from arena.domain.base import Value
from arena.domain.prompt import IDENTIFIER
from arena.units import MOST_USD


class Overlap(StrEnum):
    """What becomes of a slot that is due while an earlier one of its schedule still runs."""

    SKIP = "skip"
    QUEUE = "queue"


class CatchUp(StrEnum):
    """Which of the slots run late that passed while no scheduler was there: none, the latest alone, or all."""

    NONE = "none"
    LATEST = "latest"
    ALL = "all"


class SlotStatus(StrEnum):
    """`interrupted`: its run was cut short and will be resumed; `failed`: that was given up."""

    RUNNING = "running"
    INTERRUPTED = "interrupted"
    DONE = "done"
    FAILED = "failed"
    MISSED = "missed"


class MissedBecause(StrEnum):
    """`off`: no scheduler was there; `changed`: the schedule was changed or switched off before the slot could run;
    `unusable`: its plan, a key or a price could not be used then.
    """

    OFF = "off"
    OVERLAP = "overlap"
    BUDGET = "budget"
    CHANGED = "changed"
    UNUSABLE = "unusable"


class Schedule(Value):
    """When a plan runs.

    `cron` has the five fields of crontab, read in `timezone`. A slot begins up to `jitter_s` after its instant, always
    by the same amount. It is late, and `catch_up` decides, once a scheduler could have begun it for `grace_s` and did
    not. At most `backlog_most` slots wait. A month is a calendar month in `timezone`; a run counts to the one in which
    it began. `score`: metrics by which its images are scored once a run has ended.
    """

    name: str = Field(pattern=IDENTIFIER)
    description: str = ""
    enabled: bool = True
    plan: str = Field(min_length=1)
    cron: str = Field(min_length=1)
    timezone: str = Field(min_length=1)
    run_budget_usd: Decimal | None = Field(default=None, gt=0, le=MOST_USD)
    month_budget_usd: Decimal | None = Field(default=None, gt=0, le=MOST_USD)
    jitter_s: float = Field(default=0, ge=0, le=86_400)
    grace_s: float = Field(default=900, ge=60, le=86_400)
    overlap: Overlap = Overlap.SKIP
    catch_up: CatchUp = CatchUp.LATEST
    backlog_most: int = Field(default=10, ge=1, le=1000)
    score: tuple[str, ...] = ()
