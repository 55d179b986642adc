"""Every command that the README shows is executed, in its order, as a reader would."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from harness.sim.contender import load_contenders
from harness.sim.process import background
from tests.e2e import warm
from tests.e2e.warm import ARENA

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL) for line in block.strip().splitlines()]
SERVING = {
    "arena local serve --tiny": "serving at http://127.0.0.1:",
    "arena sim serve": "simulated providers at http://127.0.0.1:",
    "arena app": "You can now view your Streamlit app",
}
MADE = {"make demo": "test_make_demo_on_a_fresh_copy", "make test": ".ci/run"}
OVER_A_SIMULATOR = """
[[endpoint]]
id = "lumenfall/flux.2-klein-{size}"
provider = "lumenfall"
protocol = "openai"
model = "sim-{name}"
base_url = "{url}/{name}/v1"
key_env = "LUMENFALL_API_KEY"
simulated = true
"""


def test_the_readme_shows_commands_of_known_kinds_only():
    for command in COMMANDS:
        assert command.startswith(("arena ", "export ")) or command in MADE, command
    assert "make test" in (ROOT / ".ci" / "run").read_text()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_commands_of_the_readme_work_in_their_order(tmp_path):
    with background(load_contenders()) as url:
        config = tmp_path / "config"
        config.mkdir()
        both = [("4b", "swift"), ("9b", "steady")]
        (config / "endpoints.toml").write_text(
            "".join(OVER_A_SIMULATOR.format(size=s, name=n, url=url) for s, n in both)
        )
        environment = {**os.environ, "ARENA_CONFIG_DIR": str(config), "ARENA_DATA_DIR": str(tmp_path / "data")}
        for command in COMMANDS:
            if command.startswith("export "):
                name, _, value = command.removeprefix("export ").partition("=")
                environment[name] = value.replace("…", "a-key")
            elif command in SERVING:
                serve(command, SERVING[command], tmp_path, environment)
            elif command not in MADE:
                out, err = run(command, tmp_path, environment)
                assert out or re.search(r"\d+ (rows written|files written|votes read)|written to", err)
    assert (tmp_path / "first.parquet").is_file()
    assert len((tmp_path / "all.csv").read_text().splitlines()) == 1 + 84


def run(command, directory, environment):
    told = directory / "told"
    ended = warm.run(tuple(shlex.split(command)[1:]), directory, environment, told, timeout_s=200)
    out, err = (told.with_suffix(f".{kind}").read_text() for kind in ("out", "err"))
    assert ended == 0, f"{command}\n{out}\n{err}"
    return out, err


def serve(command, expected, directory, environment):
    """Start a server, wait for the line that says it is up, interrupt it, and see it end in order."""
    words = [ARENA, *command.split()[1:], *(["--headless", "--port", "8599"] if "app" in command else ["--port", "0"])]
    process = subprocess.Popen(
        words, cwd=directory, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip
    printed = []
    for line in process.stdout:
        printed.append(line)
        if expected in line:
            break
    else:
        raise AssertionError(f"{command} ended early:\n{''.join(printed)}")
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 0, command


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_make_demo_on_a_fresh_copy(tmp_path):
    """Only Python and make: installs, measures, shows; the second call does neither again."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tmp_path / name)
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("ARENA_", "VIRTUAL_ENV", "MAKE"))}

    def demo():
        return subprocess.run(
            ["make", "demo", "LOCAL=0"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )

    first = demo()
    assert first.returncode == 0, first.stderr[-3000:]
    for name in ("steady", "swift", "atelier", "flaky", "crawler", "cogwheel", "bargain"):
        assert f"sim/{name}" in first.stdout
    assert "cheapest: sim/bargain" in first.stdout
    assert "arena app" in first.stderr
    assert not list((tmp_path / ".venv").glob("lib/*/site-packages/torch"))
    second = demo()
    assert second.returncode == 0
    assert "pip install" not in second.stdout
    assert "which is finished; `arena demo --again` measures again" in second.stderr
    listed = subprocess.run(
        [tmp_path / ".venv/bin/arena", "runs", "ls", "--json"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        check=True,
    )
    assert len(json.loads(listed.stdout)) == 1
