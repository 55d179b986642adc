"""The outcomes of a stretch of time, whatever runs they were made by: as fast as their number allows.

Settled runs are read from their digests, the others from their rows; what a window costs depends on what is in it, not
on how much was measured before.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import sqlalchemy as sa

from arena.store import digests
from arena.store.outcome_names import BLAME_OF, MARK_NS_OF
from arena.store.runs import COUNTS, DIGEST, PROMPT, RUN
from arena.store.stacked import Stacked
from arena.units import NANO_USD_PER_USD, NS_PER_MS

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    import pyarrow as pa
    from sqlalchemy import Connection

MARKS_MS = {name: mark for name, mark in MARK_NS_OF.items() if mark in digests.MARKS}
"""Those that digests keep, and figures need."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Between:
    """A stretch of time, from `start` until just before `end`; both are aware."""

    start: datetime
    end: datetime


def outcomes(
    connection: Connection, between: Between, columns: Sequence[str], runs: Container[str] | None = None
) -> pd.DataFrame:
    """The attempts that were sent in a stretch of time, in the order of their runs; of `runs` only, if given.

    Runs that were made to look for a limit or at one prompt are left out (`arena.domain.purpose`).

    `columns` are of `arena.store.queries.OUTCOME_COLUMNS` as far as figures need them, with `server_queue_ms` and
    `server_compute_ms` instead of the servers' own words, and `size` (`1024x1024`) as it was asked for. Text is
    categorical, numbers are floats with NaN where a value is missing, `started_at` is missing where nobody knows
    whether the request was sent; such an attempt belongs to the instant at which it was meant to be. `run_id` can be
    had as well.
    """
    named = [column for column in columns if column != "run_id"]
    wanted = _digest_columns(named)
    parts = [part for part in _parts(connection, between) if runs is None or part.run_id in runs]
    filled = Stacked(sum(part.attempts for part in parts), digests.schema(), wanted)
    edges, rows = (_us(between.start), _us(between.end)), []
    for part in parts:
        table = part.table(connection, wanted)
        at_us = table["at"].cast("int64").to_numpy()
        inside = (at_us >= edges[0]) & (at_us < edges[1])
        filled.add(table if inside.all() else table.filter(inside))
        rows.append(int(inside.sum()))
    found = {column: _column(connection, filled, column) for column in ("simulated", *named)}
    if "run_id" in columns:
        codes = np.repeat(np.arange(len(parts), dtype=np.int32), rows)
        names = pd.Index([part.run_id for part in parts], dtype="str")
        found["run_id"] = pd.Categorical.from_codes(codes, categories=names)
    return pd.DataFrame(found, copy=False)


@dataclass(frozen=True, slots=True)
class _Part:
    """One run that may have attempts in the stretch of time."""

    run_id: str
    attempts: int
    digested: bool

    def table(self, connection: Connection, wanted: Sequence[str]) -> pa.Table:
        """Its outcomes in columns."""
        if self.digested:
            return digests.stored(connection, self.run_id, wanted)
        return digests.from_rows(connection, self.run_id)


def _parts(connection: Connection, between: Between) -> list[_Part]:
    """Each such run, oldest first."""
    overlaps = (DIGEST.c.first_at < between.end) & (DIGEST.c.last_at >= between.start)
    of_runs = sa.select(DIGEST.c.run_id, DIGEST.c.attempts).join(RUN, RUN.c.id == DIGEST.c.run_id)
    digested = of_runs.where(overlaps, DIGEST.c.version == digests.VERSION, COUNTS)
    parts = [_Part(row.run_id, row.attempts, digested=True) for row in connection.execute(digested)]
    parts += [
        _Part(run_id, digests.ended_attempts(connection, run_id), digested=False)
        for run_id in _undigested(connection, between)
    ]
    return sorted(parts, key=lambda part: part.run_id)


def _undigested(connection: Connection, between: Between) -> list[str]:
    has_one = sa.select(DIGEST.c.run_id).where(DIGEST.c.run_id == RUN.c.id, DIGEST.c.version == digests.VERSION)
    still_on = RUN.c.ended_at.is_(None) | (RUN.c.ended_at >= between.start)
    query = sa.select(RUN.c.id).where(~has_one.exists(), RUN.c.created_at < between.end, still_on, COUNTS)
    return list(connection.execute(query).scalars())


def _digest_columns(columns: Sequence[str]) -> list[str]:
    """What has to be unpacked for these columns."""
    wanted = {"at", "sent", "simulated"}
    for column in columns:
        match column:
            case "started_at":
                pass
            case "failure_blame":
                wanted.add("failure_kind")
            case "cost_usd":
                wanted.add("cost_nano_usd")
            case "category" | "mode":
                wanted |= {"prompt_id", "prompt_sha256"}
            case _:
                wanted.add(MARKS_MS.get(column, column))
    return [name for name in digests.schema().names if name in wanted]


def _us(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _column(connection: Connection, filled: Stacked, column: str) -> Any:
    match column:
        case "started_at":
            at_us = np.where(filled.flags("sent"), filled.moments_us("at"), np.iinfo(np.int64).min)
            return pd.Series(at_us.view("datetime64[us]")).dt.tz_localize("UTC")
        case "failure_blame":
            return _mapped(filled.categorical("failure_kind"), BLAME_OF)
        case "category" | "mode":
            return _of_prompts(connection, filled, column)
        case "cost_usd":
            return filled.numbers("cost_nano_usd", NANO_USD_PER_USD)
        case "simulated":
            return filled.flags("simulated")
        case _ if column in MARKS_MS:
            return filled.numbers(MARKS_MS[column], NS_PER_MS)
        case _ if column in digests.NAMES:
            return filled.categorical(column)
        case _:
            return filled.numbers(column)


def _mapped(column: pd.Categorical, names: dict[str, str]) -> pd.Categorical:
    """Each category replaced by its name; several may have the same one."""
    targets = sorted(set(names.values()))
    place = np.array([targets.index(names[c]) for c in column.categories] + [-1], dtype=np.int64)
    return pd.Categorical.from_codes(place[column.codes], categories=pd.Index(targets, dtype="str"))


def _of_prompts(connection: Connection, filled: Stacked, attribute: str) -> pd.Categorical:
    """How the prompts are classified now, which may be otherwise than when they were sent."""
    asked = sa.select(PROMPT.c.id, PROMPT.c.sha256, PROMPT.c[attribute])
    known = {(row[0], row[1]): str(row[2]) for row in connection.execute(asked)}
    ids, hashes = filled.categorical("prompt_id"), filled.categorical("prompt_sha256")
    count = max(1, len(hashes.categories))
    codes, distinct = pd.factorize(ids.codes.astype(np.int64) * count + hashes.codes)
    split = [divmod(int(pair), count) for pair in distinct]
    names = [known[ids.categories[i], hashes.categories[h]] for i, h in split]
    targets = sorted(set(names))
    place = np.array([*(targets.index(name) for name in names), -1], dtype=np.int64)
    return pd.Categorical.from_codes(place[codes], categories=pd.Index(targets, dtype="str"))
