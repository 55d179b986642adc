"""The clock of epochs, and up to where each named export has come.

An export ends an epoch, reads what was written before that, and moves its cursor only when its files are in place. So
a crash repeats rows and loses none, whatever was being written meanwhile.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from arena.errors import ConfigError
from arena.store.exchange.columns import Changes
from arena.store.runs import dialect
from arena.store.schema import METADATA

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from arena.store.exchange.columns import Scope

CLOCK, CURSOR = METADATA.tables["export_clock"], METADATA.tables["export_cursor"]


@dataclass(frozen=True, slots=True)
class Identity:
    """Which database it is, and the salt under which its voters leave."""

    database_id: str
    voter_salt: str


def identity(connection: Connection) -> Identity:
    """Of this database; the same as long as it lives."""
    row = connection.execute(sa.select(CLOCK.c.database_id, CLOCK.c.voter_salt)).one()
    return Identity(row.database_id, row.voter_salt)


def end_epoch(connection: Connection) -> int:
    """Begin a new epoch and return it: once this is committed, all that was written before it can be seen."""
    return int(connection.execute(CLOCK.update().values(epoch=CLOCK.c.epoch + 1).returning(CLOCK.c.epoch)).scalar_one())


def changes(connection: Connection, name: str, table: str, scope: Scope, until: int) -> Changes:
    """What an export under this name has not seen yet; at its first time, everything.

    ConfigError if the name was used with other filters: what they left out would never be exported.
    """
    same = (CURSOR.c.name == name) & (CURSOR.c.table_name == table)
    row = connection.execute(sa.select(CURSOR.c.epoch, CURSOR.c.filters_json).where(same)).first()
    if row is None:
        return Changes(0, until)
    if json.loads(row.filters_json) != scope.filters:
        raise ConfigError(
            f"--since-last {name}: was used with the filters {row.filters_json} and not {scope}; use another name"
        )
    return Changes(int(row.epoch), until)


def advance(connection: Connection, name: str, table: str, scope: Scope, until: int) -> None:
    """Note that everything before an epoch is in files; never backwards, whoever else exports under the same name."""
    row = {"name": name, "table_name": table, "epoch": until, "filters_json": str(scope)}
    statement = dialect(connection).insert(CURSOR)
    new = {k: statement.excluded[k] for k in ("epoch", "filters_json", "exported_at")}
    later = statement.excluded.epoch > CURSOR.c.epoch
    ahead = statement.on_conflict_do_update(index_elements=["name", "table_name"], set_=new, where=later)
    connection.execute(ahead, row | {"exported_at": datetime.now(UTC)})
