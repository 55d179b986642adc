"""Schedules from the outside: processes, a real database, simulated providers over real sockets."""

import json
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import pytest

from harness.schedules.scoring import end_when, score
from tests.collector import receiving, values
from tests.e2e.test_readme import OVER_A_SIMULATOR
from tests.e2e.test_run import requests_seen, wait_for_outcomes
from tests.postgres import new_postgres_database

EVERY_MINUTE = {"cron": "* * * * *", "timezone": "Europe/Berlin"}


@pytest.fixture
def scheduled(arena):
    """Writes a schedule of the plan that `arena.plan` has written."""

    def write(name="often", **fields):
        directory = arena.config / "schedules"
        directory.mkdir(exist_ok=True)
        given = {"name": name, "plan": "mine", **EVERY_MINUTE, **fields}
        path = directory / f"{name}.toml"
        path.write_text("\n".join(f"{key} = {json.dumps(value)}" for key, value in given.items()))
        return path

    return write


def make_due(arena):
    """The schedule was last looked at three minutes ago."""
    then = f"{datetime.now(UTC) - timedelta(minutes=3):%Y-%m-%d %H:%M:%S.%f}"
    with sqlite3.connect(arena.data / "arena.db", timeout=10) as connection:
        connection.execute("UPDATE schedule SET settled_until = ?", (then,))
    connection.close()


def became(arena, status):
    return [row for row in arena.json("schedule", "history") if row["status"] == status]


def test_a_schedule_that_was_renamed_is_said_to_run_no_more(arena, scheduled):
    arena.plan("quick")
    file = scheduled()
    arena("schedule", "run-due")
    assert "is in no file any more" not in arena("schedule", "ls").err
    file.unlink()
    scheduled("other")
    assert "often: is in no file any more and does not run" in arena("schedule", "ls").err


