"""The tables behind incremental exports: a clock of epochs, and what each named export has seen.

No `from __future__ import annotations` here: SQLModel reads the annotations at class creation.
"""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import BigInteger
from sqlalchemy.ext.compiler import compiles
from sqlmodel import Field, SQLModel

__all__ = ["ExportClockRow", "ExportCursorRow"]


class CurrentEpoch(sa.ColumnElement[int]):
    """The epoch in which a row is written.

    PostgreSQL holds the clock for as long as the transaction lasts, so that the next epoch begins only when all that
    was written in this one can be seen; SQLite has one writer at a time anyway.
    """

    type = BigInteger()
    inherit_cache = True
    # Without it SQLAlchemy compiles every statement with an epoch in it anew, which takes longer than to execute it.
    _traverse_internals: list[Any] = []  # noqa: RUF012 - as SQLAlchemy declares it


@compiles(CurrentEpoch)
def _plain(element: CurrentEpoch, compiler: Any, **_: Any) -> str:
    return "coalesce((SELECT epoch FROM export_clock), 0)"


@compiles(CurrentEpoch, "postgresql")
def _held(element: CurrentEpoch, compiler: Any, **_: Any) -> str:
    return "coalesce((SELECT epoch FROM export_clock FOR SHARE), 0)"


CHANGED = {"default": CurrentEpoch(), "onupdate": CurrentEpoch(), "server_default": "0"}
"""For the column `changed_epoch` of a table whose rows may change after they were exported."""


class ExportClockRow(SQLModel, table=True):
    """One row: the epoch that rows are written in, the name of this database, and the salt for its voters."""

    __tablename__ = "export_clock"
    id: int = Field(primary_key=True)
    epoch: int = Field(sa_type=BigInteger)
    database_id: str
    voter_salt: str


class ExportCursorRow(SQLModel, table=True):
    """Up to which epoch a table was exported under a name, and with which filters."""

    __tablename__ = "export_cursor"
    name: str = Field(primary_key=True)
    table_name: str = Field(primary_key=True)
    epoch: int = Field(sa_type=BigInteger)
    filters_json: str
    exported_at: datetime
