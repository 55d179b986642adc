"""Runs, endpoints and prompts, as tables of an export."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from arena.domain.request import Mode
from arena.domain.run import RunStatus
from arena.store.exchange.attempts_in import SAME_PROMPT, narrowed, runs_in
from arena.store.exchange.columns import Scope, Spec, boolean, integer, moment, real, text
from arena.store.runs import PROMPT, RUN, RUN_ENDPOINT, TRIAL
from arena.units import NANO_USD_PER_USD


def _runs(scope: Scope) -> sa.Select[Any]:
    named = {"run_id": "id", "plan": "plan_name", "budget_usd": "budget_nano_usd", "environment": "environment_json",
             "fitness": "fitness_json"}  # fmt: skip
    columns = (RUN.c[named.get(c.name, c.name)].label(c.name) for c in RUNS.columns)
    return narrowed(sa.select(*columns), RUN.c.id, scope).order_by(RUN.c.created_at, RUN.c.id)


RUNS = Spec(
    name="runs",
    version=1,
    about="One row a run: what was planned, when, by whom, and how it ended.",
    columns=(
        text("run_id", "The run.", required=True),
        text("plan", "The name of its plan.", required=True),
        text("plan_json", "The whole plan, as JSON.", required=True),
        text("plan_sha256", "SHA-256 of the plan's file.", required=True),
        text("status", "How it ended, or `running`.", required=True, choices=tuple(RunStatus)),
        moment("created_at", "When it was made.", required=True),
        moment("ended_at", "When it ended."),
        real("budget_usd", "What it was allowed to spend, in US dollars.", per_unit=NANO_USD_PER_USD),
        text("environment", "Versions, machine and region, as JSON.", required=True, private=True),
        boolean("simulated", "Whether any of its endpoints is simulated."),
        text("fitness", "How fit the machine was to measure, as JSON."),
    ),
    key=("run_id",),
    query=_runs,
)


def _endpoints(scope: Scope) -> sa.Select[Any]:
    named = {"endpoint": "endpoint_id"}
    columns = (RUN_ENDPOINT.c[named.get(c.name, c.name)].label(c.name) for c in ENDPOINTS.columns)
    query = narrowed(sa.select(*columns), RUN_ENDPOINT.c.run_id, scope)
    if scope.endpoint is not None:
        query = query.where(RUN_ENDPOINT.c.endpoint_id == scope.endpoint)
    if scope.simulated is not None:
        query = query.where(RUN_ENDPOINT.c.simulated == scope.simulated)
    return query.order_by(RUN_ENDPOINT.c.run_id, RUN_ENDPOINT.c.endpoint_id)


ENDPOINTS = Spec(
    name="endpoints",
    version=1,
    about="One row a run and endpoint: the endpoint and its price card as they were then. No key is part of either.",
    columns=(
        text("run_id", "The run.", required=True),
        text("endpoint", "The endpoint: one model at one provider.", required=True),
        text("provider", "Who serves it.", required=True),
        text("protocol", "How it is spoken to.", required=True),
        text("model", "The model's name at the provider.", required=True),
        text("region", "Where it is served, as far as that is known."),
        boolean("simulated", "Whether the endpoint only pretends."),
        text("endpoint_json", "The whole description, as JSON.", required=True, private=True),
        text("price_json", "The price card in force, as JSON; missing where no price was known."),
    ),
    key=("run_id", "endpoint"),
    query=_endpoints,
)


def _prompts(scope: Scope) -> sa.Select[Any]:
    named = {"prompt_id": "id", "prompt_sha256": "sha256", "prompt": "text", "tags": "tags_json",
             "sources": "sources_json", "source_sha256": "source_sha256_json",
             "legible_text": "legible_text_json"}  # fmt: skip
    query = sa.select(*(PROMPT.c[named.get(c.name, c.name)].label(c.name) for c in PROMPTS.columns))
    chosen = runs_in(scope)
    if chosen is not None:
        used = sa.select(TRIAL.c.id).where(SAME_PROMPT, TRIAL.c.run_id.in_(chosen))
        query = query.where(used.exists())
    return query.order_by(PROMPT.c.id, PROMPT.c.sha256)


PROMPTS = Spec(
    name="prompts",
    version=1,
    about="One row a prompt as it was sent; an edited prompt is another row with another hash.",
    columns=(
        text("prompt_id", "The prompt.", required=True),
        text("prompt_sha256", "SHA-256 of all that is sent of it.", required=True),
        text("prompt", "Its text.", required=True),
        text("category", "Its category.", required=True),
        text("mode", "Text to image, or edit.", required=True, choices=tuple(Mode)),
        text("tags", "Its tags, as a JSON list.", required=True),
        integer("clip_tokens", "Its length in CLIP's tokens.", required=True),
        text("sources", "File names of its input images, as a JSON list.", required=True),
        text("source_sha256", "SHA-256 of each input image, as a JSON list.", required=True),
        text("legible_text", "What must be readable in the image, as a JSON list.", required=True),
    ),
    key=("prompt_id", "prompt_sha256"),
    query=_prompts,
)
