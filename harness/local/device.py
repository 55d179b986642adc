"""One device in a process of its own: its pipeline, and nothing that could hold it back or be taken down by it.

Compressing images and speaking HTTP would compete with the thread that feeds the device for the interpreter's lock;
and a fault of the driver ends the process that it struck, which here is one that can be started again.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from multiprocessing import Pipe
from pathlib import Path
from typing import TYPE_CHECKING

from harness.local.faults import DeviceFaultError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.local.pipeline import LocalJob, LocalResult
    from harness.local.settings import LocalSettings

CHILD_MODULE = "harness.local.device_child"
GRACE_S = 8.0
"""How long a device's process may take to end before it is made to."""


@dataclass(frozen=True, slots=True)
class Ready:
    """What a device's process says when it can take jobs."""

    device: str
    dtype: str
    simulated: bool


class DeviceProcess:
    """An `ImagePipeline` whose work is done by a process of its own; made at once, usable after `wait_ready`."""

    def __init__(self, settings: LocalSettings) -> None:
        self._settings = settings
        self._ready = Ready(settings.device, settings.speed.dtype, simulated=False)
        self._start()

    @property
    def device(self) -> str:
        """The torch device that it runs on."""
        return self._ready.device

    @property
    def dtype(self) -> str:
        """The number format of the weights."""
        return self._ready.dtype

    @property
    def simulated(self) -> bool:
        """Whether the weights are random."""
        return self._ready.simulated

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def wait_ready(self) -> None:
        """Wait until the pipeline is loaded and warm; raises the `ArenaError` that kept it from that."""
        message = self._receive(f"the process of {self.device} ended while it loaded the pipeline")
        if isinstance(message, Exception):
            raise message
        assert isinstance(message, Ready)  # noqa: S101 - the only other first message
        self._ready = message

    def run(self, jobs: Sequence[LocalJob]) -> tuple[LocalResult, ...]:
        """Run jobs there. Raises `DeviceFaultError` also when the process ends meanwhile, or has ended before."""
        lost = f"the process of {self.device} ended with this job on it"
        try:
            self._channel.send(tuple(jobs))
        except OSError:
            raise self._ended(lost) from None
        message = self._receive(lost)
        if isinstance(message, Exception):
            raise message
        assert isinstance(message, tuple)  # noqa: S101 - the only other answer to jobs
        return message

    def interrupt(self) -> None:
        """Make the process give up its jobs at the next step, and end."""
        self._process.terminate()

    def restart(self) -> None:
        """Start it anew and wait until it is ready; raises `ArenaError`."""
        self.stop()
        self._start()
        self.wait_ready()

    def stop(self) -> None:
        """End the process, by force if it does not go."""
        with self._process as process, self._channel:
            assert process.stdin is not None  # noqa: S101 - opened with it
            process.stdin.close()  # which it takes for this process's end, and reminds itself of until it goes
            process.terminate()
            try:
                process.wait(GRACE_S)
            except subprocess.TimeoutExpired:
                process.kill()

    def _start(self) -> None:
        settings = self._settings.model_dump_json()
        self._channel, theirs = Pipe()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - this interpreter, this module
                [
                    sys.executable,
                    "-m",
                    CHILD_MODULE,
                    str(theirs.fileno()),
                    settings,
                ],
                stdin=subprocess.PIPE,
                pass_fds=[theirs.fileno()],
                env=environment(),
                start_new_session=True,  # Ctrl-C is for the server, which ends this process in order
            )

    def _receive(self, lost: str) -> object:
        try:
            return self._channel.recv()
        except (EOFError, OSError):
            raise self._ended(lost) from None

    def _ended(self, lost: str) -> DeviceFaultError:
        try:
            status = self._process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            return DeviceFaultError(lost)
        how = f"exit status {status}" if status >= 0 else signal.Signals(-status).name
        return DeviceFaultError(f"{lost} ({how})")


def environment() -> dict[str, str]:
    """The environment of a child that imports this very package, also when it runs from a checkout."""
    root = str(Path(__file__).resolve().parents[2])
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))}


def log_to_stderr() -> None:
    """Let what this package logs be seen, where nobody has arranged for logs."""
    package = logging.getLogger("harness.local")
    if not package.hasHandlers():
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(message)s"))
        package.addHandler(handler)
        package.setLevel(logging.INFO)
