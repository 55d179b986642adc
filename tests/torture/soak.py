"""A day of runs, one after the other in one process, with faults throughout: memory, files and threads stay flat.

    python -m tests.torture.soak                 288 runs: one every five minutes of a day, without the waiting
    python -m tests.torture.soak --runs 60

`soak` knows nothing of runs: it calls `fire` with the instant that the fake clock shows, so that whatever fires runs by
the calendar can take the place of `Firing`.
"""

from __future__ import annotations

import argparse
import gc
import statistics
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import anyio
import psutil

from arena.catalog import Catalog
from arena.domain.run import RunStatus
from arena.settings import Settings
from arena.store.check import check
from arena.store.engine import open_database
from harness.plan import prepare
from harness.progress import Progress
from harness.session import create, execute, today
from harness.sim.process import background
from tests.torture.runs import configure, contenders

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

EVERY = timedelta(minutes=5)
RUNS_A_DAY = timedelta(days=1) // EVERY
FAULTS = {
    "server_error": 0.05, "unavailable": 0.05, "rate_limited": 0.05, "truncated": 0.05, "garbage": 0.05,
    "wrong_size": 0.05, "reset": 0.05, "html": 0.05,
}  # fmt: skip
MEMORY_GROWTH, MEMORY_SLACK_BYTES, OPEN_SLACK = 0.10, 8 * 1024 * 1024, 3
"""Flat: the median of the last third is at most this much above that of the first third."""


@dataclass(frozen=True)
class Sample:
    """This process after one run; children that are left over would be a leak, too."""

    memory_bytes: int
    open_files: int
    threads: int
    children: int


def soak(fire: Callable[[datetime], None], rounds: int, warmup: int) -> list[Sample]:
    """Fire so often, five minutes apart on a clock that nobody waits for; a sample after each round but the first."""
    now, process, samples = datetime(2026, 11, 21, tzinfo=UTC), psutil.Process(), []
    for number in range(warmup + rounds):
        fire(now)
        now += EVERY
        if number >= warmup:
            gc.collect()
            memory = process.memory_info().rss
            open_files, children = process.num_fds(), len(process.children(recursive=True))
            samples.append(Sample(memory, open_files, process.num_threads(), children))
    return samples


def growths(samples: Sequence[Sample]) -> dict[str, tuple[float, float, float]]:
    """Of each measure the medians of the first and the last third, and how high the latter may be."""
    third = max(1, len(samples) // 3)

    def ends(name: str) -> tuple[float, float]:
        values = [getattr(s, name) for s in samples]
        return statistics.median(values[:third]), statistics.median(values[-third:])

    found = {}
    for name in ("memory_bytes", "open_files", "threads", "children"):
        first, last = ends(name)
        allowed = first * (1 + MEMORY_GROWTH) + MEMORY_SLACK_BYTES if name == "memory_bytes" else first + OPEN_SLACK
        found[name] = first, last, allowed
    return found


class Firing:
    """One small run at each call, in this process."""

    def __init__(self, directory: Path) -> None:
        self._settings = Settings(data_dir=directory / "data")
        self._database = open_database(self._settings, create=True)
        self._catalog = Catalog(directory / "config", environ={})
        self.succeeded = self.failed = 0

    def __call__(self, _now: datetime) -> None:
        plan, where = self._catalog.plan("torture")
        plan = plan.model_copy(update={"repetitions": 1})
        prepared = prepare(plan, where, self._catalog, today=today())
        session = create(self._database, prepared, self._settings, None)
        progress = Progress(s.trial.endpoint_id for s in session.trials)

        async def main() -> RunStatus:
            return await execute(self._database, self._settings, session, progress, environ={})

        if anyio.run(main) is not RunStatus.FINISHED:
            raise AssertionError(f"run {session.run.id} did not finish")
        self.succeeded += sum(e.succeeded for e in progress.endpoints.values())
        self.failed += sum(sum(e.failures.values()) for e in progress.endpoints.values())

    def close(self) -> None:
        check(self._database, self._settings.images_dir)
        self._database.close()


@contextmanager
def firing(directory: Path) -> Iterator[Firing]:
    """Over simulated providers in a process of their own, whose memory is not looked at."""
    with background(contenders(failures=FAULTS, latency={"kind": "fixed", "ms": 5})) as url:
        configure(directory / "config", url)
        fired = Firing(directory)
        yield fired
        fired.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=RUNS_A_DAY)
    parser.add_argument("--warmup", type=int, default=5)
    options = parser.parse_args()
    with TemporaryDirectory(prefix="arena-soak-") as directory, firing(Path(directory)) as fired:
        samples = soak(fired, options.runs, options.warmup)
    print(f"{options.runs} runs: {fired.succeeded} attempts succeeded, {fired.failed} failed, as was asked for")
    grown = False
    for name, (first, last, allowed) in growths(samples).items():
        grown = grown or last > allowed
        print(f"{name}: {first:,.0f} -> {last:,.0f}, allowed {allowed:,.0f}{'  GROWN' if last > allowed else ''}")
    raise SystemExit(1 if grown else 0)


if __name__ == "__main__":
    main()
