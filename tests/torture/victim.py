"""What is killed: the real `arena` command, or a voter, in a process of its own that says when it begins.

It is forked from a server that has imported everything, so that the instant of the kill falls into the work and not
into the start of Python; from there on it is a process like any other.
"""

from __future__ import annotations

import os
import secrets
import sys
import threading
import time
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from tests.torture.planted import PLANTED, VARIABLE
from tests.torture.steps import count

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

VOTERS = 2


def live(
    words: Sequence[str], directory: Path, environ: Mapping[str, str], steps: Path, last: tuple[str, int] | None
) -> None:
    """Lead a group of its own, and do what the words say; with `last`, no further than that step."""
    if "harness.cli" not in sys.modules:
        raise RuntimeError("the server has not imported what victims need")
    os.setsid()
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environ)
    for descriptor, name, how in ((0, os.devnull, os.O_RDONLY), (1, "stdout", None), (2, "stderr", None)):
        opened = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_APPEND if how is None else how)
        os.dup2(opened, descriptor)
        os.close(opened)
    if VARIABLE in environ:
        PLANTED[environ[VARIABLE]]()
    begins = count(steps, last)
    begins()
    if words[0] == "vote":
        _vote(Path(words[1]), int(words[2]))
    else:
        sys.argv = ["arena", *words]
        import_module("harness.cli").main()


def _vote(said: Path, most: int) -> None:
    """Two people cast so many votes each, as fast as they can.

    Each vote is noted before it is cast and after it was acknowledged, then with the seconds that it took.
    """
    from arena.battles.ballots import Ballots
    from arena.battles.house import House
    from arena.domain.battle import Verdict
    from arena.settings import Settings
    from arena.store.engine import open_database

    ballots = Ballots(open_database(Settings()), House(least_dwell_ms=0))
    pool = ballots.pool(simulated=False)
    noting = threading.Lock()
    notes = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def note(*words: str) -> None:
        with noting:
            os.write(notes, (" ".join(words) + "\n").encode())
            os.fsync(notes)

    def person() -> None:
        voter = secrets.token_hex(8)
        ballots.register(voter)
        for _ in range(most):
            ballot = ballots.open(voter, pool)
            if ballot is None:  # has seen everything
                voter = secrets.token_hex(8)
                ballots.register(voter)
                continue
            verdict = secrets.choice(list(Verdict))
            note("cast", ballot.token, voter, verdict)
            begun_s = time.monotonic()
            ballots.cast(ballot.token, voter, verdict, 900)
            note("stored", ballot.token, f"{time.monotonic() - begun_s:.3f}")

    people = [threading.Thread(target=person) for _ in range(VOTERS)]
    for one in people:
        one.start()
    for one in people:
        one.join()
