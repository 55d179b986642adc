"""How far reported latencies are from the truth: `make bench-fidelity`, or `python -m tests.benchmarks.fidelity`.

Error is a reported percentile less the true one; the truth is the server's own. Everything shares one machine, as a
laptop would. `--quick` runs three cells.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tests.benchmarks.fidelity.raw_client import measure

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
REALISTIC, STRESS = "lognormal:900:0.35", "fixed:50"


@dataclass(frozen=True, slots=True)
class Cell:
    """One line of the table."""

    law: str
    body: str
    in_flight: int
    requests: int
    keep: float = 1.0

    @property
    def warmup(self) -> int:
        """Requests before those that count: they open the connections, all at once."""
        return self.in_flight

    @property
    def size(self) -> str:
        """What is asked for."""
        return "64x64" if self.body == "tiny" else "1024x1024"


CELLS = (
    Cell(REALISTIC, "inline", 1, 30),
    Cell(REALISTIC, "inline", 16, 400),
    Cell(REALISTIC, "inline", 64, 1500),
    Cell(REALISTIC, "inline", 256, 4000, keep=0.1),
    Cell(REALISTIC, "url", 64, 1500),
    Cell(STRESS, "inline", 16, 1500),
    Cell(STRESS, "inline", 64, 3000),
    Cell(STRESS, "inline", 64, 3000, keep=0.01),
    Cell("fixed:5", "tiny", 64, 8000, keep=0.01),
    Cell("fixed:5", "tiny", 256, 8000, keep=0.01),
)
QUICK = (CELLS[1], CELLS[2], CELLS[6])


@contextmanager
def truth_server(cell: Cell) -> Iterator[int]:
    """A server for one measurement; yields its port."""
    wanted = json.dumps({"law": cell.law, "body": cell.body, "seed": 1}) + "\n"
    with subprocess.Popen(
        [sys.executable, HERE / "truth_server.py"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(wanted)
        process.stdin.flush()
        yield int(process.stdout.readline())
        process.stdin.close()
        process.wait(10)


def truth_of(port: int) -> dict[str, Any]:
    """What the server measured."""
    import urllib.request

    with urllib.request.urlopen(f"http://127.0.0.1:{port}/truth", timeout=10) as reply:
        told: dict[str, Any] = json.load(reply)
    return told


def ours(cell: Cell) -> dict[str, float]:
    """Arena's line."""
    with truth_server(cell) as port:
        wanted = {"port": port, "size": cell.size, "warmup": cell.warmup, **asdict(cell)}
        done = subprocess.run(
            [sys.executable, HERE / "ours.py", json.dumps(wanted)], stdout=subprocess.PIPE, text=True, check=True
        )
        told, truth = json.loads(done.stdout), truth_of(port)
    delays_ms = np.array(truth["delays_ns"][cell.warmup :]) / 1e6
    found = errors(np.array(told["time_to_image_ms"]), delays_ms) if told["time_to_image_ms"] else {}
    ttfb = np.array(told["ttfb_ms"])
    return {
        **found,
        "ttfb50_err": float(np.median(ttfb) - np.median(delays_ms)),
        "per_s": cell.requests / told["wall_s"],
        "cpu_ms": told["cpu_s"] / cell.requests * 1000,
        "peak_mb": told["peak_mb"],
        "connections": truth["connections"] - 1,
        "failed": sum(told["failures"].values()),
    }


def raw(cell: Cell) -> dict[str, float]:
    """The bare reader's line."""
    import time

    with truth_server(cell) as port:
        begun_s, cpu_s = time.perf_counter(), time.process_time()
        latencies = asyncio.run(measure(port, cell.in_flight, cell.warmup, cell.requests))
        wall_s, cpu_s = time.perf_counter() - begun_s, time.process_time() - cpu_s
        truth = truth_of(port)
    found = errors(np.array(latencies) / 1e6, np.array(truth["delays_ns"][cell.warmup :]) / 1e6)
    return {**found, "per_s": cell.requests / wall_s, "cpu_ms": cpu_s / cell.requests * 1000}


def errors(reported_ms: np.ndarray, true_ms: np.ndarray) -> dict[str, float]:
    """Reported less true."""
    found = {"true50": float(np.median(true_ms))}
    for name, q in (("p50_err", 0.5), ("p95_err", 0.95), ("worst_err", 1.0)):
        found[name] = float(np.quantile(reported_ms, q) - np.quantile(true_ms, q))
    return found


COLUMNS = (
    "true50",
    "p50_err",
    "p95_err",
    "worst_err",
    "ttfb50_err",
    "per_s",
    "cpu_ms",
    "peak_mb",
    "connections",
    "failed",
)


def main() -> None:
    """Print the table, line by line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--cell", type=int, action="append", help="index of a cell; may be repeated")
    given = parser.parse_args()
    cells = [CELLS[i] for i in given.cell] if given.cell else QUICK if given.quick else CELLS
    print(f"{'law':>20} {'body':>7} {'open':>5} {'tool':>6} " + " ".join(f"{c:>11}" for c in COLUMNS))
    for cell in cells:
        for name, tool in (("arena", ours), ("raw", raw)):
            if name == "raw" and cell.body == "url":
                continue
            line = tool(cell)
            told = " ".join(f"{line[c]:>11.1f}" if c in line else f"{'':>11}" for c in COLUMNS)
            print(f"{cell.law:>20} {cell.body:>7} {cell.in_flight:>5} {name:>6} {told}", flush=True)


if __name__ == "__main__":
    main()
