"""A local image server in a process of its own, for as long as it is needed.

with background(LocalSettings(tiny=True)) as base_url: ...
"""

from __future__ import annotations

import logging
import queue
import signal
import subprocess
import sys
import threading
from collections import deque
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

from arena.errors import ArenaError
from harness.child import end_with_parent
from harness.local.device import environment
from harness.local.server import serve
from harness.local.settings import LocalSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

logger = logging.getLogger(__name__)

_READY = "ready "
_GRACE_S = 15.0


@contextmanager
def background(settings: LocalSettings, *, deadline_s: float = 180.0) -> Iterator[str]:
    """Serve `settings` in another process on a free port and yield the base URL, which ends in `/v1`.

    The process ends with the body, and also when this process dies. Raises `ArenaError`, with the last line
    that the server wrote, when it is not ready within `deadline_s` seconds.
    """
    child = _Child(settings)
    try:
        yield child.base_url(deadline_s)
    finally:
        child.stop()


class _Child:
    """The server's process; it ends when the pipe that is its standard input is closed."""

    def __init__(self, settings: LocalSettings) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - this interpreter, this module
            [sys.executable, "-m", "harness.local.process", settings.model_dump_json()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            env=environment(),
            start_new_session=True,  # Ctrl-C is for the run, which still waits for what is open here
        )
        self._ready: queue.Queue[str | None] = queue.Queue()
        self._said: deque[str] = deque(maxlen=50)
        self._readers = [
            threading.Thread(target=target, args=(stream,), daemon=True)
            for target, stream in (
                (self._read_ready, self._process.stdout),
                (self._read_log, self._process.stderr),
            )
        ]
        for reader in self._readers:
            reader.start()

    def base_url(self, deadline_s: float) -> str:
        """Wait for the server to be ready; raises `ArenaError`."""
        try:
            base_url = self._ready.get(timeout=deadline_s)
        except queue.Empty:
            late = f"the local image server was not ready after {deadline_s:.0f} s"
            raise ArenaError(f"{late}; its last line was: {self._last()}") from None
        if base_url is None:
            self._readers[1].join(_GRACE_S)
            raise ArenaError(self._last())
        return base_url

    def stop(self) -> None:
        """End the process, by force if it does not go, and let go of its pipes."""
        with self._process as process:  # leaving closes the pipes and waits
            process.terminate()
            try:
                process.wait(_GRACE_S)
            except subprocess.TimeoutExpired:
                process.kill()
            for reader in self._readers:
                reader.join(_GRACE_S)

    def _last(self) -> str:
        return self._said[-1] if self._said else "the local image server ended without a word"

    def _read_ready(self, stream: IO[str]) -> None:
        for line in stream:
            if line.startswith(_READY):
                self._ready.put(line.removeprefix(_READY).strip())
        self._ready.put(None)

    def _read_log(self, stream: IO[str]) -> None:
        for line in stream:
            if line.strip():
                self._said.append(line.strip())
                logger.debug("%s", line.rstrip())


def _say_ready(base_url: str) -> None:
    sys.stdout.write(f"{_READY}{base_url}\n")
    sys.stdout.flush()


def main(arguments: list[str]) -> int:
    """Serve the settings that the one argument holds as JSON; returns the exit status."""
    # What `serve` finds here is what it leaves behind: a reminder that comes while the interpreter shuts down must not
    # turn a clean end into a death by signal.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    end_with_parent(_GRACE_S)
    try:
        serve("127.0.0.1", 0, LocalSettings.model_validate_json(arguments[0]), on_ready=_say_ready)
    except ArenaError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
