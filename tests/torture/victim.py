"""What is killed: the real `arena` command, or a voter, in a process that says when it begins.

The imports come first, so that the instant of the kill falls into the work and not into the start of Python.
"""

from __future__ import annotations

import os
import secrets
import sys
import threading
import time
from importlib import import_module
from pathlib import Path

HEAVY = (
    "arena.battles.ballots", "arena.reports.export", "arena.store.digests", "arena.store.vote_exchange", "harness.cli",
    "harness.session",
)  # fmt: skip
VOTERS = 2


def main() -> None:
    for name in HEAVY:  # not above: the decoding processes import this file, too
        import_module(name)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    if sys.argv[1] == "vote":
        _vote(Path(sys.argv[2]), int(sys.argv[3]))
    else:
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


if __name__ == "__main__":
    main()
