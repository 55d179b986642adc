"""A run itself, beside its figures: for `--json`, and as a plan file that repeats it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from arena.units import usd_from_nano

if TYPE_CHECKING:
    from arena.domain.plan import Plan
    from arena.domain.run import Run


def as_json(run: Run) -> dict[str, Any]:
    """What identifies a run and says where it was made."""
    budget_usd = usd_from_nano(run.budget_nano_usd)
    return {
        "id": run.id,
        "plan": run.plan.name,
        "plan_sha256": run.plan_sha256,
        "status": run.status,
        "simulated": run.simulated,
        "created_at": run.created_at.isoformat(),
        "ended_at": None if run.ended_at is None else run.ended_at.isoformat(),
        "budget_usd": None if budget_usd is None else float(budget_usd),
        "environment": run.environment.model_dump(),
    }


def plan_toml(plan: Plan) -> str:
    """A plan as the file that `arena run` takes; what it leaves to the defaults is left out."""
    fields = plan.model_dump(mode="json", exclude_defaults=True)
    return "".join(f"{name} = {_toml(value)}\n" for name, value in fields.items() if value is not None)


def _toml(value: Any) -> str:
    """A value on one line. A TOML string takes JSON's escapes; DEL alone needs one that JSON has not."""
    match value:
        case dict():
            pairs = (f"{name} = {_toml(of)}" for name, of in value.items() if of is not None)
            return f"{{ {', '.join(pairs)} }}"
        case list():
            return f"[{', '.join(map(_toml, value))}]"
        case bool():
            return "true" if value else "false"
        case str():
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case _:
            return repr(value)
