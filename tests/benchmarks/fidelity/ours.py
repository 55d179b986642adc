"""Arena's own engine against a truth server: the real runner, adapter, transport, verification, images on disk and
SQLite.

`python ours.py '{"port": …, "in_flight": …, "requests": …, "size": "1024x1024", "keep": 1}'` prints one JSON object.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

import anyio

from arena.catalog import Catalog
from arena.domain.plan import Plan
from arena.settings import Settings
from arena.store.engine import open_database
from arena.store.queries import outcomes
from harness.plan import prepare
from harness.progress import Progress
from harness.session import create, execute, today

ENDPOINT = """
[[endpoint]]
id = "truth/one"
provider = "truth"
protocol = "openai"
model = "m"
base_url = "http://127.0.0.1:{port}/v1"
limits = {{ max_in_flight = {in_flight} }}
"""


def high_water_mb() -> float:
    """This process's own peak; `ru_maxrss` starts at that of the process that started it."""
    told = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in told.splitlines() if line.startswith("VmHWM")) / 1024


def main() -> None:
    """Run, and print what Arena reports and what it cost."""
    wanted = json.loads(sys.argv[1])
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        (root / "endpoints.toml").write_text(ENDPOINT.format(**wanted))
        settings = Settings(data_dir=root / "data", config_dir=root)
        plan = Plan.model_validate(
            {
                "name": "fidelity",
                "endpoints": ["truth/one"],
                "prompts": {"sets": ["core"], "limit": 1},
                "request": {"size": wanted["size"]},
                "repetitions": wanted["requests"],
                "load": {"kind": "closed", "in_flight": wanted["in_flight"]},
                "keep_images": wanted["keep"],
                "warmup": wanted["warmup"],
            }
        )
        database = open_database(settings, create=True)
        prepared = prepare(plan, "fidelity", Catalog(root), today=today())
        session = create(database, prepared, settings, None)
        progress = Progress(s.trial.endpoint_id for s in session.trials)
        begun_s, cpu_s = time.perf_counter(), time.process_time()
        anyio.run(lambda: execute(database, settings, session, progress, environ={}))
        wall_s, cpu_s = time.perf_counter() - begun_s, time.process_time() - cpu_s
        peak_mb = high_water_mb()
        with database.read() as connection:
            frame = outcomes(connection, session.run.id)
        frame = frame[frame["phase"] == "measure"]
    told = {
        "time_to_image_ms": frame["time_to_image_ms"].dropna().tolist(),
        "ttfb_ms": frame["ttfb_ms"].dropna().tolist(),
        "failures": frame["failure_kind"].dropna().value_counts().to_dict(),
        "wall_s": wall_s,
        "cpu_s": cpu_s,
        "peak_mb": peak_mb,
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
