"""A small run, written by the code that writes real ones."""

import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from PIL import Image

from arena.domain.artifact import Artifact
from arena.domain.endpoint import Endpoint
from arena.domain.failure import Failure, FailureKind
from arena.domain.outcome import CallPurpose, CallRecord, Cost, CostSource, Outcome
from arena.domain.plan import Phase, Plan, RequestTemplate, Selection, Trial
from arena.domain.prompt import Prompt
from arena.domain.run import Environment, Run, RunStatus
from arena.settings import Settings
from arena.store import attempts, queries, runs
from arena.store.blobs import BlobStore
from arena.store.engine import open_database

BEGAN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
MS = 1_000_000
NASTY = "A *bold* cat <b>on</b> a [link](http://example.org) $x^2$ :smile: # heading"
NASTY_MESSAGE = "**overloaded** <script>alert(1)</script>"
PROMPTS = {
    "cat": Prompt(id="cat", text=NASTY, category="animals", clip_tokens=12),
    "poster": Prompt(id="poster", text="A plain poster", category="type", clip_tokens=3),
}


def png(colour, size=(64, 48)):
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, "PNG")
    return out.getvalue()


def outcome(blobs, trial, endpoint, *, failed, began=BEGAN):
    took = (400 + 10 * trial.seq) * MS
    call = CallRecord(
        purpose=CallPurpose.SUBMIT, method="POST", url="http://127.0.0.1/v1", http_status=200,
        body_bytes=10, started_ns=0, connected_ns=5 * MS, request_sent_ns=10 * MS,
        headers_ns=took - 20 * MS, first_byte_ns=took - 10 * MS, ended_ns=took,
    )  # fmt: skip
    marks = {"connected_ns": 5 * MS, "accepted_ns": took - 10 * MS, "ended_ns": took}
    rest = {"started_at": began + timedelta(seconds=trial.seq), "simulated": endpoint.simulated, "calls": (call,)}
    if failed:
        failure = Failure(kind=FailureKind.CAPACITY, message=NASTY_MESSAGE, http_status=503)
        return Outcome(timings=marks, failure=failure, **rest)
    data = png((trial.seq * 9 % 256, 80, 120))
    image = Artifact(sha256=blobs.put(data), format="png", width_px=64, height_px=48, size_bytes=len(data))
    marks |= {
        "result_ns": took - 10 * MS,
        "result_end_ns": took,
        "first_image_byte_ns": took,
        "last_image_byte_ns": took,
    }
    cost = Cost(usd=Decimal("0.004"), source=CostSource.BOOK) if endpoint.id != "test/unpriced" else None
    return Outcome(timings=marks, images=(image,), cost=cost, **rest)


def make_run(
    directory, *, names=("sim/steady", "sim/flaky"), simulated=True, repetitions=3, status=RunStatus.FINISHED,
    done=None, run_id="20260102-030405-test", began=BEGAN,
):  # fmt: skip
    """A run of every prompt at every endpoint; `*/flaky` fails at each third trial; `done` is how many are over."""
    settings = Settings(data_dir=directory)
    database = open_database(settings, create=True)
    endpoints = [
        Endpoint(
            id=n, provider="test", protocol="openai", model="m", base_url="http://127.0.0.1:1", simulated=simulated
        )
        for n in names
    ]
    plan = Plan(
        name="small", endpoints=names, prompts=Selection(sets=("core",)), repetitions=repetitions,
        request=RequestTemplate(size="64x48"),
    )  # fmt: skip
    environment = Environment(
        arena_version="0", python_version="3.11", platform="Linux", cpu_count=2, hostname="test_host"
    )
    run = Run(
        id=run_id, plan=plan, plan_sha256="0" * 64, status=RunStatus.RUNNING, created_at=began,
        environment=environment, simulated=simulated,
    )  # fmt: skip
    cells = [(n, p, r) for r in range(repetitions) for p in PROMPTS for n in names]
    trials = [
        Trial(seq=i, endpoint_id=n, prompt_id=p, repetition=r, phase=Phase.MEASURE, seed=1)
        for i, (n, p, r) in enumerate(cells)
    ]
    blobs, by_id = BlobStore(settings.images_dir), {e.id: e for e in endpoints}
    with database.write() as connection:
        stored = runs.create_run(connection, run, [(e, None) for e in endpoints], trials, PROMPTS, "host:1:x")
        for entry in stored[:done]:
            endpoint = by_id[entry.trial.endpoint_id]
            attempt = attempts.write_intent(connection, entry.id, 1, simulated=simulated)
            failed = endpoint.id.endswith("flaky") and entry.trial.seq % 3 == 0
            attempts.write_outcome(
                connection, attempt, outcome(blobs, entry.trial, endpoint, failed=failed, began=began)
            )
        if status is not RunStatus.RUNNING:
            runs.end_run(connection, run_id, "host:1:x", status)
    database.close()
    return run_id


def stored_outcomes(directory, run_id):
    database = open_database(Settings(data_dir=directory))
    with database.read() as connection:
        rows = queries.outcomes(connection, run_id)
    database.close()
    return rows
