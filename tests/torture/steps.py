"""The steps of a process that writes, counted where its killer can read them; any one of them may be its last.

A step is what a crash could come between: a statement, a commit, what follows it, a file opened for writing, moved or
removed. The counters lie in a mapped file, whose pages outlive the process.
"""

from __future__ import annotations

import mmap
import os
import signal
import struct
import sys
import threading
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

if TYPE_CHECKING:
    from collections.abc import Callable

KINDS = ("begin", "statement", "commit", "committed", "create", "move", "remove")
"""Each is counted as it is about to happen, but for `committed`, which is over."""
_CELL = struct.Struct("<Q")
_BEGUN, _INSIDE, _UNFINISHED = 0, 1, 2
_FIRST_KIND = 3
_FILE_EVENTS = {"os.rename": "move", "os.link": "move", "os.remove": "remove", "os.rmdir": "remove"}


class Inside(IntEnum):
    """Where in a writing transaction a process is."""

    NOTHING = 0
    TRANSACTION = 1
    COMMIT = 2


@dataclass(frozen=True)
class Seen:
    """What the counters hold. `unfinished`: files begun under a passing name, and neither moved nor removed."""

    begun: bool
    inside: Inside
    unfinished: int
    counts: dict[str, int]


class Steps:
    """The counters of one process, from either side."""

    def __init__(self, file: Path, *, create: bool) -> None:
        size = _CELL.size * (_FIRST_KIND + len(KINDS))
        if create:
            file.write_bytes(bytes(size))
        with file.open("r+b") as opened:
            self._cells = mmap.mmap(opened.fileno(), size)

    def read(self) -> Seen:
        cells = [value for (value,) in _CELL.iter_unpack(self._cells[:])]
        counts = dict(zip(KINDS, cells[_FIRST_KIND:], strict=True))
        return Seen(bool(cells[_BEGUN]), Inside(cells[_INSIDE]), cells[_UNFINISHED], counts)

    def set(self, cell: int, value: int) -> None:
        _CELL.pack_into(self._cells, cell * _CELL.size, value)

    def close(self) -> None:
        self._cells.close()


def count(file: Path, last: tuple[str, int] | None) -> Callable[[], None]:
    """Count this process's steps; at the nth of a kind it kills its group. Returns what says that it begins."""
    steps = Steps(file, create=False)
    counter = _Counter(steps, last)
    for name in ("begin", "commit", "before_cursor_execute"):
        sa.event.listen(sa.Engine, name, getattr(counter, name))
    sa.event.listen(sa.Pool, "checkin", counter.checkin)
    sys.addaudithook(counter.audited)
    return lambda: steps.set(_BEGUN, 1)


class _Counter:
    """What SQLAlchemy's events and Python's audit events come to, in steps."""

    def __init__(self, steps: Steps, last: tuple[str, int] | None) -> None:
        self._steps, self._last = steps, last
        self._counts = dict.fromkeys(KINDS, 0)
        self._writing: set[int] = set()
        self._unfinished: set[str] = set()
        self._counting = threading.RLock()

    def begin(self, connection: sa.Connection) -> None:
        if connection.get_execution_options().get("arena_write"):
            self._writing.add(_driver(connection))
            self._step("begin", Inside.TRANSACTION)

    def before_cursor_execute(self, connection: sa.Connection, *_: object) -> None:
        if _driver(connection) in self._writing:
            self._step("statement")

    def commit(self, connection: sa.Connection) -> None:
        if _driver(connection) in self._writing:
            self._step("commit", Inside.COMMIT)

    def checkin(self, connection: object, _record: object) -> None:
        if id(connection) in self._writing:
            self._writing.discard(id(connection))
            self._step("committed", Inside.TRANSACTION if self._writing else Inside.NOTHING)

    def audited(self, event: str, words: tuple[Any, ...]) -> None:
        if event == "open" and isinstance(words[0], str | os.PathLike) and (words[2] or 0) & os.O_CREAT:
            if Path(words[0]).name.startswith("."):  # passing names do, and nothing else that Arena writes
                self._unfinished.add(os.fspath(words[0]))
            self._step("create")
        elif event in _FILE_EVENTS:
            self._step(_FILE_EVENTS[event])
            self._unfinished.discard(os.fspath(words[0]))
            self._steps.set(_UNFINISHED, len(self._unfinished))

    def _step(self, kind: str, inside: Inside | None = None) -> None:
        with self._counting:
            if inside is not None:
                self._steps.set(_INSIDE, inside)
            self._steps.set(_UNFINISHED, len(self._unfinished))
            self._counts[kind] += 1
            self._steps.set(_FIRST_KIND + KINDS.index(kind), self._counts[kind])
            if self._last == (kind, self._counts[kind]):
                os.killpg(0, signal.SIGKILL)


def _driver(connection: sa.Connection) -> int:
    return id(connection.connection.dbapi_connection)
