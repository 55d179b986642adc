"""Domain values to rows and back: the only place where rows are built."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from arena.domain.fitness import Fitness
from arena.domain.plan import Plan
from arena.domain.prompt import Prompt
from arena.domain.purpose import RunPurpose
from arena.domain.request import Mode
from arena.domain.run import Environment, Run, RunStatus
from arena.units import nano_usd

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from arena.domain.artifact import Artifact
    from arena.domain.endpoint import Endpoint
    from arena.domain.outcome import Cost, Outcome
    from arena.domain.plan import Trial
    from arena.domain.request import PixelSize
    from arena.pricing import PriceCard

Row = dict[str, Any]


def prompt_row(prompt: Prompt) -> Row:
    """A prompt as sent."""
    return {
        "id": prompt.id,
        "sha256": prompt.sha256,
        "text": prompt.text,
        "category": prompt.category,
        "mode": prompt.mode,
        "tags_json": _json(prompt.tags),
        "clip_tokens": prompt.clip_tokens,
        "sources_json": _json(prompt.sources),
        "source_sha256_json": _json(prompt.source_sha256),
        "legible_text_json": _json(prompt.legible_text),
    }


def prompt_from_row(row: Mapping[str, Any]) -> Prompt:
    """A stored prompt."""
    return Prompt(
        id=row["id"],
        text=row["text"],
        category=row["category"],
        mode=Mode(row["mode"]),
        tags=tuple(json.loads(row["tags_json"])),
        clip_tokens=row["clip_tokens"],
        sources=tuple(json.loads(row["sources_json"])),
        source_sha256=tuple(json.loads(row["source_sha256_json"])),
        legible_text=tuple(json.loads(row["legible_text_json"])),
    )


def run_row(run: Run, owner: str, heartbeat_at: datetime) -> Row:
    """A run that is about to start, held by `owner`."""
    return {
        "id": run.id,
        "plan_name": run.plan.name,
        "plan_json": run.plan.model_dump_json(),
        "plan_sha256": run.plan_sha256,
        "status": run.status,
        "created_at": run.created_at,
        "ended_at": run.ended_at,
        "budget_nano_usd": run.budget_nano_usd,
        "environment_json": run.environment.model_dump_json(),
        "simulated": run.simulated,
        "purpose": run.plan.purpose,
        "owner": owner,
        "heartbeat_at": heartbeat_at,
    }


def run_from_row(row: Mapping[str, Any]) -> Run:
    """A stored run."""
    return Run(
        id=row["id"],
        # The column is what counts: plans from before there was such a field do not say it.
        plan=Plan.model_validate_json(row["plan_json"]).model_copy(update={"purpose": RunPurpose(row["purpose"])}),
        plan_sha256=row["plan_sha256"],
        status=RunStatus(row["status"]),
        created_at=row["created_at"],
        ended_at=row["ended_at"],
        budget_nano_usd=row["budget_nano_usd"],
        environment=Environment.model_validate_json(row["environment_json"]),
        simulated=row["simulated"],
        heartbeat_at=row["heartbeat_at"],
        fitness=None if row["fitness_json"] is None else Fitness.model_validate_json(row["fitness_json"]),
    )


def run_endpoint_row(run_id: str, endpoint: Endpoint, card: PriceCard | None) -> Row:
    """An endpoint as it is used by a run."""
    return {
        "run_id": run_id,
        "endpoint_id": endpoint.id,
        "provider": endpoint.provider,
        "protocol": endpoint.protocol,
        "model": endpoint.model,
        "region": endpoint.region,
        "simulated": endpoint.simulated,
        "endpoint_json": endpoint.model_dump_json(),
        "price_json": None if card is None else card.model_dump_json(),
    }


def trial_row(run: Run, trial: Trial, prompt: Prompt, size: PixelSize) -> Row:
    """A trial of a run."""
    return {
        "run_id": run.id,
        "seq": trial.seq,
        "endpoint_id": trial.endpoint_id,
        "prompt_id": prompt.id,
        "prompt_sha256": prompt.sha256,
        "repetition": trial.repetition,
        "phase": trial.phase,
        "seed": trial.seed,
        "due_ns": trial.due_ns,
        "width_px": size.width_px,
        "height_px": size.height_px,
        "format": run.plan.request.format,
    }


def intent_row(trial_id: int, number: int, intended_at: datetime, *, simulated: bool) -> Row:
    """An attempt that is about to be fired."""
    return {
        "trial_id": trial_id,
        "number": number,
        "status": "intended",
        "intended_at": intended_at,
        "simulated": simulated,
    }


def outcome_row(outcome: Outcome) -> Row:
    """What replaces the intent once the attempt has ended."""
    failure, cost = outcome.failure, outcome.cost
    return {
        **outcome.timings.model_dump(),
        "status": outcome.status,
        "started_at": outcome.started_at,
        "simulated": outcome.simulated,
        "failure_kind": None if failure is None else failure.kind,
        "failure_message": None if failure is None else failure.message,
        "http_status": None if failure is None else failure.http_status,
        "retry_after_s": None if failure is None else failure.retry_after_s,
        "cost_nano_usd": None if cost is None else nano_usd(cost.usd),
        "cost_source": None if cost is None else cost.source,
        "request_id": outcome.request_id,
        "served_model": outcome.served_model,
        "sent_seed": outcome.sent_seed,
        "sent_size": outcome.sent_size,
        "server_ms_json": _json(outcome.server_ms),
        "unsupported_json": _json(outcome.unsupported),
        "remarks_json": _json(outcome.remarks),
    }


def lookup_row(server_ms_json: str, server_ms: Mapping[str, float], cost: Cost | None) -> Row:
    """What a later question to the provider adds to a finished attempt."""
    priced = {} if cost is None else {"cost_nano_usd": nano_usd(cost.usd), "cost_source": cost.source}
    return {"server_ms_json": _json({**json.loads(server_ms_json), **server_ms}), **priced}


def artifact_row(artifact: Artifact) -> Row:
    """A stored image."""
    return artifact.model_dump()


def image_rows(attempt_id: int, outcome: Outcome) -> list[Row]:
    """Which images an attempt delivered."""
    return [{"attempt_id": attempt_id, "position": i, "sha256": a.sha256} for i, a in enumerate(outcome.images)]


def glimpse_rows(attempt_id: int, outcome: Outcome) -> list[Row]:
    """The images of an attempt that were not kept."""
    return [{"attempt_id": attempt_id, **g.model_dump()} for g in outcome.glimpses]


def call_rows(attempt_id: int, outcome: Outcome) -> list[Row]:
    """The HTTP exchanges of an attempt."""
    return [{"attempt_id": attempt_id, "position": i, **c.model_dump()} for i, c in enumerate(outcome.calls)]


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
