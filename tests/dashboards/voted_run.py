"""Endpoints that were measured and voted on, from a known truth, written straight into the tables."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np

from arena.domain.battle import Purpose, Rule, Verdict, VoterKind
from arena.domain.endpoint import Endpoint
from arena.domain.outcome import CostSource
from arena.domain.plan import Phase, Plan, RequestTemplate, Selection, Trial
from arena.domain.prompt import Prompt
from arena.domain.run import Environment, Run, RunStatus
from arena.settings import Settings
from arena.store import runs
from arena.store.battles import BATTLE, CONTENDER, FACTS, VERDICT_CODE, VOTE, VOTER, key_of
from arena.store.engine import open_database
from arena.store.runs import ATTEMPT

MS = 1_000_000
RESULTS = (Verdict.LEFT, Verdict.RIGHT, Verdict.TIE)
CHUNK = 20_000


@dataclass(frozen=True)
class Truth:
    """What an endpoint is: its skill, median time, price and success rate; no price is None."""

    elo: float = 0.0
    p50_ms: float = 2000.0
    usd: float | None = 0.01
    success: float = 0.98


FEW = {
    "alpha/large": Truth(180, 9000, 0.06),
    "beta/medium": Truth(60, 4000, 0.02),
    "gamma/medium": Truth(55, 2500, 0.004),
    "delta/small": Truth(-80, 1200, 0.002, 0.9),
    "local/tiny": Truth(-220, 700, None),
}


def many(count):
    """So many endpoints, with names as long as names come."""
    rng = np.random.default_rng(8)
    return {
        f"provider-{i % 9}/some-model-with-a-rather-long-name-v{i}.{i % 4}-turbo-preview": Truth(
            float(rng.normal(0, 120)), float(rng.uniform(500, 20_000)), float(rng.uniform(0.001, 0.1)), 0.97
        )
        for i in range(count)
    }


def make_arena(
    directory, truths=None, *, attempts=60, votes=4000, simulated=False, prompts=60, began=None, retired=(), ties=0.1,
):  # fmt: skip
    """A database with one run of `attempts` an endpoint, begun an hour ago, and `votes` on its images."""
    truths = FEW if truths is None else truths
    began = began or datetime.now(UTC) - timedelta(hours=1)
    database = open_database(Settings(data_dir=directory), create=True)
    if attempts:
        _measure(database, truths, attempts, prompts, began, simulated)
    _vote(database, truths, votes, prompts, began, simulated, retired, ties)
    database.close()


def _prompts(count):
    category = ("animals", "type")
    return {
        f"prompt-{i}": Prompt(id=f"prompt-{i}", text=f"prompt {i}", category=category[i % 2], clip_tokens=3)
        for i in range(count)
    }


def _measure(database, truths, attempts, prompts, began, simulated):
    rng, names = np.random.default_rng(1), tuple(truths)
    known = _prompts(prompts)
    endpoints = [
        Endpoint(
            id=n, provider=n.split("/")[0], protocol="openai", model="m", base_url="http://127.0.0.1:1",
            simulated=simulated,
        )
        for n in names
    ]  # fmt: skip
    plan = Plan(
        name="voted", endpoints=names, prompts=Selection(sets=("core",)), repetitions=1,
        request=RequestTemplate(size="1024x1024"),
    )  # fmt: skip
    environment = Environment(
        arena_version="0", python_version="3.11", platform="Linux", cpu_count=2, hostname="test_host"
    )
    run = Run(
        id=f"{began:%Y%m%d-%H%M%S}-vote", plan=plan, plan_sha256="0" * 64, status=RunStatus.RUNNING, created_at=began,
        environment=environment, simulated=simulated,
    )  # fmt: skip
    ids = list(known)
    cells = [(n, ids[a % prompts], a // prompts) for a in range(attempts) for n in names]
    trials = [
        Trial(seq=i, endpoint_id=n, prompt_id=p, repetition=r, phase=Phase.MEASURE, seed=1)
        for i, (n, p, r) in enumerate(cells)
    ]
    with database.write() as connection:
        stored = runs.create_run(connection, run, [(e, None) for e in endpoints], trials, known, "host:1:x")
        rows, images = [], []
        for number, entry in enumerate(stored, start=1):
            truth, trial = truths[entry.trial.endpoint_id], entry.trial
            won = rng.random() < truth.success
            took = int(truth.p50_ms * np.exp(rng.normal(0, 0.25)) * MS)
            rows.append(
                {
                    "id": number, "trial_id": entry.id, "number": 1, "status": "succeeded" if won else "failed",
                    "failure_kind": None if won else "capacity", "intended_at": began,
                    "started_at": began + timedelta(milliseconds=10 * trial.seq), "simulated": simulated,
                    "result_ns": took if won else None, "result_end_ns": took if won else None,
                    "last_image_byte_ns": took if won else None, "ended_ns": took,
                    "cost_nano_usd": None if truth.usd is None or not won else round(truth.usd * 1e9),
                    "cost_source": None if truth.usd is None or not won else CostSource.BOOK,
                }
            )  # fmt: skip
            if won:
                shape = {"format": "png", "width_px": 1024, "height_px": 1024, "size_bytes": 1000}
                images.append({"attempt_id": number, "position": 0, **shape})
        _insert(connection, ATTEMPT, rows)
        _insert(connection, runs.GLIMPSE, images)
        runs.end_run(connection, run.id, "host:1:x", RunStatus.FINISHED)


def _vote(database, truths, count, prompts, began, simulated, retired, ties):
    rng, names, n = np.random.default_rng(2), list(truths), len(truths)
    skill = np.array([truths[name].elo for name in names])
    left = rng.integers(0, n, count)
    right = (left + rng.integers(1, n, count)) % n
    chance = 1 / (1 + 10 ** ((skill[right] - skill[left]) / 400))
    result = np.where(rng.random(count) < ties, 2, np.where(rng.random(count) < chance, 0, 1))
    prompt, voter = rng.integers(0, prompts, count), rng.integers(0, 300, count)
    known = list(_prompts(prompts).values())
    with database.write() as connection:
        people = [
            {"id": i, "endpoint_id": name, "simulated": simulated, "provider": name.split("/")[0], "model": "m",
             "family": name.split("/")[1], "added_at": began, "retired_at": began if name in retired else None}
            for i, name in enumerate(names, start=1)
        ]  # fmt: skip
        _insert(connection, CONTENDER, people)
        _insert(connection, VOTER, [{"id": f"v{i}", "kind": VoterKind.HUMAN, "created_at": began} for i in range(300)])
        runs.insert_ignore(connection, runs.PROMPT, [_prompt_row(p) for p in known])
        battles, votes = [], []
        for k in range(count):
            a, b, p, verdict = int(left[k]) + 1, int(right[k]) + 1, known[prompt[k]], RESULTS[result[k]]
            shared = {"mode": "t2i", "category": p.category, "simulated": simulated, "purpose": Purpose.RATE}
            battles.append(
                {"id": k + 1, "token_sha256": f"{k:064}", "voter_id": f"v{voter[k]}", "cell": "c", "prompt_id": p.id,
                 "prompt_sha256": p.sha256, "left_contender": a, "right_contender": b, "rule": Rule.UNIFORM,
                 "propensity": 1.0, "salt": "", "created_at": began, "expires_at": began, **shared}
            )  # fmt: skip
            packed = FACTS.pack(a, b, key_of(p.id), key_of(f"v{voter[k]}"), VERDICT_CODE[verdict])
            votes.append(
                {"id": k + 1, "battle_id": k + 1, "voter_id": f"v{voter[k]}", "verdict": verdict, "cast_at": began,
                 "dwell_ms": 900, "kind": VoterKind.HUMAN, "facts": packed, **shared}
            )  # fmt: skip
        _insert(connection, BATTLE, battles)
        _insert(connection, VOTE, votes)


def _prompt_row(prompt):
    lists = dict.fromkeys(("tags_json", "sources_json", "source_sha256_json", "legible_text_json"), "[]")
    fields = ("id", "sha256", "text", "category", "mode", "clip_tokens")
    return {**{name: getattr(prompt, name) for name in fields}, **lists}


def _insert(connection, table, rows):
    for first, last in pairwise([*range(0, len(rows), CHUNK), len(rows)]):
        connection.execute(table.insert(), rows[first:last])