def test_two_calls_at_once_fire_one_run(arena, scheduled, sim_url):
    arena.plan("slow")
    scheduled()
    assert "nothing to run; the next slot is due at" in arena("schedule", "run-due").out
    make_due(arena)
    before = requests_seen(sim_url, "slow")
    both = [arena.start("schedule", "run-due") for _ in range(2)]
    said = [process.communicate(timeout=100) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    done = became(arena, "done")
    # A minute may have passed since: then its slot ran, too, after the first one.
    assert requests_seen(sim_url, "slow") - before == 5 * len(done)
    assert len(done) in {1, 2}
    assert len({row["slot"] for row in done}) == len(done) == len(arena.json("runs", "ls"))
    assert all(row["reason"] == "overlap" for row in became(arena, "missed"))


def test_a_scheduled_run_ends_with_the_watch_whose_troubles_do_not_fail_it(arena, scheduled):
    arena.plan("quick")
    scheduled()
    arena("schedule", "run-due")
    make_due(arena)
    (arena.config / "watch.toml").write_text("false_alarms_a_yer = 1\n")
    done = arena("schedule", "run-due")
    assert "watch.toml" in done.err
    assert became(arena, "done")


def test_a_scheduled_run_goes_to_the_collector_like_any_other(arena, scheduled):
    arena.plan("quick")
    scheduled()
    arena("schedule", "run-due")
    make_due(arena)
    with receiving() as collector:
        arena("schedule", "run-due", ARENA_OTEL_ENDPOINT=collector.url)
    (row,) = became(arena, "done")
    trials = [span for span in collector.spans if not span.parent_span_id]
    assert {values(span.attributes)["arena.run.id"] for span in trials} == {row["run"]}


@pytest.mark.timeout(300)  # torch reads gigabytes, if nobody has lately
def test_a_scheduled_run_is_scored_and_what_cannot_be_scored_fails_nothing(arena, scheduled, tmp_path):
    arena.plan("quick")
    scheduled(score=["nois"])
    assert "`score`: there is no metric 'nois'; did you mean 'noise'?" in arena("schedule", "ls", code=2).sentence
    scheduled(score=["noise"])
    scheduled("wanting", score=["noise", "clip_score"])
    arena("schedule", "run-due")
    make_due(arena)
    done = arena("schedule", "run-due", HF_HUB_CACHE=str(tmp_path / "empty"))
    runs = {row["schedule"]: row["run"] for row in became(arena, "done")}
    assert f"run {runs['often']}: 5 scores of 5 images" in done.err
    assert f"run {runs['wanting']} is not scored: " in done.err
    assert "hf download" in done.err
    shown = arena.json("score", "show", runs["often"])
    assert {scored["metric"] for scored in shown["scores"]} == {"noise"}


async def test_what_cannot_be_scored_is_said_and_raises_nothing():
    said = await score("r1", ["nois"], lambda: False)
    assert said.startswith("run r1 is not scored: --metric: there is no metric 'nois'")


async def test_scoring_ends_when_the_scheduler_is_stopped():
    said = await score("r1", ["noise"], lambda: True)
    assert said == "run r1 is not scored: the scheduler was stopped; `arena score r1` goes on with it"


async def test_a_stop_just_as_scoring_has_ended_fails_no_run():
    async with await anyio.open_process([sys.executable, "-c", ""]) as process:
        await process.wait()
        await end_when(lambda: True, process)
    assert process.returncode == 0


@pytest.mark.slow
def test_two_calls_at_once_fire_one_run_on_postgresql(arena, scheduled, sim_url, postgres_url):
    import sqlalchemy as sa

    arena.env["ARENA_DATABASE_URL"] = url = new_postgres_database(postgres_url)
    arena.plan("quick")
    scheduled()
    arena("schedule", "run-due")
    engine = sa.create_engine(sa.make_url(url).set(drivername="postgresql+psycopg"))
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE schedule SET settled_until = now() - interval '3 minutes'"))
    engine.dispose()
    before = requests_seen(sim_url, "quick")
    many = [arena.start("schedule", "run-due") for _ in range(4)]
    said = [process.communicate(timeout=100) for process in many]
    assert [process.returncode for process in many] == [0] * 4, said
    done = became(arena, "done")
    assert requests_seen(sim_url, "quick") - before == 5 * len(done)
    assert len(done) in {1, 2}
    assert arena.json("schedule", "ls", "often")[0]["month_spent_usd"] == pytest.approx(0.05 * len(done))


@pytest.mark.slow
def test_sigterm_ends_the_scheduler_in_order_and_the_run_is_resumed_once(arena, scheduled, sim_url):
    arena.plan("slow", repetitions=4)
    scheduled(run_budget_usd=1, month_budget_usd=5)
    arena("schedule", "run-due")
    make_due(arena)
    before = requests_seen(sim_url, "slow")
    serving = arena.start("schedule", "serve")
    wait_for_outcomes(arena, 4)
    serving.send_signal(signal.SIGTERM)
    out, err = serving.communicate(timeout=60)
    assert serving.returncode == 0, err
    assert out == ""
    lines = err.strip().splitlines()
    assert lines[0] == "1 schedules are served: often"
    assert any(re.search(r"Z begins often slot 20\S+: run \S+, 20 calls, at most \$1.00", line) for line in lines)
    assert any("Z ended often slot" in line and "interrupted" in line for line in lines)
    assert "ended; what was cut short is resumed by the next" in lines[-1]
    (cut_short,) = became(arena, "interrupted")

    arena("schedule", "run-due")
    row = next(r for r in arena.json("schedule", "history") if r["slot"] == cut_short["slot"])
    assert (row["status"], row["run"], row["executions"]) == ("done", cut_short["run"], 2)
    done = became(arena, "done")
    assert requests_seen(sim_url, "slow") - before == 20 * len(done)
    assert row["spent_usd"] == pytest.approx(0.2)


@pytest.mark.slow
def test_a_killed_scheduler_leaves_a_slot_that_the_next_one_takes_over(arena, scheduled, sim_url):
    arena.plan("slow", repetitions=4)
    scheduled()
    arena("schedule", "run-due")
    make_due(arena)
    before = requests_seen(sim_url, "slow")
    serving = arena.start("schedule", "serve")
    wait_for_outcomes(arena, 4)
    serving.kill()
    serving.communicate(timeout=60)
    said = arena("schedule", "run-due")
    assert "in flight when it was cut off and stay unknown" in said.err
    (first,) = [row for row in became(arena, "done") if row["executions"] == 2]
    shown = arena.json("runs", "show", first["run"])
    assert shown["run"]["status"] == "finished"
    done = became(arena, "done")
    assert requests_seen(sim_url, "slow") - before <= 20 * len(done)


def test_a_bad_schedule_is_refused_before_anything(arena, scheduled):
    arena.plan("quick")
    scheduled(cron="0 25 * * *")
    for command in ("serve", "run-due", "ls", "next", "check"):
        assert (
            "often.toml: `cron`: '0 25 * * *': the hour '25' cannot be used"
            in arena("schedule", command, code=2).sentence
        )
    assert not arena.data.exists()


def test_a_missing_key_keeps_the_scheduler_from_starting(arena, scheduled):
    arena.plan("keyed")
    scheduled()
    assert "TEST_API_KEY" in arena("schedule", "serve", code=2).sentence
    assert "TEST_API_KEY" in arena("schedule", "check", code=2).sentence
    assert not arena.data.exists()


def test_a_slot_that_cannot_be_used_sets_the_exit_code(arena, scheduled):
    arena.plan("keyed")
    scheduled()
    arena("schedule", "run-due")
    make_due(arena)
    assert "unusable" in arena("schedule", "run-due", code=2).err
    assert became(arena, "missed")[0]["reason"] in {"unusable", "overlap"}


def test_schedules_are_listed_with_what_comes_and_what_was(arena, scheduled):
    arena.plan("quick")
    scheduled(month_budget_usd=3)
    scheduled("weekly", cron="0 9 * * mon", timezone="America/New_York")
    assert "there is no database" in arena("schedule", "history", code=2).sentence
    rows = {row["schedule"]: row for row in arena.json("schedule", "ls")}
    assert set(rows) == {"demo-daily", "often", "weekly"}
    assert rows["demo-daily"]["next_due"] is None
    assert not arena.data.exists(), "who lists makes no database"
    coming = arena.json("schedule", "next", "weekly", "--count", "2")
    assert [row["slot"][10:16] for row in coming] == ["T09:00"] * 2
    assert "did you mean 'weekly'" in arena("schedule", "next", "weekli", code=2).sentence
    assert "5 calls a run, at most $0.0500" in arena("schedule", "check").out

    arena("schedule", "run-due")
    assert "no slot has passed" in arena("schedule", "history").err
    make_due(arena)
    events = arena.json("schedule", "run-due")
    assert {"begins", "ended"} <= {event["kind"] for event in events}
    listed = arena("schedule", "ls").out
    assert re.search(r"often .* \$0\.0500 of \$3\.00 .* done", listed)
    assert "later slot" in arena("schedule", "history").out
    assert "there is no schedule 'oftn'; did you mean 'often'" in arena("schedule", "history", "oftn", code=2).sentence


def test_a_schedule_that_is_off_is_not_run_and_says_so(arena, scheduled):
    arena.plan("quick")
    path = scheduled(enabled=False)
    assert f"{path}: the schedule is switched off" in arena("schedule", "run-due", "often").out
    assert "no schedule is switched on" in arena("schedule", "run-due").out
    assert "is switched off; set `enabled = true`" in arena("schedule", "serve", "often", code=2).sentence
    assert not arena.data.exists()


@pytest.mark.slow
def test_a_schedule_that_is_changed_while_it_is_served(arena, scheduled):
    arena.plan("quick")
    path = scheduled(cron="0 0 1 1 *")
    serving = arena.start("schedule", "serve")
    lines = []
    reader = threading.Thread(target=lambda: lines.extend(serving.stderr), daemon=True)
    reader.start()
    wait_for(lambda: any("seen often" in line for line in lines))
    path.write_text(path.read_text().replace("0 0 1 1 *", "0 0 1 1 * *"))
    wait_for(lambda: any("the schedules stay as they were" in line for line in lines))
    path.write_text(path.read_text().replace("0 0 1 1 * *", "0 0 2 2 *"))
    wait_for(lambda: any("changed; its slots count from now" in line for line in lines))
    serving.send_signal(signal.SIGTERM)
    assert serving.wait(timeout=60) == 0
    reader.join(timeout=10)
    serving.stdout.close()
    serving.stderr.close()


def wait_for(condition):
    deadline = time.monotonic() + 100
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.1)


