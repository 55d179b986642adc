"""The outcomes of a run whose attempts were pruned: what its digest tells of them, in the columns of all outcomes.

Every figure follows from these columns. What only the rows knew is missing: messages, requests' names, images.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pandas as pd
import sqlalchemy as sa

from arena.store import digests
from arena.store.outcome_names import BLAME_OF
from arena.store.runs import PROMPT, RUN, TRIAL
from arena.store.windows import MARKS_MS
from arena.units import NANO_USD_PER_USD, NS_PER_MS

if TYPE_CHECKING:
    from sqlalchemy import Connection

_PROMPT = ("mode", "category")
_TRIAL = {"seed": "seed", "requested_width_px": "width_px", "requested_height_px": "height_px",
          "requested_format": "format"}  # fmt: skip


def pruned_runs(connection: Connection, run_id: str | None = None) -> list[str]:
    """The runs whose attempts were pruned, or the one that is asked for if it is among them."""
    query = sa.select(RUN.c.id).where(RUN.c.attempts_pruned_at.is_not(None))
    return list(connection.execute(query if run_id is None else query.where(RUN.c.id == run_id)).scalars())


def outcomes(connection: Connection, run_id: str, columns: list[str]) -> pd.DataFrame:
    """One row an attempt with these columns, in the order of the trials; those that nobody knows any more are empty."""
    table = digests.stored(connection, run_id)
    told: dict[str, Any] = {name: table[name].to_pylist() for name in (*digests.NAMES, *digests.PLACES)}
    told["run_id"] = [run_id] * table.num_rows
    told["simulated"] = table["simulated"].to_pylist()
    told["image_count"] = table["image_count"].to_pylist()
    told["started_at"] = [at if sent else None for at, sent in zip(*_lists(table, "at", "sent"), strict=True)]
    told["failure_blame"] = [BLAME_OF.get(kind or "") for kind in told["failure_kind"]]
    told["server_ms"] = [
        _server_ms(*said) for said in zip(*_lists(table, "server_queue_ms", "server_compute_ms"), strict=True)
    ]
    for name, mark in MARKS_MS.items():
        told[name] = [None if ns is None else ns / NS_PER_MS for ns in table[mark].to_pylist()]
    told["cost_usd"] = [None if n is None else n / NANO_USD_PER_USD for n in table["cost_nano_usd"].to_pylist()]
    _add_plan(connection, run_id, told)
    empty = [None] * table.num_rows
    blank = {"polls": 0, "unsupported": "[]", "remarks": "[]"}
    return pd.DataFrame(
        {c: told[c] if c in told else [blank[c]] * table.num_rows if c in blank else empty for c in columns},
        dtype=object,
    )


def _lists(table: Any, *names: str) -> list[list[Any]]:
    return [table[name].to_pylist() for name in names]


def _server_ms(queue_ms: float | None, compute_ms: float | None) -> str:
    said = {"queue": queue_ms, "predict": compute_ms}
    return json.dumps({name: value for name, value in said.items() if value is not None})


def _add_plan(connection: Connection, run_id: str, told: dict[str, Any]) -> None:
    """What trials and prompts know, which stay."""
    query = sa.select(TRIAL.c.seq, *(TRIAL.c[name] for name in _TRIAL.values())).where(TRIAL.c.run_id == run_id)
    trials = {row.seq: row for row in connection.execute(query)}
    for column, name in _TRIAL.items():
        told[column] = [getattr(trials[seq], name) for seq in told["trial"]]
    asked = sa.select(PROMPT.c.id, PROMPT.c.sha256, *(PROMPT.c[name] for name in _PROMPT))
    prompts = {(row.id, row.sha256): row for row in connection.execute(asked)}
    keys = list(zip(told["prompt_id"], told["prompt_sha256"], strict=True))
    for name in _PROMPT:
        told[name] = [getattr(prompts[key], name) for key in keys]
