"""The main job from the outside."""

import io
import json
import re
import shlex
import signal
import sqlite3
import subprocess
import time
from collections import Counter

import httpx
import pandas as pd
import pyarrow.parquet as pq
import pytest
from PIL import Image

from arena.reports.summary import as_json, flat_rows, summarize
from arena.store.queries import typed
from tests.e2e.warm import ARENA
from tests.postgres import new_postgres_database
from tests.servers import response, scripted


def test_a_plan_over_two_protocols_gives_the_same_figures_everywhere(arena):
    plan = arena.plan("quick", "pods", repetitions=3, prompts={"sets": ["core"], "limit": 20})
    shown = arena.json("run", plan, "--yes")
    run_id = shown["run"]["id"]

    images = [p for p in (arena.data / "images").rglob("*") if p.is_file()]
    assert images
    assert all(Image.open(io.BytesIO(p.read_bytes())).size == (64, 64) for p in images)

    for name in ("outcomes", "summary"):
        for kind in ("csv", "parquet", "jsonl"):
            arena("export", run_id, "--table", name, "--format", kind, "--out", f"{name}.{kind}")
    here = arena.directory
    read = {
        "csv": typed(pd.read_csv(here / "outcomes.csv", dtype=object)),
        "parquet": pd.read_parquet(here / "outcomes.parquet"),
        "jsonl": typed(pd.DataFrame([json.loads(x) for x in (here / "outcomes.jsonl").read_text().splitlines()])),
    }
    listed = arena.json("runs", "show", run_id)
    for frame in read.values():
        assert len(frame) == 120
        assert Counter(frame["endpoint"]) == {"t/quick": 60, "t/pods": 60}
        assert set(frame["status"]) == {"succeeded"}
        assert as_json(summarize(frame)) == listed["endpoints"] == shown["endpoints"]

    flat = pd.DataFrame(flat_rows(summarize(read["csv"])))
    figures = ["endpoint", *flat.select_dtypes("number").columns]
    assert {"time_to_image_p95_ms_high", "cost_per_1000_usd", "success_rate_low"} <= set(figures)
    for written in (pd.read_parquet(here / "summary.parquet"), pd.read_csv(here / "summary.csv")):
        pd.testing.assert_frame_equal(written[figures], flat[figures], check_dtype=False, check_exact=True)
    assert pq.read_schema(here / "outcomes.parquet").metadata[b"arena.schema_version"] == b"2"


def test_stdout_is_data_and_stderr_is_everything_else(arena):
    said = arena("run", arena.plan("quick"), "--yes", "--json")
    assert json.loads(said.out)["endpoints"][0]["simulated"] is True
    assert "5 calls to 1 endpoints" in said.err
    table = arena("runs", "show", "last")
    assert "SIMULATED" in table.out
    assert "t/quick" in table.out
    assert table.err == ""
    piped = arena("export", "last", "--out", "-")
    assert len(piped.out.splitlines()) == 6


def test_edits_send_their_source_images(arena):
    plan = arena.plan("quick", "pods", prompts={"sets": ["edit"], "limit": 4})
    shown = arena.json("run", plan, "--yes")
    assert {e["endpoint"]: e["figures"]["success_rate"]["value"] for e in shown["endpoints"]} == {
        "t/quick": 1,
        "t/pods": 1,
    }
    rows = pd.read_csv(io.StringIO(arena("export", "last", "--out", "-").out))
    assert set(rows["mode"]) == {"edit"}


def test_failures_are_counted_and_a_threshold_sets_the_exit_code(arena):
    plan = arena.plan("quick", "broken")
    shown = arena.json("run", plan, "--yes", "--fail-under", "0.5", code=1)
    by_name = {e["endpoint"]: e for e in shown["endpoints"]}
    assert by_name["t/broken"]["failures"] == {"provider_error": 5}
    assert by_name["t/broken"]["figures"]["time_to_image_p50_ms"] == {"value": None, "n": 0, "low": None, "high": None}


@pytest.mark.slow
def test_the_budget_ends_a_run_and_resuming_with_more_goes_on(arena):
    plan = arena.plan("quick", "pods")
    said = arena("run", plan, "--yes", "--budget", "0.04", code=3)
    assert "arena run --resume" in said.err
    assert len(arena("export", "last", "--out", "-").out.splitlines()) == 1 + 4
    still = arena("run", "--resume", "last", "--yes", "--budget", "0.04", code=3)
    assert "6 calls are left" in still.err
    arena("run", "--resume", "last", "--yes", "--budget", "1")
    rows = pd.read_csv(io.StringIO(arena("export", "last", "--out", "-").out))
    assert len(rows) == 10
    assert rows["trial"].is_unique


def requests_seen(sim_url, name):
    return httpx.get(f"{sim_url}/truth", timeout=10).json()[name]["requests"]


def wait_for_outcomes(arena, count):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if (arena.data / "arena.db").exists():
            with sqlite3.connect(arena.data / "arena.db", timeout=10) as connection:
                try:
                    done = connection.execute("SELECT count(*) FROM attempt WHERE status = 'succeeded'").fetchone()[0]
                except sqlite3.OperationalError:
                    done = 0
            connection.close()
            if done >= count:
                return
        time.sleep(0.05)
    raise AssertionError(f"{count} outcomes never came")


