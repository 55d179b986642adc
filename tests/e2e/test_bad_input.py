"""What a mistake gets: one sentence that says what to change and where, exit code 2, nothing fired, nothing written."""

import sqlite3
import subprocess
import sys

import pytest

from tests.e2e.conftest import plan_text

GOOD = plan_text("quick")


@pytest.mark.parametrize(
    ("text", "arguments", "expected"),
    [
        (plan_text("quik"), [], "endpoints: there is no endpoint 't/quik'; did you mean 't/quick'?"),
        (
            GOOD.replace("repetitions", "repititions"),
            [],
            "there is no field `repititions`; did you mean 'repetitions'?",
        ),
        (GOOD.replace('"64x64"', '"4096x64"'), [], "endpoint t/quick makes sides from 64 to 2048 px, not 4096x64"),
        (GOOD.replace('"64x64"', '"big"'), [], "`request.size`: a size is written WIDTHxHEIGHT in pixels"),
        (GOOD.replace('"core"', '"cores"'), [], "prompts.sets: there is no prompt set 'cores'; did you mean 'core'?"),
        (plan_text("quick", prompts={"sets": ["core"], "tags": ["none"]}), [], "prompts selects no prompt at all"),
        (plan_text("quick", "quick"), [], "`endpoints` names t/quick twice"),
        (plan_text("keyed"), [], "t/keyed: the key is missing; set the environment variable TEST_API_KEY"),
        (GOOD, ["--budget", "0.009"], "--budget $0.0090 is below the cost of one call at t/quick, which is $0.0100"),
        (GOOD, ["--budget", "inf"], "--budget inf is no amount that can be kept to"),
        (
            GOOD.replace("repetitions = 1", "repetitions = 1\nseed = -1"),
            [],
            "`seed`: Input should be greater than or equal to 0",
        ),
        (GOOD, ["--only", "t/slwo"], "--only: there is no endpoint 't/slwo'; did you mean 't/slow'?"),
        (GOOD + "\nx = ", [], "is not valid TOML"),
    ],
)
def test_a_mistake_in_a_plan_is_one_sentence(arena, text, arguments, expected):
    path = arena.config / "plans" / "mine.toml"
    path.write_text(text)
    said = arena("run", str(path), "--yes", *arguments, code=2)
    assert expected in said.sentence
    assert not arena.data.exists()


def test_a_plan_that_is_not_there_suggests_one_that_is(arena):
    said = arena("run", "dmeo", "--yes", code=2)
    assert said.sentence == "plan: there is no plan (file or name) 'dmeo'; did you mean 'demo'?"


def test_a_protocol_that_is_not_there_suggests_one_that_is(arena):
    endpoints = arena.config / "endpoints.toml"
    endpoints.write_text(endpoints.read_text().replace('protocol = "openai"', 'protocol = "opnai"', 1))
    said = arena("run", arena.plan("quick"), "--yes", code=2)
    meant = "endpoint t/quick: protocol: there is no protocol 'opnai'; did you mean 'openai'?"
    assert said.sentence == f"{endpoints}: {meant}"


def test_without_a_terminal_nothing_is_fired_unless_told(arena):
    said = arena("run", arena.plan("quick"), code=2)
    assert said.err.strip().endswith("there is no terminal to ask on; add --yes to go ahead")
    assert not arena.data.exists()


def test_run_needs_a_plan_or_a_run_to_resume(arena):
    assert "give either a PLAN or --resume RUN" in arena("run", code=2).sentence


def test_resuming_takes_the_run_as_it_was_planned(arena):
    arena("run", arena.plan("quick"), "--yes", "--budget", "0.02", code=3)
    for option in (["--only", "t/quick"], ["--repeat", "2"]):
        assert "--only and --repeat are for new runs" in arena("run", "--resume", "last", *option, code=2).sentence


def test_what_an_export_cannot_do_is_said_before_anything_is_written(arena):
    arena("run", arena.plan("quick"), "--yes")
    for words, sentence in [
        (["--table", "votes", "last"], "--table votes takes no RUN"),
        (["--table", "all", "--out", "-"], "--table all needs --out DIRECTORY"),
        (["--window", "3 years"], "--window '3 years': write a number of hours, days or weeks"),
        (["--window", "3d", "--from", "2026-01-01"], "--window goes with neither --from nor --to"),
        (["--from", "2026-02-01", "--to", "2026-01-01"], "is not before --to"),
        (["--to", "soon"], "--to 'soon': write a day such as 2026-11-21"),
        (["--endpoint", "t/quik"], "did you mean 't/quick'?"),
        (["--table", "runs", "--since-last", "x"], "--table runs is small and always written whole"),
        (["--table", "summary", "--window", "3d"], "--table summary takes no window"),
        (["last", "--run", "last"], "the run is named twice"),
        (["--table", "prompts", "--by-day", "--out", "x"], "--table prompts has no days"),
        (["--table", "outcomes", "--by-day", "--out", "-"], "--by-day needs --out DIRECTORY"),
        (["card", "--by-day"], "a data card and a publication are of everything"),
    ]:
        assert sentence in arena("export", *words, code=2).sentence
    assert not (arena.data / "exports").exists()
    arena("export", "--out", "x.csv")
    assert "x.csv is there already; add --force" in arena("export", "--out", "x.csv", code=2).sentence
    arena("export", "--out", "x.csv", "--force")


