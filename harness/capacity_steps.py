"""The steps of a capacity search as ordinary runs: what each fires, what it may cost, and what came of it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from arena.domain.plan import LoadProfile, Phase, Plan, RequestTemplate, Selection
from arena.domain.purpose import RunPurpose
from arena.domain.request import ImageFormat, Mode
from arena.errors import BudgetError
from arena.reports.capacity import NAME, LoadStep, curve, describe
from arena.units import format_usd
from harness.plan import check_budget, estimate, prepare

if TYPE_CHECKING:
    from datetime import date
    from decimal import Decimal

    import pandas as pd

    from arena.catalog import Catalog
    from arena.domain.endpoint import Endpoint
    from arena.metrics.objective import Objective
    from harness.capacity import Step
    from harness.plan import Prepared

PROMPTS = 20
WARMUP = 2
"""Requests before each step that open connections and wake the provider; they are paid, and not counted."""


def stamp(now: datetime | None = None) -> str:
    """What tells the runs of one search or one look at behaviour from others: `20261121-093000-k3fq`."""
    alphabet = "abcdefghijkmnpqrstuvwxyz23456789"
    return f"{now or datetime.now(UTC):%Y%m%d-%H%M%S}-{''.join(secrets.choice(alphabet) for _ in range(4))}"


@dataclass(frozen=True, slots=True)
class Steps:
    """What all steps of one search at one endpoint have in common. `name` is that of all their plans."""

    catalog: Catalog
    endpoint: Endpoint
    objective: Objective
    size: str
    name: str
    today: date

    def prepared(self, step: Step, number: int) -> Prepared:
        """A step as a plan that can be run; `number` counts all steps, so that no two send the same requests."""
        limited = self.endpoint.limits.formats
        plan = Plan.model_validate(
            {
                "name": self.name,
                "purpose": RunPurpose.CAPACITY,
                "description": describe(self.endpoint.id, self.objective, step.repeat),
                "seed": number,
                "endpoints": (self.endpoint.id,),
                "prompts": Selection(sets=("core",), modes=(Mode.TEXT_TO_IMAGE,), limit=PROMPTS),
                "request": RequestTemplate.model_validate(
                    {"size": self.size, "format": ImageFormat.PNG if ImageFormat.PNG in limited else limited[0]}
                ),
                "repetitions": -(-step.requests // PROMPTS),
                "warmup": WARMUP,
                "load": LoadProfile(kind="poisson", rate_per_s=step.rate_per_s),
            }
        )
        whole = prepare(plan, f"capacity of {self.endpoint.id}", self.catalog, today=self.today)
        warmup = [t for t in whole.trials if t.phase is Phase.WARMUP]
        measured = [t for t in whole.trials if t.phase is Phase.MEASURE]
        return replace(whole, trials=(*warmup, *measured[: step.requests]))


def new_name() -> str:
    """A name for the plans of a new search."""
    return f"{NAME}-{stamp()}"


def check_first(first: Prepared, budget_usd: Decimal) -> None:
    """BudgetError if the first step cannot be paid: a part of it would tell nothing."""
    check_budget(first, budget_usd)
    worst_usd = estimate(first).worst_case_usd
    if worst_usd > budget_usd:
        raise BudgetError(
            f"--budget-usd {format_usd(budget_usd)} does not pay for the first step, whose {len(first.trials)} "
            f"requests may cost {format_usd(worst_usd)}; raise it, or ask for less with --slo"
        )


def observed(objective: Objective, step: Step, run_id: str, rows: pd.DataFrame) -> tuple[LoadStep, bool]:
    """A step as it was run, and whether this machine fired its requests when they were due."""
    done = LoadStep(run_id, step.rate_per_s, step.repeat, rows)
    points = curve(objective, [done])
    return done, not points or points[0].trusted
