"""Starts a victim and kills it with all its children: after a time, or at a step."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import resource_tracker
from typing import TYPE_CHECKING

from tests.forks import FORKS
from tests.torture.steps import KINDS, Inside, Steps
from tests.torture.victim import live

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Sequence
    from multiprocessing.context import ForkServerProcess

    from tests.torture.place import Place
    from tests.torture.steps import Seen

LONGEST_S = 300.0


def _keep_quiet() -> None:
    """The tracker of semaphores removes what killed processes leave behind; that needs no warning."""
    before = os.environ.get("PYTHONWARNINGS")
    os.environ["PYTHONWARNINGS"] = "ignore:resource_tracker:UserWarning"
    try:
        resource_tracker.ensure_running()
    finally:
        if before is None:
            del os.environ["PYTHONWARNINGS"]
        else:
            os.environ["PYTHONWARNINGS"] = before


@dataclass(frozen=True)
class Whole:
    """What a victim does when nobody kills it: how long it takes, and how many steps of each kind."""

    lasts_s: float
    counts: dict[str, int]

    def aim(self, rng: random.Random) -> Aim:
        """Half of the kills at any instant, half at a step, whose kind is drawn first: the rare ones count, too."""
        if rng.random() < 0.5:
            return Aim(after_s=rng.uniform(0, self.lasts_s * 1.05))
        kind = rng.choice([kind for kind in KINDS if self.counts[kind]])
        return Aim(step=(kind, rng.randint(1, self.counts[kind])))


@dataclass(frozen=True)
class Aim:
    """Either so long after it began, or after what is waited for; or at the nth step of a kind."""

    after_s: float | None = None
    step: tuple[str, int] | None = None

    def __str__(self) -> str:
        return f"at its {self.step[0]} {self.step[1]}" if self.step else f"after {self.after_s:.2f} s"


@dataclass(frozen=True)
class Killed:
    """`at_s` is on `time.monotonic`. `ended` holds the exit status of one that was faster than the kill."""

    aim: Aim
    at_s: float
    ended: int | None
    seen: Seen

    @property
    def where(self) -> str:
        """What the victim was at."""
        if self.ended is not None:
            return "had ended"
        if self.seen.inside is not Inside.NOTHING:
            return f"in a {self.seen.inside.name.lower()}"
        return "in a file" if self.seen.unfinished else "between two writes"

    def __str__(self) -> str:
        return f"killed {self.aim}, {self.where}"


@dataclass(frozen=True)
class Told:
    """What was found after one kill, in words and in numbers that can be added up."""

    killed: Killed
    text: str
    counts: dict[str, int]


@dataclass(frozen=True)
class Done:
    """A victim that was left alone."""

    returncode: int
    stdout: str
    stderr: str


class Victim:
    """A process in a group of its own, which has just begun."""

    def __init__(self, place: Place, words: Sequence[str], last: tuple[str, int] | None = None) -> None:
        _keep_quiet()
        for name in ("stdout", "stderr"):
            (place.directory / name).touch()
        file = place.directory / f"steps-{time.monotonic_ns()}"
        self._steps = Steps(file, create=True)
        self._process: ForkServerProcess = FORKS.Process(
            target=live, args=(tuple(words), place.directory, place.environment, file, last)
        )
        self._process.start()
        until_s = time.monotonic() + LONGEST_S
        while not self._steps.read().begun:
            if self.ended(0.002) is not None or time.monotonic() > until_s:
                raise RuntimeError(f"the victim did not begin: {(place.directory / 'stderr').read_text()}")

    def ended(self, within_s: float = 0.0) -> int | None:
        """Its exit status, negative if a signal ended it; None if it lives."""
        self._process.join(within_s)
        return self._process.exitcode

    def kill(self) -> None:
        """SIGKILL to the whole group, which no handler softens; nothing if it has ended."""
        if self.ended() is None and self._process.pid is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.join()

    def close(self) -> Seen:
        """What it had come to."""
        seen = self._steps.read()
        self._steps.close()
        self._process.close()
        return seen


def kill(place: Place, words: Sequence[str], aim: Aim, since: Callable[[], bool] = lambda: True) -> Killed:
    """Begin, and end it so long after `since` holds, or at a step."""
    victim = Victim(place, words, aim.step)
    while not since() and victim.ended(0.005) is None:
        pass
    ended = victim.ended(LONGEST_S if aim.after_s is None else aim.after_s)
    at_s = time.monotonic()
    victim.kill()
    place.wait_until_alone()
    return Killed(aim, at_s, None if ended == -signal.SIGKILL else ended, victim.close())


def whole(place: Place, words: Sequence[str]) -> Whole:
    """How it goes when nobody kills it."""
    victim = Victim(place, words)
    begun_s = time.monotonic()
    if victim.ended(LONGEST_S):
        raise RuntimeError(f"arena {' '.join(words)}: {(place.directory / 'stderr').read_text()}")
    return Whole(time.monotonic() - begun_s, victim.close().counts)


def run(place: Place, *words: str) -> Done:
    """The `arena` command, left alone."""
    texts = {name: place.directory / name for name in ("stdout", "stderr")}
    before = {name: path.stat().st_size if path.exists() else 0 for name, path in texts.items()}
    victim = Victim(place, words)
    ended = victim.ended(LONGEST_S)
    victim.kill()
    victim.close()
    said = {name: path.read_bytes()[before[name] :].decode() for name, path in texts.items()}
    return Done(-1 if ended is None else ended, said["stdout"], said["stderr"])
