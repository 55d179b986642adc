"""Keys in the keyring: set without an argument, used by a run, gone again; and a machine that has no keyring."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.e2e.warm import ARENA

ROOT = Path(__file__).parents[2]
KEY = "canary-7f3a9c"


@pytest.fixture
def kept(arena, tmp_path):
    """The command with a keyring in a file; gives the file."""
    file = tmp_path / "keyring.json"
    arena.env |= {
        "PYTHON_KEYRING_BACKEND": "tests.harness.file_keyring.FileKeyring",
        "TEST_KEYRING": str(file),
        "PYTHONPATH": str(ROOT),
    }
    return file


def piped(arena, *words, text):
    return subprocess.run(
        [ARENA, *words], input=text, env=arena.env, cwd=arena.directory, capture_output=True, text=True, check=False,
        timeout=100,
    )  # fmt: skip


@pytest.mark.slow
def test_a_key_from_the_keyring_is_used_listed_and_removed(arena, kept):
    plan = arena.plan("keyed")
    assert "the key is missing" in arena("run", plan, "--yes", code=2).err
    done = piped(arena, "keys", "set", "TEST_API_KEY", text=f"{KEY}\n")
    assert done.returncode == 0, done.stderr
    assert "TEST_API_KEY is kept in a file for tests" in done.stderr
    assert json.loads(kept.read_text()) == {"arena/TEST_API_KEY": KEY}

    (listed,) = [row for row in arena.json("keys", "ls") if row["name"] == "TEST_API_KEY"]
    assert listed == {"name": "TEST_API_KEY", "endpoints": 1, "source": "keyring"}
    assert arena.json("run", plan, "--yes")["endpoints"][0]["figures"]["success_rate"]["value"] == 1
    assert next(r for r in arena.json("keys", "ls", TEST_API_KEY="x") if r["name"] == "TEST_API_KEY")["source"] == (
        "environment"
    )
    # Set, and set to nothing: that is how a key is put out of use for one command.
    assert "the key is missing" in arena("run", plan, "--yes", code=2, TEST_API_KEY="").err

    assert "is no longer in the keyring" in arena("keys", "rm", "TEST_API_KEY").err
    assert json.loads(kept.read_text()) == {}
    assert "is not in the keyring" in arena("keys", "rm", "TEST_API_KEY", code=2).sentence
    assert KEY not in done.stdout + done.stderr


def test_a_key_on_the_command_line_is_refused_and_not_repeated(arena, kept):
    for words in (["TEST_API_KEY", KEY], [KEY, "TEST_API_KEY"]):
        said = arena("keys", "set", *words, code=2)
        assert "a key is not given as an argument" in said.sentence
        assert KEY not in said.err
    for word in ("set", "rm"):
        said = arena("keys", word, KEY, code=2)
        assert "what was given is not the name of a key" in said.sentence
        assert KEY not in said.err
    assert not kept.exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("TEST_API_KEI", "k-1234", "there is no key 'TEST_API_KEI'; did you mean 'TEST_API_KEY'?"),
        ("TEST_API_KEY", "\n", "TEST_API_KEY: nothing was given"),
        ("TEST_API_KEY", "two words", "TEST_API_KEY: holds spaces"),
    ],
)
def test_what_is_no_key_is_not_kept(arena, kept, name, text, expected):
    done = piped(arena, "keys", "set", name, text=text)
    assert done.returncode == 2
    assert expected in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not kept.exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    "backend", ["keyring.backends.fail.Keyring", "keyring.backends.null.Keyring", "no.such.Backend", "locked"]
)
def test_a_machine_without_a_keyring_says_so_once_and_runs_all_the_same(arena, kept, backend):
    if backend == "locked":  # raises whatever it raises
        del arena.env["TEST_KEYRING"]
    else:
        arena.env["PYTHON_KEYRING_BACKEND"] = backend
    done = piped(arena, "keys", "set", "TEST_API_KEY", text=KEY)
    assert done.returncode == 2
    assert "no keyring that can be used" in done.stderr
    assert "set the environment variable TEST_API_KEY" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert KEY not in done.stderr
    assert "TEST_API_KEY" in arena("keys", "ls").out
    assert "the key is missing" in arena("run", arena.plan("keyed"), "--yes", code=2).sentence
    arena("run", arena.plan("keyed"), "--yes", TEST_API_KEY="k-1234")


def test_the_environment_comes_first_and_an_empty_variable_is_no_key():
    from harness.keys import Keys

    assert os.environ["PYTHON_KEYRING_BACKEND"] == "keyring.backends.null.Keyring"  # no test sees a developer's keys
    keys = Keys({"A_KEY": "a", "EMPTY": ""})
    assert dict(keys) == {"A_KEY": "a", "EMPTY": ""}
    assert (keys.source("A_KEY"), keys.source("EMPTY"), keys.source("NONE")) == ("environment", None, None)
    assert keys.get("", "nothing") == "nothing"
