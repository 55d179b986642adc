"""What an import came to, and how it says which row cannot be stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

Row = dict[str, Any]
KEYS_A_QUERY = 500
"""How many keys one query asks for: databases limit how many parameters a statement has."""


@dataclass(slots=True)
class Tally:
    """How many rows of a table were stored, how many replaced an earlier state, how many were there as they are."""

    new: int = 0
    changed: int = 0
    known: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.new + other.new, self.changed + other.changed, self.known + other.known)


class RowError(ValueError):
    """A row that cannot be stored: its place in the batch, and the end of the sentence that says why."""

    def __init__(self, place: int, problem: str) -> None:
        super().__init__(problem)
        self.place = place


def in_pieces(keys: Iterable[Any], size: int = KEYS_A_QUERY) -> Iterator[list[Any]]:
    """Keys in lists that one query can take."""
    listed = list(keys)
    for begin in range(0, len(listed), size):
        yield listed[begin : begin + size]


def differing(stored: Mapping[Any, Any], wanted: Row) -> bool:
    """Whether a stored row is not as wanted, in the columns that are wanted."""
    return any(stored[name] != value for name, value in wanted.items())


def by_run(rows: Sequence[Row]) -> Iterator[tuple[str, list[tuple[int, Row]]]]:
    """Rows of one run after the other, each with its place in the batch."""
    groups: dict[str, list[tuple[int, Row]]] = {}
    for place, row in enumerate(rows):
        groups.setdefault(row["run_id"], []).append((place, row))
    yield from groups.items()
