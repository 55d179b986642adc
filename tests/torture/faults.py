"""What goes wrong around a scheduler in the course of a day, apart from what its providers do by themselves."""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

import psutil

from harness.sim.process import background

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from harness.sim.contender import SimContender

WATCHING = """
import sqlite3, sys, time
held = sqlite3.connect(sys.argv[1], timeout=60, isolation_level=None)
count = lambda: held.execute("SELECT max(id) FROM attempt").fetchone()
for line in sys.stdin:
    before, until_s = count(), time.monotonic() + 30
    while count() == before and time.monotonic() < until_s:
        time.sleep(0.01)
    if float(line):
        held.execute("BEGIN IMMEDIATE")
        time.sleep(float(line))
        held.execute("ROLLBACK")
    print("done", flush=True)
"""


class Mortal:
    """The simulated providers, which are killed and come back elsewhere."""

    def __init__(self, contenders: Sequence[SimContender], moved: Callable[[str], None]) -> None:
        self._contenders, self._moved = contenders, moved
        self._stack = ExitStack()
        self._process: psutil.Process | None = None
        self.alive = False

    def start(self) -> None:
        """Begin again, and say where."""
        self._stack.close()
        before = {child.pid for child in psutil.Process().children()}
        url = self._stack.enter_context(background(self._contenders))
        (self._process,) = [child for child in psutil.Process().children() if child.pid not in before]
        self.alive = True
        self._moved(url)

    def kill(self) -> None:
        """SIGKILL, with every connection open."""
        if self._process is not None:
            with suppress(psutil.NoSuchProcess):
                self._process.kill()
            self.alive = False

    def close(self) -> None:
        self._stack.close()


class Watcher:
    """Another process at the database: it sees when a run fires, and can take the write lock and keep it a while."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def once_it_fires(self, hold_s: float = 0.0) -> None:
        """Return when the next call's intent is written, and the lock was held for so long."""
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("no pipes")
        self._process.stdin.write(f"{hold_s}\n")
        self._process.stdin.flush()
        self._process.stdout.readline()


@contextmanager
def watcher(file: Path) -> Iterator[Watcher]:
    """For the length of the block."""
    words = [sys.executable, "-c", WATCHING, str(file)]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True, start_new_session=True) as process:
        yield Watcher(process)
        if process.stdin is not None:
            process.stdin.close()
        process.wait(60)