@pytest.mark.parametrize("command", [["runs", "ls"], ["runs", "show", "last"], ["export"], ["db", "check"]])
def test_reading_where_nothing_was_measured_names_the_command_that_measures(arena, command):
    assert "`arena run PLAN` makes one" in arena(*command, code=2).sentence
    assert not arena.data.exists()


def test_a_run_that_is_not_there_is_said(arena):
    arena("run", arena.plan("quick"), "--yes")
    assert "there is no run 'nope'" in arena("runs", "show", "nope", code=2).sentence
    assert "has no attempt of trial 99" in arena("runs", "show", "last", "--trial", "99", code=2).sentence


def test_a_newer_database_is_left_alone(arena):
    arena("db", "upgrade")
    with sqlite3.connect(arena.data / "arena.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    for command in (["run", arena.plan("quick"), "--yes"], ["runs", "ls"], ["db", "upgrade"], ["export"]):
        assert "is from a newer version; upgrade provider-arena" in arena(*command, code=2).err


def test_a_directory_that_cannot_be_written_is_said(arena):
    (arena.directory / "file").write_text("in the way")
    said = arena("run", arena.plan("quick"), "--yes", code=2, ARENA_DATA_DIR=str(arena.directory / "file" / "data"))
    assert "cannot be written; change its permissions or set ARENA_DATA_DIR" in said.err


def test_a_duplicate_prompt_id_is_said(arena):
    prompt = '[[prompts]]\nid = "one"\ntext = "a cube"\ncategory = "c"\nclip_tokens = 2\n'
    path = arena.config / "own.toml"
    path.write_text('name = "own"\ntitle = "Own"\nlicence = "CC0-1.0"\n' + prompt * 2)
    assert "own.toml: the prompt id 'one' is used twice" in arena("prompts", "lint", str(path), code=2).sentence
    path.write_text('name = "own"\ntitle = "Own"\nlicence = "CC0-1.0"\n')
    assert "own.toml: the prompt set is empty" in arena("prompts", "lint", str(path), code=2).sentence


def test_a_bad_setting_names_its_variable(arena):
    said = arena("providers", "ls", code=2, ARENA_CONFIG_DIR="/no/such/place")
    assert said.sentence == "ARENA_CONFIG_DIR: /no/such/place is no directory"


def test_a_traceback_is_shown_only_when_asked_for(arena):
    assert "Traceback" not in arena("run", "nope", code=2).err
    assert "Traceback" in arena("--debug", "run", "nope", code=1).err


def test_a_key_is_in_no_output_row_or_file(arena):
    key = "canary-key-4711"
    shown = arena("run", arena.plan("keyed"), "--yes", "--json", TEST_API_KEY=key)
    debug = arena("--debug", "runs", "show", "last", "--trial", "0", TEST_API_KEY=key)
    listed = arena("providers", "ls", TEST_API_KEY=key)
    assert "TEST_API_KEY (set)" in listed.out
    arena("export", "last", "--out", "all.csv")
    written = b"".join(p.read_bytes() for p in arena.directory.rglob("*") if p.is_file())
    printed = "".join(s.out + s.err for s in (shown, debug, listed))
    assert key not in printed
    assert key.encode() not in written


@pytest.mark.parametrize(
    "module",
    [
        "pandas",
        "torch",
        "streamlit",
        "numpy",
        "sqlalchemy",
        "httpx",
        "jinja2",
        "prometheus_client",
        "opentelemetry",
        "pydantic",
    ],
)
def test_help_imports_nothing_heavy(module):
    code = (
        "import sys\nsys.argv = ['arena', '--help']\nfrom harness.cli import main\n"
        f"try:\n    main()\nfinally:\n    print({module!r} in sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip().splitlines()[-1] == "False"


def test_the_app_does_not_start_with_a_setting_that_it_cannot_use(arena):
    assert arena("app", "--headless", code=2, ARENA_BLIND="perhaps").sentence.startswith("ARENA_BLIND: ")
