"""A database of as many outcomes as are wanted, with marks in a sane order: simulated, for measuring Arena itself.

`python -m tests.benchmarks.reports.seed DIRECTORY 1000000` makes one in SQLite. A run holds 20,000 trials: 20
endpoints, 100 prompts, 10 repetitions; each day has one run.
"""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from arena.domain.run import RunStatus
from arena.settings import Settings
from arena.store import mapping
from arena.store.engine import open_database
from arena.store.runs import PROMPT, RUN, RUN_ENDPOINT
from tests.factories import make_endpoint, make_plan, make_prompt, make_run

ENDPOINTS, PROMPTS, REPETITIONS = 20, 100, 10
TRIALS_PER_RUN = ENDPOINTS * PROMPTS * REPETITIONS
FIRST_DAY = datetime(2026, 1, 1, 8, tzinfo=UTC)
FAILURES = ("provider_error", "timeout", "rate_limited", "bad_image", "moderated_output")
TRIAL = (
    "INSERT INTO trial (id, run_id, seq, endpoint_id, prompt_id, prompt_sha256, repetition, phase, seed, width_px,"
    " height_px, format) VALUES (?,?,?,?,?,?,?,?,?,1024,1024,'png')"
)
ATTEMPT = (
    "INSERT INTO attempt (id, trial_id, number, status, intended_at, started_at, simulated, lateness_ns, slot_wait_ns,"
    " connected_ns, accepted_ns, result_ns, result_end_ns, first_image_byte_ns, last_image_byte_ns, ended_ns, polls,"
    " failure_kind, failure_message, http_status, cost_nano_usd, cost_source, request_id, server_ms_json,"
    " unsupported_json)"
    " VALUES (?,?,1,?,?,?,1,?,?,?,?,?,?,?,?,?,0,?,?,?,?,?,?,?,'[]')"
)
ARTIFACT = "INSERT INTO artifact (sha256, format, width_px, height_px, size_bytes) VALUES (?,'png',1024,1024,?)"
IMAGE = "INSERT INTO image (attempt_id, position, sha256) VALUES (?,0,?)"
CALL = (
    "INSERT INTO call (attempt_id, position, purpose, method, url, http_status, http_version, remote_address,"
    " body_bytes, started_ns, connected_ns, request_sent_ns, headers_ns, first_byte_ns, ended_ns)"
    " VALUES (?,0,'submit','POST','https://lab.example/v1/images',200,'HTTP/1.1','192.0.2.1:443',?,0,?,?,?,?,?)"
)


def seed(database, outcomes, *, images=True, calls=False, random_seed=7):
    """Fill an empty SQLite database with so many outcomes; the last run may be cut short."""
    rng = np.random.default_rng(random_seed)
    endpoints = [make_endpoint(f"lab{i % 5}/model-{i}", provider=f"lab{i % 5}", simulated=True)
                 for i in range(ENDPOINTS)]  # fmt: skip
    prompts = [make_prompt(f"prompt-{i}", category=f"category-{i % 10}") for i in range(PROMPTS)]
    plan = make_plan(
        endpoints=[e.id for e in endpoints], repetitions=REPETITIONS, request={"size": "1024x1024"}, name="seeded"
    )
    with database.write() as connection:
        connection.execute(PROMPT.insert(), [mapping.prompt_row(p) for p in prompts])
    for number, begin in enumerate(range(0, outcomes, TRIALS_PER_RUN)):
        at = FIRST_DAY + timedelta(days=number)
        run = make_run(plan, run_id=f"{at:%Y%m%d-%H%M%S}-seed", created_at=at, simulated=True,
                       status=RunStatus.FINISHED, ended_at=at + timedelta(hours=2))  # fmt: skip
        count = min(TRIALS_PER_RUN, outcomes - begin)
        with database.write() as connection:
            connection.execute(RUN.insert(), mapping.run_row(run, "seed", at) | {"owner": None})
            connection.execute(RUN_ENDPOINT.insert(), [mapping.run_endpoint_row(run.id, e, None) for e in endpoints])
            _attempts(connection, rng, run, at, begin + 1, count, (endpoints, prompts), images=images, calls=calls)


def _attempts(connection, rng, run, at, first_id, count, subjects, *, images, calls):
    endpoints, prompts = subjects
    ids, index = range(first_id, first_id + count), np.arange(count)
    of_endpoint, of_prompt = index % ENDPOINTS, index // ENDPOINTS % PROMPTS
    seeds = rng.integers(0, 2**62, count).tolist()
    insert = connection.exec_driver_sql
    insert(TRIAL, [
        (i, run.id, k, endpoints[e].id, prompts[p].id, prompts[p].sha256, k // (ENDPOINTS * PROMPTS), "measure", s)
        for i, k, e, p, s in zip(ids, index.tolist(), of_endpoint, of_prompt, seeds, strict=True)
    ])  # fmt: skip
    failed = (rng.random(count) < 0.02).tolist()
    ttfb = (rng.lognormal(7.5, 0.35, count) * (1 + of_endpoint / 10) * 1e6).astype(np.int64)
    accepted, done = ttfb // 3, ttfb + rng.integers(2_000_000, 90_000_000, count)
    marks = np.stack([ttfb // 50, accepted, ttfb, done], axis=1).tolist()
    starts = [f"{at + timedelta(seconds=k * 0.3):%Y-%m-%d %H:%M:%S.%f}" for k in range(count)]
    insert(ATTEMPT, [
        _attempt(i, starts[k], marks[k], FAILURES[k % len(FAILURES)] if failed[k] else None)
        for k, i in enumerate(ids)
    ])  # fmt: skip
    good = [(i, marks[k]) for k, i in enumerate(ids) if not failed[k]]
    if images:
        insert(ARTIFACT, [(f"{i:064x}", 900_000 + i % 1000) for i, _ in good])
        insert(IMAGE, [(i, f"{i:064x}") for i, _ in good])
    if calls:
        insert(CALL, [(i, 1_200_000, m[0], m[0] + 9000, m[1], m[2], m[3]) for i, m in good])


def _attempt(i, started, marks, failure):
    connected, accepted, result, done = marks
    head = (i, i, "failed" if failure else "succeeded", started, started, 1000 + i % 7, i % 3)
    if failure:
        return (*head, connected, accepted, None, None, None, None, done, failure, "it said no", 500, None, None,
                f"req-{i}", "{}")  # fmt: skip
    return (*head, connected, accepted, result, done, result, done, done + 20_000, None, None, None, 12_500_000, "book",
            f"req-{i}", '{"predict":812.5}')  # fmt: skip


def main() -> None:
    directory, outcomes = Path(sys.argv[1]), int(sys.argv[2])
    database, begun = open_database(Settings(data_dir=directory), create=True), time.perf_counter()
    seed(database, outcomes, calls="--calls" in sys.argv)
    database.close()
    print(f"{outcomes:,} outcomes in {time.perf_counter() - begun:.1f} s")


if __name__ == "__main__":
    main()
