"""The `arena` command in a process of its own that finds what takes long to import already imported.

A cold start spends most of its time on that, always the same. Here a server that has imported it forks a new process
for each command, which runs as if it had been started from a shell. The commands of the
demo, servers and whatever is sent a signal start cold.
"""

from __future__ import annotations

import atexit
import gc
import os
import sys
from pathlib import Path

from tests.forks import FORKS

ARENA = str(Path(sys.executable).with_name("arena"))


def run(arguments: tuple[str, ...], directory: Path, env: dict[str, str], out: Path, timeout_s: float) -> int | None:
    """Run `arena` with `arguments` in `directory`; what it prints goes to `out`.out and `out`.err; None if too late."""
    process = FORKS.Process(target=_command, args=(arguments, directory, env, out))
    process.start()
    process.join(timeout_s)
    if process.exitcode is None:
        process.kill()
        process.join()
        return None
    return process.exitcode


def _command(arguments: tuple[str, ...], directory: Path, env: dict[str, str], out: Path) -> None:
    gc.freeze()  # what was there before the fork is nobody's garbage, and walking through it would copy it
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(env)
    for number, path, flags in (
        (0, os.devnull, os.O_RDONLY),
        (1, f"{out}.out", os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
        (2, f"{out}.err", os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
    ):
        opened = os.open(path, flags, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)  # noqa: SIM115
    sys.argv = [ARENA, *arguments]
    code = _code()
    gc.collect()  # an interpreter that ends lets go of what is left, as connections to a database are
    atexit._run_exitfuncs()  # and runs these; a forked process leaves both out
    sys.exit(code)


def _code() -> int | str | None:
    from harness.cli import main

    try:
        main()
    except SystemExit as ended:
        return ended.code
    return 0
