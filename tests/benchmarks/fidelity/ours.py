"""Arena's own engine against a truth server: the real runner, adapter, transport, verification, images on disk and
SQLite.

`python ours.py '{"port": …, "in_flight": …, "requests": …, "size": "1024x1024", "keep": 1}'` prints one JSON object.
"""

from __future__ import annotations

import json
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import psutil

from arena.catalog import Catalog
from arena.domain.plan import Plan
from arena.settings import Settings
from arena.store.engine import open_database
from arena.store.runs import get_run
from harness.plan import prepare
from harness.progress import Progress
from harness.session import create, execute, today

if TYPE_CHECKING:
    import pandas as pd

ENDPOINT = """
[[endpoint]]
id = "truth/one"
provider = "truth"
protocol = "openai"
model = "m"
base_url = "{scheme}://127.0.0.1:{port}/v1"
limits = {{ max_in_flight = {in_flight} }}
"""


def high_water_mb() -> float:
    """This process's own peak; `ru_maxrss` starts at that of the process that started it."""
    told = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in told.splitlines() if line.startswith("VmHWM")) / 1024


def watched_memory(progress: Progress) -> list[tuple[int, float]]:
    """Grows while a run does: how many trials had ended, and the megabytes then."""
    seen: list[tuple[int, float]] = []

    def watch() -> None:
        while progress.ended < progress.planned:
            seen.append((progress.ended, psutil.Process().memory_info().rss / 2**20))
            time.sleep(0.1)

    threading.Thread(target=watch, daemon=True).start()
    return seen


def plan_for(wanted: dict[str, Any]) -> Plan:
    """A closed loop, or the load that is asked for."""
    prompts = -(-wanted.get("requests", 1) // 10_000)
    told = {"load": wanted["load"]} if "load" in wanted else {"repetitions": wanted["requests"] // prompts}
    return Plan.model_validate(
        {
            "name": "fidelity",
            "endpoints": ["truth/one"],
            "prompts": {"sets": ["core"], "limit": prompts},
            "request": {"size": wanted["size"]},
            "load": {"kind": "closed", "in_flight": wanted["in_flight"]},
            "keep_images": wanted.get("keep", 1.0),
            "warmup": wanted.get("warmup", 0),
            "timeout_s": wanted.get("timeout_s"),
            **told,
        }
    )


def main() -> None:
    """Run, and print what Arena reports and what it cost."""
    wanted = json.loads(sys.argv[1])
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        scheme = "https" if wanted.get("tls") else "http"
        (root / "endpoints.toml").write_text(
            ENDPOINT.format(scheme=scheme, port=wanted["port"], in_flight=wanted["in_flight"])
        )
        settings = Settings(data_dir=root / "data", config_dir=root)
        database = open_database(settings, create=True)
        prepared = prepare(plan_for(wanted), "fidelity", Catalog(root), today=today())
        session = create(database, prepared, settings, None)
        progress = Progress(s.trial.endpoint_id for s in session.trials)
        cpu_s, grown_mb = time.process_time(), watched_memory(progress)
        anyio.run(lambda: execute(database, settings, session, progress, environ={}))
        cpu_s = time.process_time() - cpu_s
        peak_mb = high_water_mb()
        from arena.store.queries import outcomes  # with pandas, which a run does not load

        with database.read() as connection:
            frame = outcomes(connection, session.run.id)
            fitness = get_run(connection, session.run.id).fitness
    print(
        json.dumps(
            told(frame, cpu_s)
            | {"peak_mb": peak_mb, "memory_mb": grown_mb, "fitness": fitness and fitness.model_dump()}
        )
    )


def told(frame: pd.DataFrame, cpu_s: float) -> dict[str, Any]:
    """What Arena reports of the measured phase; processor time is that of the warm-up, too."""
    measured = frame[frame["phase"] == "measure"]
    from_due_ms = measured["lateness_ms"] + measured["time_to_image_ms"]
    begun_s = measured["started_at"].astype("int64") / 1e6
    wall_s = float((begun_s + measured["ended_ms"].astype(float) / 1000).max() - begun_s.min())
    columns = ("time_to_image_ms", "ttfb_ms", "time_to_first_image_byte_ms", "accepted_ms", "lateness_ms")
    return {
        **{name: measured[name].dropna().tolist() for name in columns},
        "from_due_ms": from_due_ms.dropna().tolist(),
        "failures": measured["failure_kind"].dropna().value_counts().to_dict(),
        "attempts": len(measured),
        "wall_s": wall_s,
        "cpu_ms": cpu_s / len(frame) * 1000,
    }


if __name__ == "__main__":
    main()
