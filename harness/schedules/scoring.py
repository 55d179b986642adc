"""After a scheduled run: its images scored by machine, in a process of its own, before anything else is measured."""

from __future__ import annotations

import sys
from contextlib import suppress
from subprocess import DEVNULL, PIPE
from typing import TYPE_CHECKING

import anyio
from anyio.streams.text import TextReceiveStream

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from anyio.abc import ByteReceiveStream, Process

LOOKS_EVERY_S = 0.2
_ERROR = "arena: "


async def score(run_id: str, metrics: Sequence[str], stopping: Callable[[], bool]) -> str:
    """Score the images of a run by these metrics; a sentence on what became of it.

    Never raises for what goes wrong there: the run has ended as it has. Once `stopping` says so, the process is ended;
    whole batches are stored by then, and scoring again goes on from there.
    """
    named = [part for metric in metrics for part in ("--metric", metric)]
    command = [sys.executable, "-m", "harness.cli", "score", "run", run_id, *named]
    try:
        async with (
            await anyio.open_process(command, stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE) as process,
            anyio.create_task_group() as beside,
        ):
            beside.start_soon(end_when, stopping, process)
            said = await _all_of(process.stderr)
            code = await process.wait()
            beside.cancel_scope.cancel()
    except OSError as error:
        said, code = str(error), 1
    last = (said.strip().splitlines() or ["it said nothing"])[-1].removeprefix(_ERROR)
    if code == 0:
        return f"run {run_id}: {last}"
    why = "the scheduler was stopped" if stopping() else last
    return f"run {run_id} is not scored: {why}; `arena score {run_id}` goes on with it"


async def end_when(stopping: Callable[[], bool], process: Process) -> None:
    """End a process once `stopping` says so, if it has not ended by itself."""
    while not stopping():
        await anyio.sleep(LOOKS_EVERY_S)
    with suppress(ProcessLookupError):  # it has ended just now
        process.terminate()


async def _all_of(stream: ByteReceiveStream | None) -> str:
    return "" if stream is None else "".join([text async for text in TextReceiveStream(stream, errors="replace")])
