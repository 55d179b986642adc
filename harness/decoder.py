"""Decodes images in processes of their own, at low priority.

Ten milliseconds of decoding, on a thread or on the event loop, are ten milliseconds by which other requests in flight
are read late. Another process costs them nothing, and its lower priority lets what is measured go first.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TYPE_CHECKING

from harness.images import ImageFacts, examine_file

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

LOG = logging.getLogger(__name__)
NICENESS = 10
ORPHAN_CHECK_S = 1.0


class Decoder:
    """A context manager; leaving it ends the processes."""

    def __init__(self, workers: int | None = None) -> None:
        count = workers or max(1, (os.cpu_count() or 2) - 1)
        context = multiprocessing.get_context("spawn")  # a fork would copy a process full of threads and locks
        self._pool = ProcessPoolExecutor(count, mp_context=context, initializer=_settle_in, initargs=(os.getpid(),))
        self._count = count

    def __enter__(self) -> Decoder:
        """Start the processes now, not in the middle of the first measurements."""
        for started in [self._pool.submit(time.sleep, 0.01) for _ in range(self._count)]:
            started.result()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)

    def inspect(self, path: Path) -> ImageFacts:
        """As `harness.images.examine_file`; blocks the calling thread while the other process works.

        Where the processes have died, killed for memory perhaps, it works here: slower, but no paid image is given up.
        """
        try:
            return self._pool.submit(examine_file, path).result()
        except BrokenProcessPool:
            LOG.warning("the decoding processes have died; images are decoded in this process from now on")
            return examine_file(path)


def _settle_in(parent: int) -> None:
    """What a worker does first: step back, leave Ctrl-C to the parent, and never outlive it."""
    os.nice(NICENESS)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(ORPHAN_CHECK_S)
    os._exit(0)
