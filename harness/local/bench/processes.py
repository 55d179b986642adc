"""Asks a process of its own for one measurement, and outlives whatever becomes of it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from arena.units import format_duration_s
from harness.local.bench.measure import ANSWER, QUESTION
from harness.local.bench.measured import Answer, Refusal

if TYPE_CHECKING:
    from harness.local.bench.measured import Question

_LOG = "log"


class Processes:
    """Measures in processes that start here, one at a time; their files are kept below `directory`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def ask(self, question: Question, timeout_s: float) -> tuple[Answer | Refusal, Path]:
        """The answer, or why there is none, and where its images are. The process has ended when this returns."""
        place = Path(tempfile.mkdtemp(dir=self._directory))
        (place / QUESTION).write_text(question.model_dump_json(), encoding="utf-8")
        with (place / _LOG).open("wb") as log:
            process = subprocess.Popen(  # noqa: S603 - this interpreter, this module
                [sys.executable, "-m", "harness.local.bench.measure", str(place)],
                stdin=subprocess.PIPE,  # it ends when this end is closed, also because this process died
                stdout=log,
                stderr=log,
                env=_environment(),
                start_new_session=True,  # Ctrl-C is for us; and what it starts to compile with ends with it
            )
            try:
                process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                late = f"not done within the {format_duration_s(timeout_s)} that it was given; --within gives more"
                return Refusal(reason=late), place
            finally:
                _end(process)
        return _answer(place, process.returncode), place


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    if process.stdin is not None:
        process.stdin.close()
    process.wait()


def _answer(place: Path, status: int) -> Answer | Refusal:
    try:
        text = (place / ANSWER).read_text(encoding="utf-8")
    except OSError:
        return Refusal(reason=_ending(place, status))
    try:
        return Answer.model_validate_json(text)
    except ValidationError:
        return Refusal.model_validate_json(text)


def _ending(place: Path, status: int) -> str:
    if status < 0:
        name = signal.Signals(-status).name
        hint = "; the computer was probably out of memory" if name == "SIGKILL" else ""
        return f"its process was ended by {name}{hint}"
    lines = [line for line in (place / _LOG).read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    return f"its process ended without an answer: {lines[-1].strip()}" if lines else "its process ended without a word"


def _environment() -> dict[str, str]:
    # The child imports this very package, also when it is run from a checkout that is not installed.
    root = str(Path(__file__).resolve().parents[3])
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))}
