"""Runs, endpoints and prompts of an export, stored; and what stands in for them where only outcomes are there."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from pydantic import ValidationError

from arena.domain.endpoint import Endpoint
from arena.domain.fitness import Fitness
from arena.domain.plan import Plan
from arena.domain.run import Environment, RunStatus
from arena.pricing import PriceCard
from arena.store.exchange.loading.tally import Row, RowError, Tally, differing, in_pieces
from arena.store.runs import PROMPT, RUN, RUN_ENDPOINT, insert_ignore
from arena.units import NANO_USD_PER_USD

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import Connection

UNKNOWN_TEXT = "(the text of this prompt did not come with its outcomes)"
UNKNOWN_PLAN = "Read from outcomes alone: the plan itself, its prompts' texts and its environment are not known."
UNKNOWN = "unknown"


def load_runs(connection: Connection, rows: Sequence[Row], origin: str) -> Tally:
    """Store runs. One that was made here is left alone; one that was imported becomes what the file says."""
    known = _by_id(connection, [row["run_id"] for row in rows])
    tally, fresh = Tally(), []
    for place, row in enumerate(rows):
        wanted = _run_row(place, row)
        stored = known.get(row["run_id"])
        if stored is None:
            fresh.append({**wanted, "owner": None, "heartbeat_at": None, "imported_from": origin})
        elif stored["imported_from"] is None or not differing(stored, wanted):
            tally.known += 1
        else:
            connection.execute(RUN.update().where(RUN.c.id == row["run_id"]).values(wanted))
            tally.changed += 1
    if fresh:
        connection.execute(RUN.insert(), fresh)
    tally.new = len(fresh)
    return tally


def _by_id(connection: Connection, run_ids: Iterable[str]) -> dict[str, Any]:
    found = {}
    for piece in in_pieces(run_ids):
        for stored in connection.execute(sa.select(RUN).where(RUN.c.id.in_(piece))).mappings():
            found[stored["id"]] = stored
    return found


def _run_row(place: int, row: Row) -> Row:
    for name, model in (("plan_json", Plan), ("environment", Environment), ("fitness", Fitness)):
        if row[name] is not None:
            _valid(place, name, model, row[name])
    budget, status = row["budget_usd"], row["status"]
    return {
        "id": row["run_id"],
        "plan_name": row["plan"],
        "plan_json": row["plan_json"],
        "plan_sha256": row["plan_sha256"],
        # Nobody executes it here, whatever was true when it was exported.
        "status": RunStatus.INTERRUPTED if status == RunStatus.RUNNING else status,
        "created_at": row["created_at"],
        "ended_at": row["ended_at"],
        "budget_nano_usd": None if budget is None else round(budget * NANO_USD_PER_USD),
        "environment_json": row["environment"],
        "simulated": row["simulated"],
        "fitness_json": row["fitness"],
    }


def _valid(place: int, name: str, model: Any, text: str) -> None:
    try:
        model.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise RowError(place, f"{name} holds no {model.__name__}: {where} {first['msg']}") from None


def load_endpoints(connection: Connection, rows: Sequence[Row], origin: str) -> Tally:
    """Store the endpoints of runs; a run's endpoints never change once they are known."""
    del origin
    known = _by_id(connection, {row["run_id"] for row in rows})
    wanted = []
    for place, row in enumerate(rows):
        if row["run_id"] not in known:
            raise RowError(place, f"the run {row['run_id']} is not there; import its table `runs`, too")
        _valid(place, "endpoint_json", Endpoint, row["endpoint_json"])
        if row["price_json"] is not None:
            _valid(place, "price_json", PriceCard, row["price_json"])
        wanted.append({("endpoint_id" if k == "endpoint" else k): v for k, v in row.items()})
    new = _inserted(connection, RUN_ENDPOINT, wanted)
    return Tally(new=new, known=len(rows) - new)


