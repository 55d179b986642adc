"""A big database, quickly: `python -m tests.benchmarks.app.seed DATA_DIR [--outcomes N] [--votes N]`.

The rows are invented, from one seed: endpoints `bench/...`, times from lognormal laws, votes from known skills. They
go in by the hundred thousand past the recorder, so nothing here is an example of how results are written.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import sqlite3
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from PIL import Image

from arena.battles import image_marks
from arena.battles.screening import RULES
from arena.domain.battle import Verdict
from arena.domain.endpoint import Endpoint
from arena.domain.plan import Plan, RequestTemplate, Selection
from arena.domain.prompt import Prompt
from arena.domain.run import Environment, Run, RunStatus
from arena.settings import Settings
from arena.store import digests, mapping
from arena.store.battles import FACTS, VERDICT_CODE, key_of
from arena.store.blobs import BlobStore
from arena.store.engine import open_database
from arena.store.entries import cell_key
from arena.store.runs import PROMPT, RUN, RUN_ENDPOINT

ENDPOINTS, PROMPTS, OUTCOMES_OF_A_RUN, VOTES_OF_A_VOTER = 20, 30, 25_000, 200
SIDE_PX, SIZE = 160, "160x160"
BEGAN = datetime(2026, 10, 1, tzinfo=UTC)
CATEGORIES = ("animals", "objects", "people", "places", "type")
FAILURES = ("capacity", "provider_error", "rate_limited")
VERDICTS = (Verdict.LEFT, Verdict.RIGHT, Verdict.TIE, Verdict.BOTH_BAD)


@dataclass(frozen=True, slots=True)
class World:
    """What everything else refers to."""

    endpoints: tuple[Endpoint, ...]
    prompts: tuple[Prompt, ...]
    images: tuple[tuple[str, ...], ...]
    """SHA-256 by endpoint and prompt."""


def seed(directory: Path, outcomes: int = 500_000, votes: int = 100_000, number: int = 7) -> None:
    """Fill an empty data directory; FileExistsError if it holds a database already."""
    if (directory / "arena.db").exists():
        raise FileExistsError(f"{directory} holds a database already; name an empty directory")
    settings, rng = Settings(data_dir=directory), np.random.default_rng(number)
    database = open_database(settings, create=True)
    world = World(_endpoints(), _prompts(), _images(settings, rng))
    with database.write() as connection:
        connection.execute(PROMPT.insert(), [mapping.prompt_row(p) for p in world.prompts])
        for run in _runs(world, outcomes):
            connection.execute(RUN.insert(), mapping.run_row(run, "", run.created_at) | {"owner": None})
            rows = [mapping.run_endpoint_row(run.id, e, None) for e in world.endpoints]
            connection.execute(RUN_ENDPOINT.insert(), rows)
    database.close()
    with sqlite3.connect(directory / "arena.db") as raw:
        raw.execute("PRAGMA synchronous = OFF")
        _write_images(raw, settings, world)
        groups = _write_outcomes(raw, world, outcomes, rng)
        _write_votes(raw, world, groups, votes, rng)
        raw.execute("ANALYZE")
    raw.close()
    database = open_database(settings)
    digests.refresh(database)  # as each run does when it ends
    database.close()


def _endpoints() -> tuple[Endpoint, ...]:
    return tuple(
        Endpoint(
            id=f"bench/e{i:02}",
            provider=f"bench-{i % 7}",
            protocol="openai",
            model=f"model-{i // 2}",
            weights=f"family-{i // 2}",
            base_url="http://127.0.0.1:1",
        )
        for i in range(ENDPOINTS)
    )


def _prompts() -> tuple[Prompt, ...]:
    return tuple(
        Prompt(id=f"bench-{i:02}", text=f"A made-up scene, number {i}", category=CATEGORIES[i % 5], clip_tokens=8)
        for i in range(PROMPTS)
    )


def _images(settings: Settings, rng: np.random.Generator) -> tuple[tuple[str, ...], ...]:
    """One small picture of coloured waves for every endpoint and prompt, stored."""
    blobs, (y, x) = BlobStore(settings.images_dir), np.mgrid[0:SIDE_PX, 0:SIDE_PX] / SIDE_PX

    def picture() -> bytes:
        waves = rng.uniform(2, 16, (3, 2, 1, 1))
        pixels = 127.5 + 127.5 * np.sin(waves[:, 0] * x + waves[:, 1] * y + rng.uniform(0, 6, (3, 1, 1)))
        out = io.BytesIO()
        Image.fromarray(pixels.transpose(1, 2, 0).astype(np.uint8)).save(out, "PNG", compress_level=1)
        return out.getvalue()

    return tuple(tuple(_put(blobs, picture()) for _ in range(PROMPTS)) for _ in range(ENDPOINTS))


def _put(blobs: BlobStore, data: bytes) -> str:
    """Store bytes without waiting for the disk."""
    sha256 = hashlib.sha256(data).hexdigest()
    blobs.path(sha256).parent.mkdir(parents=True, exist_ok=True)
    blobs.path(sha256).write_bytes(data)
    return sha256


def _runs(world: World, outcomes: int) -> list[Run]:
    """As many finished runs as the outcomes need, one a day."""
    found = []
    for i in range(-(-outcomes // OUTCOMES_OF_A_RUN)):
        began = BEGAN + timedelta(days=i)
        plan = Plan(
            name="bench",
            endpoints=tuple(e.id for e in world.endpoints),
            prompts=Selection(sets=("core",)),
            request=RequestTemplate(size=SIZE),
            repetitions=-(-OUTCOMES_OF_A_RUN // (ENDPOINTS * PROMPTS)),
        )
        where = Environment(
            arena_version="0", python_version="3.11", platform="Linux", cpu_count=2, hostname="bench", region="nowhere"
        )
        found.append(
            Run(
                id=f"{began:%Y%m%d}-000000-bench", plan=plan, plan_sha256="0" * 64, status=RunStatus.FINISHED,
                created_at=began, ended_at=began + timedelta(hours=8), environment=where, simulated=False,
            )
        )  # fmt: skip
    return found


def _write_images(raw: sqlite3.Connection, settings: Settings, world: World) -> None:
    """Artifacts, and that every one was looked at and is fit to be shown."""
    blobs, now = BlobStore(settings.images_dir), _text(BEGAN)
    found = [(sha256, blobs.path(sha256).read_bytes()) for row in world.images for sha256 in row]
    raw.executemany(
        "INSERT INTO artifact (sha256, format, width_px, height_px, size_bytes) VALUES (?,'png',?,?,?)",
        [(sha256, SIDE_PX, SIDE_PX, len(data)) for sha256, data in found],
    )
    raw.executemany(
        "INSERT INTO screening (image_sha256, rules, thumbnail, screened_at) VALUES (?,?,?,?)",
        [(s, RULES, image_marks.thumbnail(Image.open(io.BytesIO(d)).convert("RGB")), now) for s, d in found],
    )


def _write_outcomes(raw: sqlite3.Connection, world: World, outcomes: int, rng: np.random.Generator) -> np.ndarray:
    """Trials, attempts, calls and images. Returns which attempts brought an image, as (attempt, endpoint, prompt)."""
    index = np.arange(outcomes)
    run, seq = index // OUTCOMES_OF_A_RUN, index % OUTCOMES_OF_A_RUN
    endpoint, prompt, repetition = seq % ENDPOINTS, seq // ENDPOINTS % PROMPTS, seq // (ENDPOINTS * PROMPTS)
    took_ns = (rng.lognormal(np.log(900 + 250 * endpoint), 0.35) * 1e6).astype(np.int64)
    connected_ns = rng.lognormal(np.log(20), 0.4, outcomes).astype(np.int64) * 1_000_000
    failed = rng.random(outcomes) < 0.01 + 0.002 * endpoint
    failure = rng.integers(len(FAILURES), size=outcomes)
    runs = [f"{BEGAN + timedelta(days=int(i)):%Y%m%d}-000000-bench" for i in range(int(run.max()) + 1)]
    begun = [
        _text(BEGAN + timedelta(days=i // OUTCOMES_OF_A_RUN, seconds=i % OUTCOMES_OF_A_RUN)) for i in range(outcomes)
    ]
    lists = (
        a.tolist() for a in (index + 1, run, seq, endpoint, prompt, repetition, took_ns, connected_ns, failed, failure)
    )
    ids, run_of, seq_of, e_of, p_of, rep_of, took, connected, bad, why = lists
    names, prompts = [e.id for e in world.endpoints], [(p.id, p.sha256) for p in world.prompts]
    raw.executemany(
        "INSERT INTO trial (id, run_id, seq, endpoint_id, prompt_id, prompt_sha256, repetition, phase, seed, width_px,"
        " height_px, format) VALUES (?,?,?,?,?,?,?,'measure',1,?,?,'png')",
        (
            (i, runs[r], s, names[e], *prompts[p], k, SIDE_PX, SIDE_PX)
            for i, r, s, e, p, k in zip(ids, run_of, seq_of, e_of, p_of, rep_of, strict=True)
        ),
    )
    raw.executemany(
        "INSERT INTO attempt (id, trial_id, number, status, intended_at, started_at, simulated, lateness_ns,"
        " slot_wait_ns, connected_ns, accepted_ns, result_ns, result_end_ns, first_image_byte_ns, last_image_byte_ns,"
        " ended_ns, polls, failure_kind, failure_message, http_status, cost_nano_usd, cost_source, server_ms_json,"
        " unsupported_json) VALUES (?,?,1,?,?,?,0,0,0,?,?,?,?,?,?,?,0,?,?,?,?,?,'{}','[]')",
        (
            (i, i, "failed" if b else "succeeded", at, at, c, t, *((None,) * 4 if b else (t, t, t, t)), t,
             FAILURES[w] if b else None, "no room" if b else None, 503 if b else None,
             None if b else 1_000_000 * (2 + e), None if b else "book")
            for i, e, at, c, t, b, w in zip(ids, e_of, begun, connected, took, bad, why, strict=True)
        ),
    )  # fmt: skip
    raw.executemany(
        "INSERT INTO call (attempt_id, position, purpose, method, url, http_status, body_bytes, started_ns,"
        " connected_ns, request_sent_ns, headers_ns, first_byte_ns, ended_ns)"
        " VALUES (?,0,'submit','POST','http://127.0.0.1:1/v1',?,90,0,?,?,?,?,?)",
        ((i, 503 if b else 200, c, c, t, t, t) for i, c, t, b in zip(ids, connected, took, bad, strict=True)),
    )
    raw.executemany(
        "INSERT INTO image (attempt_id, position, sha256) VALUES (?,0,?)",
        ((i, world.images[e][p]) for i, e, p, b in zip(ids, e_of, p_of, bad, strict=True) if not b),
    )
    return np.stack((index + 1, endpoint, prompt), axis=1)[~failed]


def _write_votes(
    raw: sqlite3.Connection, world: World, delivered: np.ndarray, votes: int, rng: np.random.Generator
) -> None:
    """Contenders with skills a quarter of a logit apart, voters, and votes on random pairs of one prompt."""
    now, voters = _text(BEGAN), -(-votes // VOTES_OF_A_VOTER)
    columns = "id, endpoint_id, simulated, provider, model, family, added_at"
    people = [(i + 1, e.id, 0, e.provider, e.model, e.family, now) for i, e in enumerate(world.endpoints)]
    raw.executemany(f"INSERT INTO contender ({columns}) VALUES (?,?,?,?,?,?,?)", people)
    names = [hashlib.sha256(f"bench/voter/{i}".encode()).hexdigest()[:32] for i in range(voters)]
    raw.executemany("INSERT INTO voter (id, kind, created_at) VALUES (?,'human',?)", [(n, now) for n in names])
    if not len(delivered):
        return
    first = delivered[rng.integers(len(delivered), size=votes + votes // 4 + 100)]  # some meet themselves
    order = np.lexsort((delivered[:, 1], delivered[:, 2]))
    by_prompt = delivered[order]
    begin, end = (np.searchsorted(by_prompt[:, 2], first[:, 2], side) for side in ("left", "right"))
    second = by_prompt[rng.integers(begin, end)]
    apart = first[:, 1] != second[:, 1]
    first, second = first[apart][:votes], second[apart][:votes]
    count = len(first)
    gain = 1 / (1 + np.exp(-0.25 * (first[:, 1] - second[:, 1])))
    draw, tied = rng.random(count), rng.random(count)
    verdict = np.where(tied < 0.1, 2, np.where(tied < 0.15, 3, np.where(draw < gain, 0, 1)))
    cells, people_keys = (
        [cell_key(p.id, p.sha256, (SIDE_PX, SIDE_PX), "None/None/None") for p in world.prompts],
        [key_of(n) for n in names],
    )
    prompt_keys = [key_of(f"{p.id}/{p.sha256}") for p in world.prompts]
    at = [_text(BEGAN + timedelta(seconds=int(s))) for s in np.sort(rng.integers(0, 30 * 86_400, count))]
    battles, rows = [], []
    for k in range(count):
        (a, e, p), (b, f, _), v = first[k].tolist(), second[k].tolist(), int(verdict[k])
        voter, prompt, said = k % voters, world.prompts[p], VERDICTS[v]
        battles.append(
            (k + 1, f"{k:064}", names[voter], cells[p], prompt.id, prompt.sha256, prompt.category, e + 1, f + 1, a, b,
             world.images[e][p], world.images[f][p], at[k], at[k], at[k])
        )  # fmt: skip
        facts = FACTS.pack(e + 1, f + 1, prompt_keys[p], people_keys[voter], VERDICT_CODE[said])
        rows.append((k + 1, k + 1, names[voter], said.value, at[k], prompt.category, facts))
    raw.executemany(
        "INSERT INTO battle (id, token_sha256, voter_id, cell, prompt_id, prompt_sha256, mode, category, simulated,"
        " left_contender, right_contender, left_attempt_id, left_position, right_attempt_id, right_position,"
        " left_sha256, right_sha256, rule, propensity, purpose, salt, created_at, shown_at, expires_at)"
        " VALUES (?,?,?,?,?,?,'t2i',?,0,?,?,?,0,?,0,?,?,'uniform',0.005,'rate','',?,?,?)",
        battles,
    )
    raw.executemany(
        "INSERT INTO vote (id, battle_id, voter_id, verdict, cast_at, dwell_ms, kind, mode, category, simulated,"
        " purpose, facts) VALUES (?,?,?,?,?,2500,'human','t2i',?,0,'rate',?)",
        rows,
    )


def _text(moment: datetime) -> str:
    """A time as the database keeps it."""
    return f"{moment:%Y-%m-%d %H:%M:%S.%f}"


def main() -> None:
    """Fill a directory and say how long it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data_dir", type=Path)
    parser.add_argument("--outcomes", type=int, default=500_000)
    parser.add_argument("--votes", type=int, default=100_000)
    arguments = parser.parse_args()
    began = time.perf_counter()
    try:
        seed(arguments.data_dir, arguments.outcomes, arguments.votes)
    except FileExistsError as error:
        sys.exit(str(error))
    took_s = time.perf_counter() - began
    print(json.dumps({"data_dir": str(arguments.data_dir), "took_s": round(took_s, 1)}))


if __name__ == "__main__":
    main()
