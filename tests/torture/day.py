"""A scheduler's day: real schedules over the real service, in a process whose waiting takes no time.

The wall clock of the whole process is moved on by whatever the scheduler would have slept; runs take what they take.
"""

from __future__ import annotations

import itertools
import sys
import threading
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from unittest.mock import patch

import anyio
import time_machine
from anyio.lowlevel import checkpoint

from arena.catalog import Catalog
from arena.settings import Settings
from arena.store import engine
from arena.store.check import check
from arena.store.engine import open_database
from arena.store.runs import ARTIFACT
from arena.units import NS_PER_S
from harness.alerts import channels
from harness.cli.scheduling import service, watch
from harness.clock import SystemClock
from harness.schedules.events import EventKind
from harness.schedules.files import read
from tests.torture.daily import SCHEDULES, write_plan, write_schedules
from tests.torture.faults import Mortal, watcher
from tests.torture.misbehaving import misbehaving
from tests.torture.runs import contenders
from tests.watch_history import Day, write_days

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from arena.store.engine import Database
    from harness.schedules.events import Event

FAULTS = {
    "server_error": 0.05, "unavailable": 0.05, "rate_limited": 0.05, "truncated": 0.05, "garbage": 0.05,
    "wrong_size": 0.05, "reset": 0.05, "html": 0.05,
}  # fmt: skip
HOSTILE_AT_ONCE = 3
"""So that all of them have been met by the eighth run."""
KILLED_EVERY, LOCKED_EVERY, LOCKED_LONG_EVERY = 5, 4, 7
"""Of so many runs one loses its providers, finds the database locked, or finds it locked for too long."""
PAST_TRIALS = 150
"""They fill more than SQLite keeps in memory, so that a database which grows is not taken for a leak."""
BUSY_S = 1.0
"""How long a write waits for the lock here, so that a lock may outlast it."""


class Hurried(SystemClock):
    """The machine's clocks, but that waiting is over at once: the wall clock is moved on instead."""

    def __init__(self, move_on: Callable[[float], None], until: datetime) -> None:
        self._move_on, self._until = move_on, until
        self.at_end: Callable[[], None] = lambda: None

    async def sleep_until(self, moment_ns: int) -> None:
        await checkpoint()
        self._move_on(max(0, moment_ns - self.now_ns()) / NS_PER_S)
        if self.utc() >= self._until:
            self.at_end()


class SchedulersDay:
    """Serves until it is over; `measured` is called when a run has ended, with its fate in words.

    `past_trials`: of each day of the five weeks before it, at each of two endpoints.
    """

    def __init__(
        self, directory: Path, lasts: timedelta, measured: Callable[[str], None], past_trials: int = PAST_TRIALS
    ) -> None:
        self._config, self._lasts, self._measured = directory / "config", lasts, measured
        self._past_trials = past_trials
        self._settings = Settings(data_dir=directory / "data", config_dir=self._config)
        self._providers = Mortal(contenders(failures=FAULTS, latency={"kind": "fixed", "ms": 20}), self._moved)
        self._begun, self._stack = itertools.count(1), ExitStack()
        self._troubling: threading.Thread | None = None
        self.fates: dict[str, int] = {}

    def live(self) -> None:
        """All of it. The database is checked at its end."""
        write_schedules(self._config)
        with self._stack as stack:
            stack.enter_context(patch.object(engine, "BUSY_TIMEOUT_MS", round(BUSY_S * 1000)))
            stack.enter_context(patch.object(channels, "PAUSE_S", 0.01))
            travelling = stack.enter_context(time_machine.travel(datetime.now(UTC), tick=True))
            database = stack.enter_context(_opened(self._settings))
            _past(database, self._past_trials)
            self._hostile = itertools.cycle(stack.enter_context(misbehaving()))
            self._watcher = stack.enter_context(watcher(self._settings.data_dir / "arena.db"))
            stack.callback(self._providers.close)
            self._providers.start()
            self._plan()
            self._serve(database, travelling)
            check(database, self._settings.images_dir)
        expected = self._lasts // timedelta(minutes=15)
        if self.fates.get("finished", 0) < expected:
            raise AssertionError(f"not every slot of the day has run: {self.fates}")

    def _serve(self, database: Database, travelling: time_machine.Coordinates) -> None:
        names, catalog = [*SCHEDULES], Catalog(self._config, environ={})
        clock = Hurried(travelling.shift, datetime.now(UTC) + self._lasts)
        scheduler = service(database, self._settings, catalog, read(catalog, names), self._hear, clock)
        clock.at_end = scheduler.stop
        anyio.run(scheduler.serve, watch(catalog, names))
        self._quieten()

    def _hear(self, event: Event) -> None:
        if event.kind is EventKind.BEGINS:
            self._count(event.kind)
            self._disturb(next(self._begun))
        elif event.kind is EventKind.ENDED:
            self._quieten()
            fate = event.text.split()[2].rstrip(",:")
            self._count(fate)
            self._measured(fate)
            self._plan()
        else:
            self._count(event.kind)
            sys.stdout.write(f"{event.line()}\n")
        if event.kind is EventKind.MISSED:
            raise AssertionError(event.line())

    def _count(self, what: str) -> None:
        self.fates[what] = self.fates.get(what, 0) + 1

    def _disturb(self, number: int) -> None:
        """One fault at most while a run fires, on a thread that ends with it."""
        if number % KILLED_EVERY == 0:
            self._trouble("providers killed", self._kill)
        elif number % LOCKED_LONG_EVERY == 0:
            self._trouble("locked for too long", self._watcher.once_it_fires, 4 * BUSY_S)
        elif number % LOCKED_EVERY == 0:
            self._trouble("locked for a while", self._watcher.once_it_fires, BUSY_S / 2)

    def _trouble(self, name: str, what: Callable[..., None], *words: float) -> None:
        self._count(name)
        self._troubling = threading.Thread(target=what, args=words)
        self._troubling.start()

    def _kill(self) -> None:
        self._watcher.once_it_fires()
        self._providers.kill()

    def _quieten(self) -> None:
        """Wait for the trouble's end; providers that were killed come back, elsewhere."""
        if self._troubling is not None:
            self._troubling.join()
            self._troubling = None
        if not self._providers.alive:
            self._providers.start()

    def _moved(self, url: str) -> None:
        self._url = url

    def _plan(self) -> None:
        """The next run's plan and endpoints: what is always there, and others that misbehave than before."""
        write_plan(self._config, self._url, [*itertools.islice(self._hostile, HOSTILE_AT_ONCE)])


@contextmanager
def _opened(settings: Settings) -> Iterator[Database]:
    database = open_database(settings, create=True)
    try:
        yield database
    finally:
        database.close()


def _past(database: Database, trials: int) -> None:
    """Five weeks in which an endpoint became slower: there is something to tell, and nobody takes it."""
    noon = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
    slower = Day(slower={"lab/one": 0.3})
    write_days(database, noon - timedelta(days=35), 35, lambda i: slower if i >= 31 else None, trials=trials)
    with database.write() as connection:  # its images were never made
        connection.execute(ARTIFACT.update().values(pruned_at=noon))
