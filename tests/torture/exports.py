"""An export is killed: its file is the whole new one, the whole old one, or none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from tests.arena.battles.conftest import fill
from tests.torture import killing
from tests.torture.place import Place, demand

if TYPE_CHECKING:
    import random
    from contextlib import ExitStack
    from pathlib import Path

FORMATS = ("csv", "parquet", "jsonl")
OLD = b"what was exported yesterday\n"


class Exports:
    """Kills exports."""

    def __init__(self, template: Place, _stack: ExitStack) -> None:
        self._template = template
        fill(template.settings, prompts=60, repetitions=5).close()
        self._whole_s: dict[str, float] = {}
        self._expected: dict[str, bytes] = {}
        for kind in FORMATS:
            self._whole_s[kind] = killing.whole_s(template, _words(kind))
            self._expected[kind] = _content(template.directory / f"out.{kind}")
            (template.directory / f"out.{kind}").unlink()

    def kill(self, rng: random.Random, directory: Path) -> str:
        place = self._template.copy(directory)
        kind, there_already = rng.choice(FORMATS), rng.random() < 0.5
        out = directory / f"out.{kind}"
        if there_already:
            out.write_bytes(OLD)
        killed = killing.kill(place, _words(kind), rng.uniform(0, self._whole_s[kind] * 1.05))
        place.check()
        found = "none" if not out.exists() else "old" if out.read_bytes() == OLD else "new"
        demand(found != "none" or not there_already, "yesterday's file is gone")
        demand(found != "new" or _content(out) == self._expected[kind], f"a {kind} file is there that is not whole")
        done = killing.run(place, *_words(kind))
        demand(done.returncode == 0, f"exit {done.returncode}: {done.stderr}")
        demand(_content(out) == self._expected[kind], "exporting again gives another file")
        place.drop()
        return f"killed after {killed.after_s:.2f} s of {self._whole_s[kind]:.2f} s; {kind}: {found} file"


def _words(kind: str) -> list[str]:
    return ["export", "last", "--format", kind, "--out", f"out.{kind}", "--force"]


def _content(path: Path) -> bytes:
    """The rows; of Parquet as JSON, because a file may hold the same rows in other bytes."""
    if path.suffix != ".parquet":
        return path.read_bytes()
    return str(pq.read_table(path).to_pylist()).encode()
