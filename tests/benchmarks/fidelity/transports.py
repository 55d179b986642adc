"""What stands under the httpx interface, measured: `python -m tests.benchmarks.fidelity.transports`.

Each candidate does nothing but send and read, in a process of its own, against the truth server. Those that are not
installed (httpx-aiohttp, httpx2) are left out.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import importlib.util
import json
import ssl
import subprocess
import sys
import time
from typing import Any

from tests.benchmarks.fidelity.cells import REALISTIC, STRESS, Cell, errors, truth_server

CELLS = (
    Cell("fixed:5", "tiny", 64, 4000),
    Cell("fixed:5", "tiny", 256, 4000),
    Cell(REALISTIC, "inline", 64, 1000),
    Cell(STRESS, "inline", 64, 2000),
)
ONE_MB = 1024 * 1024
SLOW_AT_256 = {"httpx shared", "httpx default"}
"""Pools that take minutes for a few thousand requests; 400 have to do."""


def own_transport() -> Any:
    """The harness's."""
    from harness.clock import SystemClock
    from harness.net.dial import Dialer
    from harness.net.slot import SlotTransport

    now_ns = SystemClock().now_ns
    return SlotTransport(Dialer(now_ns, ssl.create_default_context()), now_ns)


def make_clients(kind: str, in_flight: int) -> list[Any]:
    """One client a slot; with a shared pool the same for all."""
    library = importlib.import_module("httpx2" if kind == "httpx2" else "httpx")
    tls = ssl.create_default_context()
    if kind == "httpx default":
        return [library.AsyncClient(verify=tls, trust_env=False, timeout=60)] * in_flight
    if kind == "httpx-aiohttp":
        transport = importlib.import_module("httpx_aiohttp").AiohttpTransport
        return [library.AsyncClient(transport=transport(verify=tls), timeout=60) for _ in range(in_flight)]
    if kind.startswith("own"):
        return [library.AsyncClient(transport=own_transport(), timeout=60) for _ in range(in_flight)]
    if kind.endswith("1 MB reads"):
        importlib.import_module("httpcore").AsyncHTTP11Connection.READ_NUM_BYTES = ONE_MB
    most = in_flight if kind == "httpx shared" else 1
    limits = library.Limits(max_connections=most, max_keepalive_connections=most, keepalive_expiry=300)

    def make() -> Any:
        return library.AsyncClient(verify=tls, trust_env=False, timeout=60, limits=limits)

    return [make()] * in_flight if kind == "httpx shared" else [make() for _ in range(in_flight)]


async def post(kind: str, client: Any, url: str) -> None:
    """Send one request and read its whole answer."""
    headers = {"Content-Type": "application/json"}
    if kind != "own":
        await client.post(url, content=b"{}", headers=headers)
        return
    request = client.build_request("POST", url, content=b"{}", headers=headers)
    response = await client._transport.handle_async_request(request)
    async for _ in response.stream:
        pass
    await response.stream.aclose()


async def fire(kind: str, port: int, in_flight: int, warmup: int, requests: int) -> dict[str, Any]:
    """Latencies of a closed loop, and what they cost."""
    clients, url = make_clients(kind, in_flight), f"http://127.0.0.1:{port}/v1/images/generations"
    latencies_ms: list[float] = []

    async def loop(count: int) -> None:
        left = count

        async def work(client: Any) -> None:
            nonlocal left
            while left > 0:
                left -= 1
                begun_s = time.perf_counter()
                await post(kind, client, url)
                latencies_ms.append((time.perf_counter() - begun_s) * 1000)

        await asyncio.gather(*(work(client) for client in clients))

    await loop(warmup)
    latencies_ms.clear()
    begun_s, cpu_s = time.perf_counter(), time.process_time()
    await loop(requests)
    return {
        "latencies_ms": latencies_ms,
        "wall_s": time.perf_counter() - begun_s,
        "cpu_s": time.process_time() - cpu_s,
    }


def measured(kind: str, cell: Cell, processes: int = 1) -> dict[str, float]:
    """One candidate in one cell."""
    requests = 400 if cell.in_flight > 64 and kind in SLOW_AT_256 else cell.requests
    with truth_server(cell.law, cell.body) as served:
        share = [str(n // processes) for n in (cell.in_flight, cell.warmup, requests)]
        command = [
            sys.executable,
            "-m",
            "tests.benchmarks.fidelity.transports",
            "--one",
            kind,
            str(served.port),
            *share,
        ]
        running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(processes)]
        told = [json.loads(process.communicate()[0]) for process in running]
        truth = served.truth()
    latencies_ms = [ms for one in told for ms in one["latencies_ms"]]
    found = errors(latencies_ms, [ns / 1e6 for ns in truth["delays_ns"][-len(latencies_ms) :]])
    return {
        **found,
        "per_s": len(latencies_ms) / max(one["wall_s"] for one in told),
        "cpu_ms": sum(one["cpu_s"] for one in told) / len(latencies_ms) * 1000,
        "connections": truth["connections"] - 1,
    }


def candidates() -> list[tuple[str, str, int]]:
    """Name, kind and processes of what can run here."""
    kinds = ["httpx default", "httpx shared", "httpx per slot", "httpx per slot, 1 MB reads"]
    kinds += ["httpx-aiohttp"] if importlib.util.find_spec("httpx_aiohttp") else []
    kinds += ["httpx2"] if importlib.util.find_spec("httpx2") else []
    kinds += ["own under AsyncClient", "own"]
    return [*((kind, kind, 1) for kind in kinds), ("own, 2 processes", "own", 2)]


def main() -> None:
    """Print the table; with `--one`, be one candidate and print what it measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--one", nargs=5, metavar=("KIND", "PORT", "IN_FLIGHT", "WARMUP", "REQUESTS"))
    given = parser.parse_args()
    if given.one:
        kind, *numbers = given.one
        print(json.dumps(asyncio.run(fire(kind, *(int(n) for n in numbers)))))
        return
    columns = ("true50", "p50_err", "p95_err", "per_s", "cpu_ms", "connections")
    print(f"{'cell':>28} {'open':>5} {'transport':>28} " + " ".join(f"{c:>11}" for c in columns))
    for cell in CELLS:
        for name, kind, processes in candidates():
            found = measured(kind, cell, processes)
            told = " ".join(f"{found[c]:>11.2f}" for c in columns)
            print(f"{cell.name:>28} {cell.in_flight:>5} {name:>28} {told}", flush=True)


if __name__ == "__main__":
    main()
