"""Small domain values for tests: say what matters, leave the rest."""

from datetime import UTC, datetime
from decimal import Decimal

from arena.domain.artifact import Artifact
from arena.domain.endpoint import Endpoint
from arena.domain.failure import Failure, FailureKind
from arena.domain.outcome import Cost, CostSource, Outcome
from arena.domain.plan import Phase, Plan, Trial
from arena.domain.prompt import Prompt
from arena.domain.run import Environment, Run, RunStatus
from arena.domain.timings import Timings


def make_endpoint(endpoint_id="lab/one", **changes):
    fields = {"provider": "lab", "protocol": "openai", "model": "m-1", "base_url": "http://127.0.0.1:9/v1"}
    return Endpoint.model_validate({"id": endpoint_id, **fields, **changes})


def make_prompt(prompt_id="a-cat", **changes):
    fields = {"text": f"a picture of {prompt_id}", "category": "photographs", "clip_tokens": 5}
    return Prompt.model_validate({"id": prompt_id, **fields, **changes})


def make_plan(**changes):
    fields = {"name": "try", "endpoints": ["lab/one"], "prompts": {"sets": ["core"]}, "request": {"size": "64x64"}}
    return Plan.model_validate({**fields, **changes})


def make_run(plan=None, run_id="20260101-000000-test", **changes):
    plan = plan or make_plan()
    environment = Environment(arena_version="0", python_version="3", platform="x", cpu_count=1, hostname="h")
    fields = {
        "id": run_id,
        "plan": plan,
        "plan_sha256": "0" * 64,
        "status": RunStatus.RUNNING,
        "created_at": datetime.now(UTC),
        "environment": environment,
        "simulated": False,
    }
    return Run(**{**fields, **changes})


def make_trial(seq=0, endpoint_id="lab/one", prompt_id="a-cat", repetition=0, phase=Phase.MEASURE, **changes):
    fields = {"seq": seq, "endpoint_id": endpoint_id, "prompt_id": prompt_id, "repetition": repetition, "phase": phase}
    return Trial(**{**fields, "seed": 1, **changes})


def make_artifact(sha256="a" * 64, **changes):
    fields = {"sha256": sha256, "format": "png", "width_px": 64, "height_px": 64, "size_bytes": 100}
    return Artifact.model_validate({**fields, **changes})


def succeeded(ttfb_ns=100, total_ns=150, usd="0.01", started_at=None, **changes):
    timings = Timings(
        accepted_ns=ttfb_ns,
        result_ns=ttfb_ns,
        result_end_ns=total_ns,
        first_image_byte_ns=ttfb_ns,
        last_image_byte_ns=total_ns,
        ended_ns=total_ns,
    )
    cost = None if usd is None else Cost(usd=Decimal(usd), source=CostSource.BOOK)
    fields = {"started_at": started_at or datetime.now(UTC), "timings": timings, "cost": cost}
    return Outcome(**{**fields, "images": (make_artifact(),), **changes})


def failed(kind=FailureKind.PROVIDER_ERROR, message="boom", ended_ns=50, started_at=None, **changes):
    failure = Failure(kind=kind, message=message, http_status=500)
    fields = {"started_at": started_at or datetime.now(UTC), "timings": Timings(ended_ns=ended_ns), "failure": failure}
    return Outcome(**{**fields, **changes})
