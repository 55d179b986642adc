"""An export is killed: its file is the whole new one, the whole old one, or none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from tests.arena.battles.conftest import fill
from tests.torture import killing
from tests.torture.killing import Told
from tests.torture.place import LostError, Place, demand

if TYPE_CHECKING:
    import random
    from contextlib import ExitStack
    from pathlib import Path

    from tests.torture.killing import Whole

FORMATS = ("csv", "parquet", "jsonl")
OLD = b"what was exported yesterday\n"


class Exports:
    """Kills exports."""

    def __init__(self, template: Place, _stack: ExitStack) -> None:
        self._template = template
        fill(template.settings, prompts=60, repetitions=5).close()
        self._whole: dict[str, Whole] = {}
        self._expected: dict[str, bytes] = {}
        for kind in FORMATS:
            self._whole[kind] = killing.whole(template, _words(kind))
            self._expected[kind] = _content(template.directory / f"out.{kind}")
            (template.directory / f"out.{kind}").unlink()

    def kill(self, rng: random.Random, directory: Path) -> Told:
        place = self._template.copy(directory)
        kind, there_already = rng.choice(FORMATS), rng.random() < 0.5
        out = directory / f"out.{kind}"
        if there_already:
            out.write_bytes(OLD)
        killed = killing.kill(place, _words(kind), self._whole[kind].aim(rng))
        place.check()
        found = "none" if not out.exists() else "old" if out.read_bytes() == OLD else "new"
        demand(found != "none" or not there_already, "yesterday's file is gone")
        demand(found != "new" or _content(out) == self._expected[kind], f"a {kind} file is there that is not whole")
        done = killing.run(place, *_words(kind))
        demand(done.returncode == 0, f"exit {done.returncode}: {done.stderr}")
        demand(_content(out) == self._expected[kind], "exporting again gives another file")
        place.drop()
        return Told(killed, f"{kind} of {self._whole[kind].lasts_s:.2f} s: {found} file", {f"{found} file": 1})


def _words(kind: str) -> list[str]:
    return ["export", "last", "--format", kind, "--out", f"out.{kind}", "--force"]


def _content(path: Path) -> bytes:
    """The rows; of Parquet as text, because a file may hold the same rows in other bytes. LostError: cannot be read."""
    if path.suffix != ".parquet":
        return path.read_bytes()
    try:
        return str(pq.read_table(path).to_pylist()).encode()
    except (pa.ArrowException, OSError) as error:
        raise LostError(f"a parquet file is there that is not whole: {error}") from error
