"""What a table of an export is: columns with kinds and meanings, a version, a key, and the query behind it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date


class Kind(StrEnum):
    """What a column holds. Every kind may be missing unless its column is `required`."""

    TEXT = "text"
    INTEGER = "integer, 64 bits"
    REAL = "real number"
    BOOLEAN = "true or false"
    MOMENT = "instant in UTC, microseconds"


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `per_unit`: it is stored as an integer so many times as large (nanoseconds of milliseconds, …).

    `hashed`: it names a voter, and is written as a salted hash. Where data is published, `private` is left empty, and
    `brief` keeps the words before a colon only.
    """

    name: str
    kind: Kind
    meaning: str
    required: bool = False
    per_unit: int | None = None
    hashed: bool = False
    private: bool = False
    brief: bool = False
    choices: tuple[str, ...] = ()


def text(
    name: str, meaning: str, *, required: bool = False, private: bool = False, choices: tuple[str, ...] = ()
) -> Column:
    """A column of text."""
    return Column(name, Kind.TEXT, meaning, required=required, private=private, choices=choices)


def integer(name: str, meaning: str, *, required: bool = False) -> Column:
    """A column of integers."""
    return Column(name, Kind.INTEGER, meaning, required=required)


def real(name: str, meaning: str, *, required: bool = False, per_unit: int | None = None) -> Column:
    """A column of real numbers, of integers in the database if `per_unit` is given."""
    return Column(name, Kind.REAL, meaning, required=required, per_unit=per_unit)


def boolean(name: str, meaning: str, *, required: bool = True) -> Column:
    """A column of truth values."""
    return Column(name, Kind.BOOLEAN, meaning, required=required)


def moment(name: str, meaning: str, *, required: bool = False) -> Column:
    """A column of instants."""
    return Column(name, Kind.MOMENT, meaning, required=required)


def voter(name: str, meaning: str, *, required: bool = False) -> Column:
    """A column of voters, who leave as salted hashes."""
    return Column(name, Kind.TEXT, meaning, required=required, hashed=True)


AGAIN = boolean(
    "exported_again",
    "In incremental exports only: the row was exported before under this name and has changed since; it replaces the"
    " earlier one of the same key.",
)


@dataclass(frozen=True, slots=True)
class Changes:
    """Rows that were written or changed from epoch `since` on and before epoch `until`."""

    since: int
    until: int


@dataclass(frozen=True, slots=True)
class Scope:
    """Which rows: of one run, begun at `begin` or later and before `end`, at one endpoint, simulated or not; None: all.

    `trial` and `prompt_id` narrow attempts only. `changes` are those of an incremental export, `days` (UTC) those whose
    partitions are written anew.
    """

    run_id: str | None = None
    begin: datetime | None = None
    end: datetime | None = None
    endpoint: str | None = None
    simulated: bool | None = None
    changes: Changes | None = None
    days: frozenset[date] | None = None
    trial: int | None = None
    prompt_id: str | None = None

    @property
    def filters(self) -> dict[str, Any]:
        """What was asked for, without what an increment is: JSON values, those that are None left out."""
        asked = asdict(replace(self, changes=None, days=None))
        return {k: v.isoformat() if isinstance(v, datetime) else v for k, v in asked.items() if v is not None}

    @property
    def is_narrowed(self) -> bool:
        """Whether anything is left out."""
        return bool(self.filters)

    def within(self, at: sa.ColumnElement[Any]) -> list[sa.ColumnElement[bool]]:
        """Conditions on an instant: the window and the days."""
        found = []
        if self.begin is not None:
            found.append(at >= self.begin)
        if self.end is not None:
            found.append(at < self.end)
        return found

    def on_days(self, at: sa.ColumnElement[Any]) -> list[sa.ColumnElement[bool]]:
        """The condition that an instant lies on one of the days."""
        if self.days is None:
            return []
        return [sa.or_(sa.false(), *(((at >= first) & (at < last + timedelta(days=1))) for first, last in self._spans))]

    @property
    def _spans(self) -> list[tuple[datetime, datetime]]:
        """The days as stretches without a gap, each from its first to its last: a condition a day is too many."""
        spans: list[tuple[datetime, datetime]] = []
        for day in sorted(self.days or ()):
            begins = datetime(day.year, day.month, day.day, tzinfo=UTC)
            follows = spans and spans[-1][1] + timedelta(days=1) == begins
            spans[-1:] = [(spans[-1][0], begins)] if follows else [*spans[-1:], (begins, begins)]
        return spans

    def __str__(self) -> str:
        return json.dumps(self.filters, sort_keys=True)


@dataclass(frozen=True, slots=True)
class Spec:
    """A table of an export. A new table is one of these, its query among it, in `measured` or in `voted`.

    `query` selects the columns in their order. `key` tells one row from another, wherever it is. `day` is the instant
    by whose day rows are laid in partitions, `changed` and `first` the epochs in which a row changed last and first
    could be exported; tables without them are small, and every export has them whole.
    """

    name: str
    version: int
    about: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    query: Callable[[Scope], sa.Select[Any]]
    day: sa.ColumnElement[Any] | None = None
    changed: Callable[[Changes], sa.ColumnElement[bool]] | None = None
    first: sa.ColumnElement[Any] | None = None
    of_votes: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its columns, in order."""
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> Column:
        """A column by name; KeyError if there is none."""
        return {column.name: column for column in self.columns}[name]

    @property
    def incremental(self) -> bool:
        """Whether an increment of it holds only what changed."""
        return self.changed is not None
