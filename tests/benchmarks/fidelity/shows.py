"""What the table does not show: stalls, first and last bytes, and faults, each against a known answer."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import numpy as np

from tests.benchmarks.fidelity.cells import HERE, truth_server


def reported(law: str, **wanted: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """What Arena reports of tiny images under a law, and what the server says."""
    with truth_server(law, "tiny") as served:
        asked = json.dumps({"port": served.port, "size": "64x64", "in_flight": 64, **wanted})
        done = subprocess.run([sys.executable, HERE / "ours.py", asked], stdout=subprocess.PIPE, text=True, check=True)
        return json.loads(done.stdout), served.truth()


def stalls() -> None:
    """A server that answers in 50 ms, but not in the first 2 s of every 10; 60 requests a second."""
    load = {"kind": "constant", "rate_per_s": 60, "for_s": 40}
    told, truth = reported("freeze:50:2:10", load=load, in_flight=2048, keep=0.01)
    true_ms = float(np.quantile(np.array(truth["delays_ns"]) / 1e6, 0.95))
    mine_ms = float(np.quantile(told["from_due_ms"], 0.95))
    print(f"\nstalls, open loop: p95 from due {mine_ms:.0f} ms, truth {true_ms:.0f} ms: {mine_ms / true_ms - 1:+.1%}")
    capped, _ = reported("freeze:50:2:10", load=load, in_flight=4, keep=0.01)
    due_ms, sent_ms = (float(np.quantile(capped[c], 0.95)) for c in ("from_due_ms", "time_to_image_ms"))
    print(
        f"stalls, capped at 4 in flight: p95 from due {due_ms:.0f} ms; counted from the send it would be {sent_ms:.0f}"
    )


def bytes_in_time() -> None:
    """Headers, first and last byte at known instants."""
    told, _ = reported("drip:301:702", in_flight=4, requests=20)
    first_ms, last_ms = (float(np.median(told[c])) for c in ("time_to_first_image_byte_ms", "time_to_image_ms"))
    print(f"first byte at 301 ms, last at 702: reported {first_ms:.1f} and {last_ms:.1f}")
    told, _ = reported("early:301", in_flight=4, requests=20)
    head_ms, first_ms = (float(np.median(told[c])) for c in ("ttfb_ms", "time_to_first_image_byte_ms"))
    print(f"head at once, image at 301 ms: TTFB {head_ms:.1f}, first image byte {first_ms:.1f}")


def faults() -> None:
    """Every count is the server's."""
    told, truth = reported("faults", in_flight=16, requests=400, timeout_s=3)
    failures, said = told["failures"], truth["said"]
    pairs = {
        "503 at once": (failures.get("capacity", 0), said["unavailable"]),
        "garbage": (failures.get("bad_image", 0), said["garbage"]),
        "cut off": (failures.get("protocol", 0) + failures.get("network", 0), said["truncated"]),
        "no answer": (failures.get("timeout", 0), said["none"]),
        "good": (told["attempts"] - sum(failures.values()), said["good"]),
        "attempts": (told["attempts"], len(truth["delays_ns"])),
    }
    verdict = "every count is the server's" if all(a == b for a, b in pairs.values()) else "COUNTS DIFFER"
    print(f"faults, reported/server: {', '.join(f'{k} {a}/{b}' for k, (a, b) in pairs.items())}: {verdict}")


def lasting(requests: int = 20_000) -> None:
    """Memory over many requests."""
    told, _ = reported("fixed:5", requests=requests, keep=0.01)
    seen = [(done, mb) for done, mb in told["memory_mb"] if done > 0]
    at = [min(seen, key=lambda s, part=part: abs(s[0] - part * requests))[1] for part in (0.1, 0.5, 1.0)]
    print(f"memory over {requests:,}: {at[0]:.0f} MB at a tenth of it, {at[1]:.0f} at half, {at[2]:.0f} at its end")


def show_all() -> None:
    """Print all of them."""
    stalls()
    bytes_in_time()
    faults()
    lasting()