def load_prompts(connection: Connection, rows: Sequence[Row], origin: str) -> Tally:
    """Store prompts; one whose text did not come before gets it now."""
    del origin
    lists = ("tags", "sources", "source_sha256", "legible_text")
    wanted = []
    for place, row in enumerate(rows):
        for name in lists:
            check_json(place, name, row[name], list)
        plain = {"id": row["prompt_id"], "sha256": row["prompt_sha256"], "text": row["prompt"]}
        rest = {name: row[name] for name in ("category", "mode", "clip_tokens")}
        wanted.append({**plain, **rest, **{f"{name}_json": row[name] for name in lists}})
    new, changed = _inserted(connection, PROMPT, wanted), 0
    for row in wanted:
        stand_in = (PROMPT.c.id == row["id"]) & (PROMPT.c.sha256 == row["sha256"])
        if new < len(wanted) and row["text"] != UNKNOWN_TEXT:
            missing = stand_in & (PROMPT.c.text == UNKNOWN_TEXT)
            changed += connection.execute(PROMPT.update().where(missing).values(row)).rowcount
    return Tally(new=new, changed=changed, known=len(rows) - new - changed)


def _inserted(connection: Connection, table: sa.Table, rows: Sequence[Row]) -> int:
    """Insert those that are not there; returns how many."""
    if not rows:
        return 0
    count = sa.select(sa.func.count()).select_from(table)
    before = connection.execute(count).scalar_one()
    insert_ignore(connection, table, rows)
    return int(connection.execute(count).scalar_one() - before)


def check_json(place: int, name: str, text: str | None, kind: type) -> None:
    """RowError unless a text is a JSON list or object, as the kind says."""
    if text is None or not _is_json(text, kind):
        raise RowError(place, f"{name} is no JSON {'object' if kind is dict else 'list'}")


@lru_cache(maxsize=4096)
def _is_json(text: str, kind: type) -> bool:
    try:
        return isinstance(json.loads(text), kind)
    except (ValueError, RecursionError):
        return False


# -- what stands in ----------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class StandIn:
    """What is known of a run of which there are only outcomes."""

    run_id: str
    endpoints: dict[str, Row] = field(default_factory=dict)
    size: str = ""
    repetitions: int = 1
    simulated: bool = False
    first_at: datetime | None = None
    last_at: datetime | None = None

    def see(self, row: Row) -> None:
        """Take one of its outcomes into account."""
        self.endpoints.setdefault(row["endpoint"], row)
        self.size = self.size or f"{row['requested_width_px']}x{row['requested_height_px']}"
        self.repetitions = max(self.repetitions, row["repetition"] + 1)
        self.simulated = self.simulated or row["simulated"]
        at = row["started_at"]
        if at is not None:
            self.first_at = at if self.first_at is None else min(at, self.first_at)
            self.last_at = at if self.last_at is None else max(at, self.last_at)

    def row(self, origin: str) -> Row:
        """The run as far as it is known. ValueError if its names cannot be those of a plan."""
        plan = Plan.model_validate(
            {"name": UNKNOWN, "description": UNKNOWN_PLAN, "endpoints": sorted(self.endpoints),
             "prompts": {"sets": [UNKNOWN]}, "request": {"size": self.size},
             "repetitions": min(self.repetitions, 10_000)}
        )  # fmt: skip
        machine = Environment(
            arena_version=UNKNOWN, python_version=UNKNOWN, platform=UNKNOWN, cpu_count=0, hostname=UNKNOWN
        )
        return {
            "id": self.run_id,
            "plan_name": UNKNOWN,
            "plan_json": plan.model_dump_json(),
            "plan_sha256": "0" * 64,
            "status": RunStatus.FINISHED,
            "created_at": self.first_at or datetime.now(UTC),
            "ended_at": self.last_at,
            "environment_json": machine.model_dump_json(),
            "simulated": self.simulated,
            "imported_from": origin,
        }


def stand_in_endpoint(run_id: str, row: Row) -> Row:
    """The endpoint of an outcome as far as it is known. ValueError if its name cannot be one."""
    known = {name: row[name] for name in ("provider", "protocol", "model", "region", "simulated")}
    described = Endpoint.model_validate({"id": row["endpoint"], "base_url": "https://unknown.invalid", **known})
    rest = {"endpoint_json": described.model_dump_json(), "price_json": None}
    return {"run_id": run_id, "endpoint_id": row["endpoint"], **known, **rest}


def stand_in_prompt(row: Row) -> Row:
    """The prompt of an outcome as far as it is known."""
    lists = dict.fromkeys(("tags_json", "source_sha256_json", "legible_text_json"), "[]")
    sources = '["unknown.png"]' if row["mode"] == "edit" else "[]"
    names = {"id": row["prompt_id"], "sha256": row["prompt_sha256"], "text": UNKNOWN_TEXT, "sources_json": sources}
    return {**names, "category": row["category"], "mode": row["mode"], "clip_tokens": 1, **lists}
