"""A server in a child process ends with its parent, however that ends: it watches a pipe that only the parent holds."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

REMIND_S = 0.25


def end_with_parent(grace_s: float) -> None:
    """Watch standard input from now on; when its other end closes, ask this process to stop, then insist.

    Whoever starts the process keeps a pipe to its standard input open for as long as it shall live.
    """
    threading.Thread(target=_watch, args=(grace_s,), daemon=True).start()


def _watch(grace_s: float) -> None:
    # Not through sys.stdin, whose lock would be held when the interpreter shuts down.
    while os.read(0, 4096):
        pass
    # Again and again: a signal that arrives just before a blocking call waits for the end of that call.
    deadline_s = time.monotonic() + grace_s
    while time.monotonic() < deadline_s:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(REMIND_S)
    sys.stderr.write("the parent has gone, and this process did not stop when asked\n")
    os._exit(1)  # the main thread is in a long computation that no signal interrupts