@pytest.mark.slow
def test_ctrl_c_keeps_everything_and_resume_fires_nothing_twice(arena, sim_url):
    before = requests_seen(sim_url, "slow")
    running = arena.start("run", arena.plan("slow", repetitions=4), "--yes")
    wait_for_outcomes(arena, 4)
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=60)
    assert running.returncode == 130, err
    assert "Traceback" not in err
    first = pd.read_csv(io.StringIO(arena("export", "last", "--out", "-").out))
    assert set(first["status"]) == {"succeeded"}
    assert 4 <= len(first) < 20

    arena("run", "--resume", "last", "--yes")
    rows = pd.read_csv(io.StringIO(arena("export", "last", "--out", "-").out))
    assert set(rows["status"]) == {"succeeded"}
    assert len(rows) == 20
    assert requests_seen(sim_url, "slow") - before == 20


@pytest.mark.slow
def test_a_killed_run_accounts_for_every_call_that_the_server_saw(arena, sim_url):
    before = requests_seen(sim_url, "slow")
    running = arena.start("run", arena.plan("slow", repetitions=4), "--yes")
    wait_for_outcomes(arena, 5)
    running.kill()
    running.communicate(timeout=60)
    assert arena.json("runs", "ls")[0]["status"] == "running"

    resumed = arena("run", "--resume", "last", "--yes")
    assert "they stay unknown and are not fired again" in resumed.err
    rows = pd.read_csv(io.StringIO(arena("export", "last", "--out", "-").out))
    assert len(rows) == 20
    assert set(rows["status"]) == {"succeeded", "unknown"}
    # Four were in flight; what had just come back and was not stored yet is unknown, too.
    assert 1 <= (rows["status"] == "unknown").sum() <= 8
    # An intent is written before its call leaves, so a kill in between leaves an unknown that the server never saw.
    seen = requests_seen(sim_url, "slow") - before
    assert (rows["status"] == "succeeded").sum() <= seen <= 20
    assert arena("db", "check").out.splitlines()[0] == "the schema is current"


def test_a_run_that_is_being_executed_cannot_be_resumed(arena):
    running = arena.start("run", arena.plan("slow", repetitions=20), "--yes")
    wait_for_outcomes(arena, 1)
    said = arena("run", "--resume", "last", "--yes", code=2)
    assert "is being executed by" in said.sentence
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=60)
    assert running.returncode == 130


def test_two_runs_at_once_on_one_database_lose_nothing(arena):
    plan = arena.plan("quick", repetitions=4)
    both = [arena.start("run", plan, "--yes") for _ in range(2)]
    for process in both:
        _, err = process.communicate(timeout=90)
        assert process.returncode == 0, err
    rows = pd.read_csv(io.StringIO(arena("export", "--out", "-").out))
    assert Counter(rows["run_id"]).values() == {20: 2} or set(Counter(rows["run_id"]).values()) == {20}
    assert set(rows["status"]) == {"succeeded"}


@pytest.mark.slow
def test_a_suspended_run_is_not_taken_over_and_goes_on(arena):
    running = arena.start("run", arena.plan("slow", repetitions=4), "--yes")
    wait_for_outcomes(arena, 4)
    running.send_signal(signal.SIGSTOP)
    with sqlite3.connect(arena.data / "arena.db", timeout=10) as connection:
        connection.execute("UPDATE run SET heartbeat_at = '2020-01-01 00:00:00'")
    connection.close()
    assert "is being executed by" in arena("run", "--resume", "last", "--yes", code=2).sentence
    running.send_signal(signal.SIGCONT)
    _, err = running.communicate(timeout=60)
    assert running.returncode == 0, err
    rows = pd.read_csv(io.StringIO(arena("export", "last", "--out", "-").out))
    assert len(rows) == 20
    assert set(rows["failure_kind"].dropna()) <= {"stopped"}  # in flight while the process stood still


@pytest.mark.slow
def test_what_a_server_says_does_not_disturb_the_live_view(arena, tmp_path):
    """A terminal, and an error text that looks like markup."""

    async def bracketed(_request, writer):
        writer.write(response(b'{"error": {"message": "cannot open [/models/flux] [bold"}}', status="500 No"))

    with scripted(bracketed) as server:
        endpoints = arena.config / "endpoints.toml"
        endpoints.write_text(re.sub(r'base_url = "[^"]*"', f'base_url = "{server.url}"', endpoints.read_text()))
        command = shlex.join([ARENA, "run", arena.plan("slow"), "--yes"])
        done = subprocess.run(
            ["script", "-qec", command, "/dev/null"],
            env=arena.env, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert "[/models/flux]" in done.stdout
    assert "5/5" in done.stdout


def test_one_trial_is_shown_down_to_its_calls(arena):
    arena("run", arena.plan("quick"), "--yes")
    shown = arena.json("runs", "show", "last", "--trial", "0")
    (attempt,), (call,) = shown["attempts"], shown["calls"]
    assert attempt["status"] == "succeeded"
    assert call["purpose"] == "submit"
    assert call["http_status"] == 200
    assert call["request_sent_ns"] <= call["headers_ns"] <= call["first_byte_ns"] <= call["ended_ns"]
    assert "submit" in arena("runs", "show", "last", "--trial", "0").out


@pytest.mark.slow
def test_the_same_job_on_postgresql(arena, postgres_url):
    arena.env["ARENA_DATABASE_URL"] = new_postgres_database(postgres_url)
    shown = arena.json("run", arena.plan("quick", "pods", repetitions=2), "--yes")
    assert arena.json("runs", "show", "last")["endpoints"] == shown["endpoints"]
    assert [e["figures"]["success_rate"]["value"] for e in shown["endpoints"]] == [1, 1]
    rows = pd.read_csv(io.StringIO(arena("export", "last", "--out", "-").out))
    assert as_json(summarize(typed(rows.astype(object)))) == shown["endpoints"]
    assert "20 attempts: the database is sound" in arena("db", "check").out
    assert not (arena.data / "arena.db").exists()