def test_units_are_whole_and_hold_no_key(arena, scheduled, tmp_path):
    arena.plan("keyed")
    scheduled()
    printed = arena("schedule", "units", TEST_API_KEY="canary-key").out
    assert "canary-key" not in printed
    assert "TEST_API_KEY: ${{ secrets.TEST_API_KEY }}" in printed
    files = re.findall(r"^# (/etc/systemd/system/\S+)\n(.*?)(?=^# (?:/etc|systemctl|crontab))", printed, re.M | re.S)
    names = [name.rsplit("/", 1)[1] for name, _ in files]
    assert names == ["arena-schedule.service", "arena-schedule.timer", "arena-scheduler.service"]
    assert f"ARENA_CONFIG_DIR={arena.config}" in files[0][1]
    line = next(line for line in printed.splitlines() if line.startswith("*/5 "))
    # What cron would hand to the shell does what it says.
    command = line.removeprefix("*/5 * * * * ").replace("\\%", "%")
    (tmp_path / "arena.env").write_text("TEST_API_KEY=from-the-file\n")
    done = subprocess.run(["sh", "-c", command], cwd="/", env={"PATH": "/usr/bin:/bin"}, check=False, timeout=60)
    assert done.returncode == 0, (tmp_path / "arena-schedule.log").read_text()
    assert "seen often: seen for the first time" in (tmp_path / "arena-schedule.log").read_text()
    if shutil.which("systemd-analyze"):
        for name, text in zip(names, (t for _, t in files), strict=True):
            (tmp_path / name).write_text(text)
        checked = subprocess.run(
            ["systemd-analyze", "verify", *(str(tmp_path / n) for n in names)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        complaints = [c for c in checked.stderr.splitlines() if "arena-schedule" in c]
        assert complaints == [], checked.stderr
    assert "did you mean 'systemd'" in arena("schedule", "units", "--kind", "systemmd", code=2).sentence


def test_the_commands_and_the_file_of_the_documentation_work(arena, sim_url):
    text = (Path(__file__).parents[2] / "docs" / "schedules.md").read_text()
    directory = arena.config / "schedules"
    directory.mkdir()
    (directory / "nightly.toml").write_text(re.search(r"```toml\n(.*?)```", text, re.DOTALL)[1])
    with (arena.config / "endpoints.toml").open("a") as endpoints:
        for size in ("4b", "9b"):
            endpoints.write(OVER_A_SIMULATOR.format(size=size, name="quick", url=sim_url))
    commands = re.search(r"```sh\n(.*?)```", text, re.DOTALL)[1].strip().splitlines()
    assert len(commands) == 6
    for command in commands:
        said = arena(*command.split()[1:], LUMENFALL_API_KEY="a-key")
        assert said.out or said.err
    assert arena.json("schedule", "ls", "nightly")[0]["next_due"] is not None
