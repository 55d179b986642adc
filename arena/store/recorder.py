"""The single writer: one thread, one connection, one transaction for whatever has queued up meanwhile.

Who calls it: the runner, from the event loop, for intents and outcomes. A returned future resolves once the write is
committed, so awaiting it is what makes "durable before acknowledged" true. There is no artificial delay: a lone write
is committed at once, and under load the time of one commit gathers the next batch.
"""

from __future__ import annotations

import queue
import threading
from concurrent.futures import Future
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


@dataclass(frozen=True, slots=True)
class _Write:
    many: Callable[[Connection, Sequence[Any]], Sequence[Any]]
    item: Any
    done: Future[Any]


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

    def submit_to(self, many: Callable[[Connection, Sequence[Item]], Sequence[T]], item: Item) -> Future[T]:
        """Queue one item for a function that writes many at once; as `submit`, its own result.

        Everything that has queued up for the same function is handed to it together.
        """
        done: Future[T] = Future()
        with self._closing:
            if self._closed:
                raise StoreError("the recorder is closed; this write came after the end of its run")
            self._queue.put(_Write(many, item, done))
        return done

    def _work(self) -> None:
        while True:
            batch, last = self._next_batch()
            if batch:
                self._commit(batch)
            if last:
                return

    def _next_batch(self) -> tuple[list[_Write], bool]:
        batch: list[_Write] = []
        item = self._queue.get()
        while item is not None:
            if item.done.set_running_or_notify_cancel():
                batch.append(item)
            if len(batch) >= BATCH_LIMIT:
                return batch, False
            try:
                item = self._queue.get_nowait()
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
                batch[0].done.set_exception(error)
                return
            for write in batch:
                self._commit([write])
            return
        for writes, came in zip(kinds.values(), results, strict=True):
            for write, result in zip(writes, came, strict=True):
                write.done.set_result(result)
