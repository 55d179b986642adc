"""How far reported latencies are from the truth: `make bench-fidelity`, or `python -m tests.benchmarks.fidelity`.

Error is a reported percentile less the true one, in milliseconds; the truth is the server's own. Everything shares one
machine, as a laptop would. `--quick` runs three cells without peers, `--cell N` one, `--shows` what comes after the
table alone.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np

from tests.benchmarks.fidelity.cells import CELLS, HERE, QUICK, Cell, errors, truth_server
from tests.benchmarks.fidelity.peers import installed, peer
from tests.benchmarks.fidelity.raw_client import measure
from tests.benchmarks.fidelity.shows import show_all

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
PEER_CELLS = (1, 2, 3, 8)


def ours(cell: Cell) -> dict[str, float]:
    """Arena's line."""
    with (
        tempfile.TemporaryDirectory() as directory,
        truth_server(cell.law, cell.body, Path(directory) if cell.tls else None) as served,
    ):
        wanted = json.dumps({"port": served.port, "size": cell.size, "warmup": cell.warmup, **asdict(cell)})
        trusted = {} if served.authority is None else {"SSL_CERT_FILE": str(served.authority)}
        command, environment = [sys.executable, HERE / "ours.py", wanted], {**os.environ, **trusted}
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment)
        told, truth = json.loads(done.stdout), served.truth()
    delays_ms = np.array(truth["delays_ns"][cell.warmup :]) / 1e6
    found = errors(told["time_to_image_ms"], delays_ms.tolist()) if told["time_to_image_ms"] else {}
    return {
        **found,
        "ttfb50_err": float(np.median(told["ttfb_ms"]) - np.median(delays_ms)),
        "per_s": cell.requests / told["wall_s"],
        "cpu_ms": told["cpu_ms"],
        "peak_mb": told["peak_mb"],
        "connections": truth["connections"] - 1,
        "failed": sum(told["failures"].values()),
    }


def raw(cell: Cell) -> dict[str, float] | None:
    """The bare reader's line."""
    if cell.body == "url" or cell.tls:
        return None
    with truth_server(cell.law, cell.body) as served:
        begun_s, cpu_s = time.perf_counter(), time.process_time()
        latencies = asyncio.run(measure(served.port, cell.in_flight, cell.warmup, cell.requests))
        wall_s, cpu_s = time.perf_counter() - begun_s, time.process_time() - cpu_s
        truth = served.truth()
    found = errors([ns / 1e6 for ns in latencies], [ns / 1e6 for ns in truth["delays_ns"][cell.warmup :]])
    return {
        **found,
        "per_s": (cell.requests + cell.warmup) / wall_s,
        "cpu_ms": cpu_s / (cell.requests + cell.warmup) * 1000,
    }


def line(cell: Cell, tool: str, found: dict[str, float] | None) -> None:
    """Print one line; nothing for a tool that cannot do the cell."""
    if found is not None:
        told = " ".join(f"{found[c]:>11.1f}" if c in found else f"{'':>11}" for c in COLUMNS)
        print(f"{cell.name:>36} {cell.in_flight:>5} {tool:>8} {told}", flush=True)


def main() -> None:
    """Print the table, line by line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--shows", action="store_true")
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--cell", type=int, action="append", help="index of a cell; may be repeated")
    given = parser.parse_args()
    if given.shows:
        show_all()
        return
    chosen = given.cell or (QUICK if given.quick else range(len(CELLS)))
    print(f"{'cell':>36} {'open':>5} {'tool':>8} " + " ".join(f"{c:>11}" for c in COLUMNS))
    for index in chosen:
        cell = CELLS[index]
        line(cell, "arena", ours(cell))
        line(cell, "raw", raw(cell))
        if index in PEER_CELLS and not given.quick and not given.no_peers:
            for name in installed():
                line(cell, name, peer(name, cell))
    if not given.cell and not given.quick:
        show_all()


if __name__ == "__main__":
    main()
