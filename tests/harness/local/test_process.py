"""The server in a process of its own: how it starts, fails and ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time

import httpx
import pytest

from arena.errors import ArenaError, ConfigError
from harness.local.process import background
from harness.local.server import serve
from harness.local.settings import LocalSettings

pytestmark = pytest.mark.slow

SERVER = [sys.executable, "-m", "harness.local.process"]


def is_gone(base_url: str, within_s: float) -> bool:
    deadline_s = time.monotonic() + within_s
    while time.monotonic() < deadline_s:
        try:
            httpx.get(f"{base_url}/models", timeout=5)
        except httpx.TransportError:
            return True
        time.sleep(0.1)
    return False


def test_a_port_in_use_is_said_before_anything_is_loaded():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"127.0.0.1:{port} cannot be served on"):
            serve("127.0.0.1", port, LocalSettings(tiny=True), on_ready=lambda _url: None)


def test_a_server_that_is_not_ready_in_time_is_ended():
    with (
        pytest.raises(ArenaError, match="not ready after 0 s"),
        background(LocalSettings(tiny=True), deadline_s=0.05),
    ):
        pass


def test_what_a_server_that_cannot_start_said_last_is_the_error(tmp_path, monkeypatch):
    (tmp_path / "torch.py").write_text("raise ImportError('no torch here')", encoding="utf-8")
    (tmp_path / "diffusers.py").write_text("", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(ArenaError) as refused, background(LocalSettings(tiny=True)):
        pass
    assert str(refused.value) == (
        "local generation needs current versions of torch, diffusers, transformers and accelerate "
        "(no torch here); install them with: pip install -U 'provider-arena[gpu]'"
    )


@pytest.mark.slow
def test_a_signal_ends_it_cleanly_while_it_serves():
    arguments = [*SERVER, LocalSettings(tiny=True).model_dump_json()]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(arguments, **pipes, text=True) as process:
        base_url = process.stdout.readline().removeprefix("ready ").strip()
        assert httpx.get(f"{base_url}/models").status_code == 200
        process.send_signal(signal.SIGTERM)
        said = process.communicate(timeout=30)[1].splitlines()
        assert (process.returncode, said[-1]) == (0, "stopped")


def test_a_signal_ends_it_cleanly_while_it_loads(tmp_path):
    (tmp_path / "diffusers.py").write_text(
        "import sys, time\nprint('loading', file=sys.stderr, flush=True)\ntime.sleep(60)", encoding="utf-8"
    )
    arguments = [*SERVER, LocalSettings(tiny=True).model_dump_json()]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *filter(None, sys.path)])}
    pipes = {"stdin": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(arguments, **pipes, text=True, env=environment) as process:
        assert process.stderr.readline() == "loading\n"
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=30)[1] == "stopped\n"
    assert process.returncode == 0


@pytest.mark.slow
def test_it_ends_when_its_parent_is_killed():
    code = (
        "from harness.local.process import background\n"
        "from harness.local.settings import LocalSettings\n"
        "import time\n"
        "with background(LocalSettings(tiny=True)) as url:\n"
        "    print(url, flush=True)\n"
        "    time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        base_url = parent.stdout.readline().strip()
        assert httpx.get(f"{base_url}/models").status_code == 200
        os.kill(parent.pid, signal.SIGKILL)
    assert is_gone(base_url, within_s=20)
