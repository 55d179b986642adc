"""What runs in the process of a device: loads a pipeline and runs the jobs that the server sends.

Importing this module does not import torch.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, NoReturn

from arena.errors import ArenaError, ConfigError
from harness.child import end_with_parent
from harness.local.device import GRACE_S, Ready, log_to_stderr
from harness.local.faults import DeviceFaultError, DeviceMemoryError, InterruptedJobError, warm_up_fault
from harness.local.settings import LocalSettings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

    from harness.local.pipeline import LocalJob, LocalPipeline, LocalResult

logger = logging.getLogger(__name__)


class Child:
    """What the process does, in its main thread: CUDA graphs are bound to the thread that records them."""

    def __init__(self, channel: Connection) -> None:
        self._channel = channel
        self._pipeline: LocalPipeline | None = None
        self._is_busy = False

    def work(self, settings: LocalSettings) -> int:
        """Load, then run jobs until the server hangs up; returns the exit status."""
        signal.signal(signal.SIGTERM, self._stop)
        try:
            self._pipeline = self._loaded(settings)
        except ArenaError as error:
            # Of a class that can cross to another process: some are made of more than their sentence.
            plain = type(error) if isinstance(error, DeviceMemoryError | DeviceFaultError) else ConfigError
            self._channel.send(plain(str(error)))
            return 0  # it has said why
        self._channel.send(Ready(self._pipeline.device, self._pipeline.dtype, self._pipeline.simulated))
        while True:
            jobs = self._channel.recv()
            self._is_busy = True
            answer = self._answer(self._pipeline, jobs)
            self._channel.send(answer)
            self._is_busy = False
            if isinstance(answer, DeviceFaultError):
                return 1  # nothing more runs in this process
            if isinstance(answer, InterruptedJobError):
                return 0

    def _loaded(self, settings: LocalSettings) -> LocalPipeline:
        from harness.local.pipeline import load
        from harness.local.warmup import warm_up

        pipeline = load(settings)
        try:
            warm_up(pipeline, settings)
        except ArenaError:
            raise
        except Exception as error:
            raise warm_up_fault(error, settings, pipeline.device) from error
        return pipeline

    def _answer(self, pipeline: LocalPipeline, jobs: Sequence[LocalJob]) -> tuple[LocalResult, ...] | Exception:
        try:
            return pipeline.run(jobs)
        except (DeviceMemoryError, DeviceFaultError, InterruptedJobError) as error:
            return type(error)(str(error))  # without the frames, which hold tensors
        except Exception as error:
            logger.exception("%s: a job failed", pipeline.device)
            return RuntimeError(f"{type(error).__name__}: {error}")

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        if self._pipeline is None:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough, and files of the way are still removed
            raise SystemExit
        if not self._is_busy:
            _end(0)
        self._pipeline.interrupt()


def main(arguments: list[str]) -> NoReturn:
    """Work for the server at the other end of the file descriptor and with the settings that are the arguments."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # a server that passes it over would have its child do so too
    log_to_stderr()
    end_with_parent(GRACE_S)
    status = 0
    with contextlib.suppress(EOFError, OSError), Connection(int(arguments[0])) as channel:
        status = Child(channel).work(LocalSettings.model_validate_json(arguments[1]))
    _end(status)


def _end(status: int) -> NoReturn:
    """End at once: nothing is left to save, and the libraries' own way out calls the driver, which may hang."""
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    main(sys.argv[1:])
