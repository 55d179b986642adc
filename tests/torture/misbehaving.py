"""Servers that misbehave, in a process of their own: `python -m tests.torture.misbehaving` prints where they are."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
COUNT = 24


@dataclass(frozen=True)
class Misbehaving:
    """One of the catalogue's servers; its name is made for an endpoint's id."""

    name: str
    base_url: str


@contextmanager
def misbehaving() -> Iterator[list[Misbehaving]]:
    """Some of every part of the catalogue that need neither a certificate nor a name of their own, without bombs."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.torture.misbehaving"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with process:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("no pipes")
        try:
            yield [Misbehaving(**fields) for fields in json.loads(process.stdout.readline())]
        finally:
            process.stdin.close()
            process.wait(30)


def main() -> None:
    from harness.sim.hostile.catalogue import CATALOGUE
    from harness.sim.hostile.server import serving

    plain = [
        case
        for cases in CATALOGUE.values()
        for case in cases
        if case.protocol == "openai" and case.scheme == "http" and case.host == "127.0.0.1" and not case.heavy
        and not (case.certificate or case.names or case.key_hosts or case.result_hosts)
    ]  # fmt: skip
    with serving(plain[:: len(plain) // COUNT][:COUNT], {}) as hosts:
        found = [
            {"name": f"hostile-{number}", "base_url": f"{host.places.own}/v1"} for number, host in enumerate(hosts)
        ]
        sys.stdout.write(json.dumps(found) + "\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
