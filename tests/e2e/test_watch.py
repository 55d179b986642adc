"""`arena watch` over a stored history: what it lists, tells and refuses, and the check that a run makes at its end."""

import json
import re
import shlex
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from arena.settings import Settings
from arena.store.engine import open_database
from tests.servers import answering, response, scripted
from tests.watch_history import Day, write_days

ROOT = Path(__file__).parents[2]
DOCS = (ROOT / "docs" / "watch.md").read_text()
FILE_ONLY = '[[channel]]\nkind = "file"\nname = "log"\npath = "alerts.jsonl"\n'


@pytest.fixture
def slower(arena):
    """Five weeks up to yesterday, in the last three days of which lab/one took 40 % longer."""
    database = open_database(Settings(data_dir=arena.data), create=True)
    first = datetime.now(UTC).replace(hour=1) - timedelta(days=35)
    write_days(database, first, 35, lambda i: Day(slower={"lab/one": 0.4}) if i >= 32 else None, trials=30)
    database.close()
    return arena


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.mark.slow
def test_open_incidents_are_listed_with_their_evidence_and_telling_is_idempotent(slower):
    (slower.config / "watch.toml").write_text('figures = ["p50", "success"]\n' + FILE_ONLY)
    listed = slower("watch").out
    assert "lab/one (simulated)" in listed
    assert "next: arena providers table --window " in listed
    assert "4 figures watched: 3 quiet, 1 changed, 0 still learning" in listed
    shown = slower.json("watch", "ls")
    (incident,) = shown["incidents"]
    assert (incident["figure"], incident["state"], incident["direction"]) == ("p50", "open", "worse")
    assert 0.2 < incident["change_low"] < incident["change"] < incident["change_high"] < 0.6
    assert {s["state"] for s in shown["watched"]} == {"quiet", "changed"}
    slower(*shlex.split(incident["command"])[1:])
    told = slower("metrics", "write", "--out", "-").out
    assert 'arena_open_incidents{endpoint="lab/one",simulated="true"} 1.0' in told
    assert 'arena_open_incidents{endpoint="lab/two",simulated="true"} 0.0' in told
    assert "told: lab/one (simulated): time to image p50 +" in slower("watch", "check", "--exit-code", code=3).out
    assert "nothing new to tell" in slower("watch", "check").out
    (message,) = lines(slower.config / "alerts.jsonl")
    assert message["events"][0]["incident"]["endpoint"] == "lab/one"


@pytest.mark.slow
def test_a_run_looks_at_its_end_and_a_channel_that_is_down_fails_no_run(slower):
    slower("run", slower.plan("quick"), "--yes")
    assert not (slower.config / "alerts.jsonl").exists()
    hook = '[[channel]]\nkind = "webhook"\nname = "hook"\nurl = "http://127.0.0.1:9/"\n'
    (slower.config / "watch.toml").write_text('figures = ["p50"]\n' + FILE_ONLY + hook)
    said = slower("run", slower.plan("quick"), "--yes").err
    assert "watch: lab/one (simulated): time to image p50 +" in said
    assert "watch: channel hook: not taken (ConnectError); it is tried again at the next check" in said
    assert len(lines(slower.config / "alerts.jsonl")) == 1
    with scripted(answering(response(b""))) as server:
        text = (slower.config / "watch.toml").read_text().replace("http://127.0.0.1:9/", server.url)
        (slower.config / "watch.toml").write_text(text)
        assert "watch: lab/one" in slower("run", slower.plan("quick"), "--yes").err
        assert "watch:" not in slower("run", slower.plan("quick"), "--yes").err
        assert len(server.requests) == 1
    (slower.config / "watch.toml").write_text("figures = 3")
    assert "watch: " in slower("run", slower.plan("quick"), "--yes").err


def test_the_pattern_of_an_endpoint_that_nobody_knows_is_said(slower):
    (slower.config / "watch.toml").write_text('endpoints = ["lab/*", "lab/onne"]\n' + FILE_ONLY)
    for command in ("ls", "check"):
        said = slower("watch", command).err
        assert "watch.toml: `endpoints`: 'lab/onne' fits no endpoint that is watched" in said
        assert "'lab/*'" not in said


def test_a_test_message_goes_to_every_channel_and_says_which_did_not_take_it(arena):
    with scripted(answering(response(b""))) as server:
        chat = '[[channel]]\nkind = "slack"\nname = "chat"\nurl_env = "CHAT_URL"\n'
        (arena.config / "watch.toml").write_text(FILE_ONLY + chat)
        assert "chat (slack): taken" in arena("watch", "test", CHAT_URL=server.url).out
        assert server.requests[0].json["text"] == "Arena watch: a test"
        refused = arena("watch", "test", code=4)
    assert "log (file): taken" in refused.out
    assert "arena: channel chat: set the environment variable CHAT_URL" in refused.err


def test_what_cannot_be_done_is_one_sentence(arena):
    assert "there is no database" in arena("watch", code=2).sentence
    assert "there is no watch.toml" in arena("watch", "check", code=2).sentence
    assert "cannot be read" in arena("watch", "test", "--config", "nowhere.toml", code=2).sentence
    before = arena("watch", "--config", "mine.toml", "check", code=2).sentence
    assert before == "--config stands before `check`; put it behind: arena watch check --config"
    assert "put it behind: arena watch ls --all" in arena("watch", "--all", "ls", code=2).sentence
    open_database(Settings(data_dir=arena.data), create=True).close()
    assert "nothing is watched yet" in arena("watch").out
    (arena.config / "watch.toml").write_text("endpoint = ['a']")
    assert "did you mean 'endpoints'?" in arena("watch", code=2).sentence


@pytest.mark.slow
def test_the_page_about_it_shows_a_file_that_can_be_used_and_commands_that_run(slower):
    (block,) = re.findall(r"```toml\n(.*?)```", DOCS, re.DOTALL)
    (slower.config / "watch.toml").write_text(block)
    assert len(slower.json("watch", "ls")["watched"]) == 8
    (slower.config / "watch.toml").write_text(FILE_ONLY)
    commands = [line for part in re.findall(r"```sh\n(.*?)```", DOCS, re.DOTALL) for line in part.strip().splitlines()]
    assert len(commands) >= 4
    for command in commands:
        words = shlex.split(command)
        assert words[0] == "arena"
        slower(*words[1:], code=3 if "--exit-code" in words else 0)
