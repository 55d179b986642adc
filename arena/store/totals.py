"""What was ever counted, by endpoint and how it ended; and which runs fall into a stretch of time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from arena.domain.plan import Phase
from arena.store import digests, mapping
from arena.store.runs import COUNTS, DIGEST, RUN

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    import pyarrow as pa
    from sqlalchemy import Connection

    from arena.domain.run import Run
    from arena.store.windows import Between

_BY = ("endpoint", "provider", "model", "region", "simulated", "status", "failure_kind")


@dataclass(frozen=True, slots=True)
class Ending:
    """How attempts of one endpoint in one run ended, as far as they are counted together."""

    endpoint: str
    provider: str
    model: str
    region: str | None
    simulated: bool
    status: str
    failure_kind: str | None


Counts = dict[Ending, int]


@dataclass(frozen=True, slots=True)
class RunCounts:
    """One run's measured attempts by how they ended. `stamp` changes with a settled run's outcomes; None: unsettled."""

    stamp: tuple[str, datetime, int] | None
    counts: Counts


def counted(connection: Connection, known: Mapping[str, RunCounts]) -> dict[str, RunCounts]:
    """The counts of every run that was made to measure (`arena.domain.purpose`), oldest run first.

    Settled runs are counted from their digests, and those in `known` whose digest has not changed not again, so that
    who asks every minute pays for what is new only.
    """
    stamps = _stamps(connection)
    ids = connection.execute(sa.select(RUN.c.id).where(COUNTS).order_by(RUN.c.id)).scalars().all()
    found = {}
    for run_id in ids:
        stamp, before = stamps.get(run_id), known.get(run_id)
        if before is not None and stamp is not None and before.stamp == stamp:
            found[run_id] = before
        else:
            found[run_id] = RunCounts(stamp, _counts(_outcomes(connection, run_id, digested=stamp is not None)))
    return found


def _stamps(connection: Connection) -> dict[str, tuple[str, datetime, int]]:
    columns = (DIGEST.c.run_id, DIGEST.c.last_at, DIGEST.c.attempts, sa.func.length(DIGEST.c.data).label("size"))
    rows = connection.execute(sa.select(*columns).where(DIGEST.c.version == digests.VERSION))
    return {row.run_id: (f"{row.attempts}", row.last_at, row.size) for row in rows}


def _outcomes(connection: Connection, run_id: str, *, digested: bool) -> pa.Table:
    wanted = [*_BY, "phase"]
    table = digests.stored(connection, run_id, wanted) if digested else digests.from_rows(connection, run_id)
    return table.select(wanted)


def _counts(table: pa.Table) -> Counts:
    import pyarrow.compute as pc

    measured = table.filter(pc.equal(table["phase"].cast("string"), Phase.MEASURE.value)).drop_columns("phase")
    for index, name in enumerate(measured.column_names):
        if name != "simulated":
            measured = measured.set_column(index, name, measured[name].cast("string"))
    grouped = measured.group_by(list(measured.column_names)).aggregate([([], "count_all")])
    return {Ending(**{name: row[name] for name in _BY}): row["count_all"] for row in grouped.to_pylist()}


def runs_between(connection: Connection, between: Between) -> list[Run]:
    """The runs made to measure that were under way at any time of a stretch of time, newest first.

    One whose process has died was under way until it was last heard of.
    """
    last_at = sa.func.coalesce(RUN.c.ended_at, RUN.c.heartbeat_at)
    still_on = last_at.is_(None) | (last_at >= between.start)
    query = sa.select(RUN).where(RUN.c.created_at < between.end, still_on, COUNTS)
    rows = connection.execute(query.order_by(RUN.c.created_at.desc(), RUN.c.id.desc())).mappings()
    return [mapping.run_from_row(dict(row)) for row in rows]
