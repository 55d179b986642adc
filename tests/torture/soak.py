"""A day of scheduled runs in one process, with faults throughout: memory, files, threads and tasks stay flat.

    python -m tests.torture.soak                   24 hours, a run every quarter of an hour, without the waiting
    python -m tests.torture.soak --hours 12        fewer; the first twenty do not count
    python -m tests.torture.soak --leak memory     a planted leak, which must be found; or --leak file
    python -m tests.torture.soak --trace           says what the memory was taken for, and is slower

Every time a run has ended, garbage is collected, the allocator gives back what it can (malloc_trim), and everything is
measured. Flat is what grows by less than is allowed, with 95 % confidence: the upper end of the interval of the
slope over all runs after the first few. What cannot be told is not flat. Memory is judged by what is in use (the bytes
that malloc has handed out, and Python's small objects); what is resident besides holds pieces that were given back and
lie between others, and has a limit of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import faulthandler
import gc
import os
import sys
import time
import tracemalloc
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import psutil

from tests.torture.day import SchedulersDay
from tests.torture.trend import Trend, trend

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

WARM_UP = 20
"""Runs until everything has been met, some of it twice: imports, caches, pools, every fault, a run that is resumed."""
ALLOWED = {
    "in_use_kb": 30.0, "objects": 250.0, "open_files": 0.05, "threads": 0.05, "tasks": 0.05, "children": 0.05,
    "wal_kb": 30.0,
}  # fmt: skip
"""Growth per run: 30 kB of memory would be a gigabyte after 35,000 runs, a year of one every quarter of an hour."""
MOST_RESIDENT, MOST_WAL_KB = 1.05, 16 * 1024
"""Resident memory at its highest is at most so many times what it was after the warm-up."""
FEWEST = 8
HANGS_S = 120.0
"""A run that takes longer says where it is, on stderr."""
LEAK_BYTES = 50_000


@dataclass(frozen=True)
class Sample:
    """This process after one run. `in_use_kb`: of malloc; `objects`: Python's small ones, which it keeps elsewhere.

    The database grows by what is measured.
    """

    took_s: float
    resident_kb: float
    in_use_kb: float
    open_files: int
    threads: int
    tasks: int
    children: int
    wal_kb: float
    database_kb: float
    objects: int


class Scales:
    """Measures after every run; `leak` is planted just before."""

    def __init__(self, database: Path, leak: Callable[[], None] = lambda: None) -> None:
        self.samples: list[Sample] = []
        self._database, self._leak = database, leak
        self._process, self._since_s = psutil.Process(), time.monotonic()
        self._libc = ctypes.CDLL(None)

    def weigh(self, fate: str) -> None:
        """Add a sample."""
        took_s = time.monotonic() - self._since_s
        self._leak()
        gc.collect()
        if sys.platform == "linux":
            self._libc.malloc_trim(0)
        resident_bytes = self._process.memory_info().rss
        wal = self._database.with_name(f"{self._database.name}-wal")
        sample = Sample(
            took_s=took_s,
            resident_kb=resident_bytes / 1024,
            in_use_kb=(_in_use_bytes(self._libc) if hasattr(self._libc, "mallinfo2") else resident_bytes) / 1024,
            open_files=self._process.num_fds(),
            threads=self._process.num_threads(),
            tasks=len(asyncio.all_tasks()),
            children=len(self._process.children(recursive=True)),
            wal_kb=wal.stat().st_size / 1024 if wal.exists() else 0.0,
            database_kb=self._database.stat().st_size / 1024,
            objects=sys.getallocatedblocks(),
        )
        self.samples.append(sample)
        measured = ", ".join(f"{name} {value:,.0f}" for name, value in asdict(sample).items() if name != "took_s")
        sys.stdout.write(f"run {len(self.samples)}: {fate} in {took_s:.1f} s, {measured}\n")
        sys.stdout.flush()
        self._since_s = time.monotonic()


class _Mallinfo2(ctypes.Structure):
    """What glibc says of its heap; `uordblks` and `hblkhd` are bytes in use."""

    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks",
                     "keepcost")
    )  # fmt: skip


def _in_use_bytes(libc: ctypes.CDLL) -> int:
    """As `mallinfo2` of glibc 2.33 and later."""
    libc.mallinfo2.restype = _Mallinfo2
    found = libc.mallinfo2()
    return int(found.uordblks + found.hblkhd)


def trends(samples: Sequence[Sample]) -> dict[str, Trend]:
    """Of each measure that must not grow, after the warm-up."""
    return {name: trend([getattr(s, name) for s in samples], allowed) for name, allowed in ALLOWED.items()}


def growing(samples: Sequence[Sample]) -> list[str]:
    """What is not flat."""
    found = [name for name, one in trends(samples).items() if not one.flat]
    if max(s.wal_kb for s in samples) > MOST_WAL_KB:
        found.append("the write-ahead log is long")
    if max(s.resident_kb for s in samples) > MOST_RESIDENT * samples[0].resident_kb:
        found.append("resident memory has passed its limit")
    return found


def table(samples: Sequence[Sample]) -> str:
    """The figures."""
    lines = [f"{'':12}{'first':>12}{'last':>12}{'highest':>12}{'a run':>12}{'95 % interval':>24}{'allowed':>10}"]
    for name, one in trends(samples).items():
        interval = f"{one.low:,.3f} to {one.high:,.3f}"
        line = f"{name:12}{one.first:12,.0f}{one.last:12,.0f}{one.highest:12,.0f}{one.slope:12,.3f}{interval:>24}"
        lines.append(f"{line}{one.allowed:10,.2f}{'' if one.flat else '  NOT FLAT'}")
    for name, most in (("resident_kb", MOST_RESIDENT * samples[0].resident_kb), ("wal_kb", float(MOST_WAL_KB))):
        values = [getattr(s, name) for s in samples]
        lines.append(f"{name:12}{values[0]:12,.0f}{values[-1]:12,.0f}{max(values):12,.0f}, at most {most:,.0f}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--leak", choices=sorted(LEAKS))
    parser.add_argument("--trace", action="store_true")
    options = parser.parse_args()
    if options.trace:
        tracemalloc.start(12)
    begun_s = time.monotonic()
    with TemporaryDirectory(prefix="arena-soak-") as directory:
        scales = Scales(Path(directory) / "data" / "arena.db", LEAKS.get(options.leak, lambda: None))
        snapshots = []

        def measured(fate: str) -> None:
            faulthandler.dump_traceback_later(HANGS_S, repeat=True)
            scales.weigh(fate)
            if options.trace and len(scales.samples) % 10 == 0:
                snapshots.append(tracemalloc.take_snapshot())

        day = SchedulersDay(Path(directory), timedelta(hours=options.hours), measured)
        day.live()
    faulthandler.cancel_dump_traceback_later()
    samples = scales.samples[WARM_UP:]
    if len(samples) < FEWEST:
        raise SystemExit(f"{len(scales.samples)} runs are too few to tell a trend; take more --hours")
    for before, after in zip(snapshots[:1], snapshots[-1:], strict=True):
        for line in after.compare_to(before, "traceback")[:15]:
            print(line, *line.traceback.format(limit=6), sep="\n")
    longest_s = max(s.took_s for s in samples)
    print(f"{options.hours:g} hours, {len(scales.samples)} executions in {time.monotonic() - begun_s:.0f} s", end="; ")
    print(f"the longest took {longest_s:.1f} s")
    print(", ".join(f"{count} {what}" for what, count in sorted(day.fates.items())))
    print(f"after the first {WARM_UP}:", table(samples), sep="\n")
    grown = growing(samples)
    print(f"not flat: {', '.join(grown)}" if grown else "flat")
    raise SystemExit(1 if grown else 0)


_LEAKED: list[object] = []
LEAKS: dict[str, Callable[[], None]] = {
    "file": lambda: _LEAKED.append(os.open(os.devnull, os.O_RDONLY)),
    "memory": lambda: _LEAKED.append(os.urandom(LEAK_BYTES)),
}


if __name__ == "__main__":
    main()
