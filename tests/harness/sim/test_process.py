"""The simulator as a process: it starts, ends with its block, with its parent and at a signal."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from arena.errors import ConfigError
from harness.sim.contender import load_contenders
from harness.sim.process import background
from harness.sim.server import serve

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]


def answers(url: str) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(url, trust_env=False).status_code == 200
    return False


def run(code: str) -> subprocess.Popen[str]:
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env
    )


def test_it_ends_with_its_block():
    with background(load_contenders()) as url:
        assert answers(url)
    assert not answers(url)


def test_it_ends_with_its_parent():
    code = (
        "import time; from harness.sim.process import background\n"
        "from harness.sim.contender import load_contenders\n"
        "with background(load_contenders()) as url: print(url, flush=True); time.sleep(60)"
    )
    with run(code) as parent:
        url = parent.stdout.readline().strip()
        assert answers(url)
        parent.kill()
    while answers(url):
        time.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_cleanly(number):
    code = (
        "from harness.sim.contender import load_contenders; from harness.sim.server import serve\n"
        "serve('127.0.0.1', 0, load_contenders(), on_ready=lambda url: print(url, flush=True))"
    )
    with run(code) as process:
        assert answers(process.stdout.readline().strip())
        process.send_signal(number)
        _, complaints = process.communicate(timeout=20)
    assert (process.returncode, complaints) == (0, "")


def test_a_taken_port_gives_a_sentence():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"127.0.0.1:{port}: cannot be listened on"):
            serve("127.0.0.1", port, load_contenders(), on_ready=print)
