"""The single writer: one thread, one connection, one transaction for whatever has queued up meanwhile.

Who calls it: the runner, from the event loop, for intents and outcomes. A returned future resolves once the write is
committed, so awaiting it is what makes "durable before acknowledged" true. What somebody waits for is committed at
once, and under load the time of one commit gathers the next batch.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from arena.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    from arena.store.engine import Connection, Database

T = TypeVar("T")
Item = TypeVar("Item")
BATCH_LIMIT = 500
PATIENCE_S = 0.05
"""How long a write that can wait does so for company; a crash loses no more than that of what is finished."""


@dataclass(frozen=True, slots=True)
class _Write:
    many: Callable[[Connection, Sequence[Any]], Sequence[Any]]
    item: Any
    done: Future[Any] | asyncio.Future[Any]
    can_wait: bool

    def begins(self) -> bool:
        """Whether it is still wanted."""
        return not isinstance(self.done, Future) or self.done.set_running_or_notify_cancel()


def _one_by_one(connection: Connection, writes: Sequence[Callable[[Connection], T]]) -> list[T]:
    return [write(connection) for write in writes]


class Recorder:
    """Owns all writes of one run. A context manager: leaving it commits what is queued and ends the thread."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queue: queue.SimpleQueue[_Write | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="arena-recorder", daemon=True)
        self._closed = False
        self._closing = threading.Lock()

    def __enter__(self) -> Recorder:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._closing:
            self._closed = True
            self._queue.put(None)
        self._thread.join()

    def submit(self, apply: Callable[[Connection], T]) -> Future[T]:
        """Queue one write; the future holds its result once it is committed, or what made it fail."""
        return self.submit_to(_one_by_one, apply)

    def submit_to(
        self, many: Callable[[Connection, Sequence[Item]], Sequence[T]], item: Item, *, can_wait: bool = False
    ) -> Future[T]:
        """Queue one item for a function that writes many at once; as `submit`, its own result.

        Everything that has queued up for the same function is handed to it together. What `can_wait` is committed with
        the next write that cannot, or after a moment.
        """
        done: Future[T] = Future()
        self._put(_Write(many, item, done, can_wait))
        return done

    def written(
        self, many: Callable[[Connection, Sequence[Item]], Sequence[T]], item: Item, *, can_wait: bool = False
    ) -> asyncio.Future[T]:
        """As `submit_to`, for a coroutine: the event loop is told of a whole batch at once."""
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._put(_Write(many, item, done, can_wait))
        return done

    def _put(self, write: _Write) -> None:
        with self._closing:
            if self._closed:
                raise StoreError("the recorder is closed; this write came after the end of its run")
            self._queue.put(write)

    def _work(self) -> None:
        while True:
            batch, last = self._next_batch()
            if batch:
                self._commit(batch)
            if last:
                return

    def _next_batch(self) -> tuple[list[_Write], bool]:
        batch: list[_Write] = []
        item, until_s = self._queue.get(), time.monotonic() + PATIENCE_S
        while item is not None:
            if item.begins():
                batch.append(item)
            if len(batch) >= BATCH_LIMIT:
                return batch, False
            patient = all(write.can_wait for write in batch)
            try:
                item = self._queue.get(timeout=max(0.0, until_s - time.monotonic()) if patient else 0)
            except queue.Empty:
                return batch, False
        return batch, True

    def _commit(self, batch: list[_Write]) -> None:
        """One transaction for all; if it fails, each write alone, so that one bad write takes no other down."""
        kinds: dict[Callable[..., Any], list[_Write]] = {}
        for write in batch:
            kinds.setdefault(write.many, []).append(write)
        try:
            with self._database.write() as connection:
                results = [many(connection, [w.item for w in writes]) for many, writes in kinds.items()]
        except Exception as error:  # noqa: BLE001 - whatever it was belongs to the caller, through its future
            if len(batch) == 1:
                _settle([(batch[0], None, error)])
                return
            for write in batch:
                self._commit([write])
            return
        _settle(
            [
                (write, result, None)
                for writes, came in zip(kinds.values(), results, strict=True)
                for write, result in zip(writes, came, strict=True)
            ]
        )


_End = tuple[_Write, Any, Exception | None]


def _settle(ends: Sequence[_End]) -> None:
    """Tell whoever waits; each event loop once, for all that is its own."""
    loops: dict[asyncio.AbstractEventLoop, list[_End]] = {}
    for end in ends:
        if isinstance(end[0].done, Future):
            _tell([end])
        else:
            loops.setdefault(end[0].done.get_loop(), []).append(end)
    for loop, theirs in loops.items():
        with suppress(RuntimeError):  # closed meanwhile: nobody waits there any more
            loop.call_soon_threadsafe(_tell, theirs)


def _tell(ends: Sequence[_End]) -> None:
    for write, result, error in ends:
        if write.done.done():  # the coroutine was cancelled; what it asked for is written all the same
            continue
        if error is not None:
            write.done.set_exception(error)
        else:
            write.done.set_result(result)
