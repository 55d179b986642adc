"""The simulated providers in a process of their own, so that they do not disturb what is measured."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import TypeAdapter

from arena.errors import ArenaError
from harness.child import end_with_parent
from harness.sim.contender import SimContender

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_CONTENDERS = TypeAdapter(tuple[SimContender, ...])
_GRACE_S = 5.0
_ROOT = Path(__file__).parents[2]


@contextmanager
def background(contenders: Sequence[SimContender]) -> Iterator[str]:
    """Run the contenders on a free port of 127.0.0.1 and give the base URL once they answer.

    It ends with the block, and by itself if this process dies. Raises ArenaError if it does not start.
    """
    path = os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH"))))
    process = subprocess.Popen(
        [sys.executable, "-m", "harness.sim.process"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path},
        start_new_session=True,
    )
    try:
        if process.stdin is None or process.stdout is None:
            raise ArenaError("the simulated providers did not start: no pipes")
        process.stdin.write(_CONTENDERS.dump_json(tuple(contenders)) + b"\n")
        process.stdin.flush()
        url = process.stdout.readline().decode().strip()
        if not url:
            raise ArenaError("the simulated providers did not start; what they printed says why")
        yield url
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask the process to end by closing its input, then insist."""
    with process:
        try:
            if process.stdin is not None:
                process.stdin.close()
            process.wait(_GRACE_S)
        except (subprocess.TimeoutExpired, BrokenPipeError):
            process.kill()


def _main() -> None:
    """Read the contenders from standard input, serve them and print the base URL."""
    from harness.sim.server import serve

    contenders = _CONTENDERS.validate_json(sys.stdin.buffer.readline())
    end_with_parent(_GRACE_S)
    serve("127.0.0.1", 0, contenders, on_ready=_announce)


def _announce(url: str) -> None:
    sys.stdout.write(url + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    _main()
