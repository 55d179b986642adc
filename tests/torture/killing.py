"""Starts a victim, waits for its word that it begins, and kills it with all its children."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.torture.place import Place

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Killed:
    """`after_s` counts from when it began, or from what was waited for; `at_s` is on `time.monotonic`.

    `ended` holds the exit status of one that was faster than the kill.
    """

    after_s: float
    at_s: float
    ended: int | None


def begin(place: Place, words: Sequence[str]) -> subprocess.Popen[str]:
    """A victim in a process group of its own, which has just begun."""
    with (place.directory / "stderr").open("a") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.torture.victim", *words],
            cwd=place.directory,
            env={**place.environment, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            start_new_session=True,
        )
    assert process.stdout is not None
    if process.stdout.readline() != "ready\n":
        raise RuntimeError(f"the victim did not begin: {(place.directory / 'stderr').read_text()}")
    return process


def kill(place: Place, words: Sequence[str], after_s: float, since: Callable[[], bool] = lambda: True) -> Killed:
    """Begin, and end it so long after `since` holds: SIGKILL to the whole group, which no handler softens."""
    process = begin(place, words)
    ended: int | None = None
    with process:
        while not since() and process.poll() is None:
            time.sleep(0.005)
        with suppress(subprocess.TimeoutExpired):
            ended = process.wait(after_s)
        at_s = time.monotonic()
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    place.wait_until_alone()
    return Killed(after_s, at_s, ended)


def whole_s(place: Place, words: Sequence[str]) -> float:
    """How long it takes when nobody kills it."""
    begun_s = time.monotonic()
    with begin(place, words) as process:
        begun_s = time.monotonic()
        if process.wait(300):
            raise RuntimeError(f"arena {' '.join(words)}: {(place.directory / 'stderr').read_text()}")
    return time.monotonic() - begun_s


def run(place: Place, *words: str) -> subprocess.CompletedProcess[str]:
    """The `arena` command, left alone."""
    return subprocess.run(
        [sys.executable, "-m", "tests.torture.victim", *words],
        cwd=place.directory,
        env={**place.environment, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
