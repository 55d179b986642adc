"""Devices in processes of their own, behind one address, with the tiny pipeline on real CPUs and real signals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from arena.errors import ConfigError
from harness.local.device import DeviceProcess
from harness.local.settings import LocalSettings

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

ASK = {"prompt": "a", "size": "64x64", "num_inference_steps": 1}
FAULTY_CHILD = """
import sys
from harness.local import device_child
from harness.local.pipeline import LocalPipeline

run = LocalPipeline._run

def faulty(self, jobs, at_once):
    import torch
    if any(job.prompt == "fault" for job in jobs):
        raise torch.AcceleratorError("CUDA error: device-side assert triggered")
    return run(self, jobs, at_once)

LocalPipeline._run = faulty
if __name__ == "__main__":
    device_child.main(sys.argv[1:])
"""


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def states(client: httpx.Client) -> list[str]:
    health = client.get(str(client.base_url).removesuffix("/v1/") + "/health").json()
    return [device["state"] for device in health["devices"]]


@pytest.fixture
def two():
    settings = LocalSettings(tiny=True, device="cpu")
    processes = [DeviceProcess(settings) for _ in range(2)]
    try:
        for process in processes:
            process.wait_ready()
        yield processes
    finally:
        for process in processes:
            process.stop()


def test_two_devices_serve_behind_one_address_and_one_that_is_killed_comes_back(two, serving):
    with (
        serving(LocalSettings(tiny=True), *two) as base_url,
        httpx.Client(base_url=base_url, timeout=120) as client,
        ThreadPoolExecutor(2) as pool,
    ):
        # Both stand still, so that each has a job on it when one dies.
        pids = [process.pid for process in two]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        replies = [pool.submit(client.post, "/images/generations", json={**ASK, "seed": i}) for i in range(2)]
        os.kill(pids[0], signal.SIGKILL)
        while states(client) != ["restarting", "ready"]:
            time.sleep(0.02)
        os.kill(pids[1], signal.SIGCONT)
        answers = sorted((reply.result() for reply in replies), key=lambda reply: reply.status_code)
        assert [reply.status_code for reply in answers] == [200, 500]
        error = answers[1].json()["error"]
        assert error["code"] == "device_failed"
        assert error["message"] == "the process of cpu ended with this job on it (SIGKILL)"
        assert client.post("/images/generations", json=ASK).status_code == 200
        while states(client) != ["ready", "ready"]:
            time.sleep(0.05)
        assert two[0].pid not in pids
        assert two[1].pid == pids[1]
        # Both work: the same seed gives the same image, whichever device makes it.
        os.kill(pids[1], signal.SIGSTOP)
        same = [pool.submit(client.post, "/images/generations", json={**ASK, "seed": 3}) for _ in range(2)]
        while not any(reply.done() for reply in same):
            time.sleep(0.02)
        os.kill(pids[1], signal.SIGCONT)
        assert same[0].result().json()["data"] == same[1].result().json()["data"]
    for process in two:
        process.stop()
    assert not any(is_alive(process.pid) for process in two)


def test_a_fault_of_the_driver_ends_a_server_of_one_device_with_its_reason(tmp_path):
    (tmp_path / "faulty_child.py").write_text(FAULTY_CHILD, encoding="utf-8")
    server = (
        "import sys\nfrom harness.local import device, process\n"
        "device.CHILD_MODULE = 'faulty_child'\nsys.exit(process.main(sys.argv[1:]))"
    )
    settings = LocalSettings(tiny=True, device="cpu").model_dump_json()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *filter(None, sys.path)])}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", server, settings], **pipes, text=True, env=environment) as process:
        base_url = process.stdout.readline().removeprefix("ready ").strip()
        with httpx.Client(base_url=base_url, timeout=60) as client:
            assert client.post("/images/generations", json=ASK).status_code == 200
            reply = client.post("/images/generations", json={**ASK, "prompt": "fault"})
        assert (reply.status_code, reply.json()["error"]["code"]) == (500, "device_failed")
        assert "device-side assert triggered" in reply.json()["error"]["message"]
        assert process.wait(60) == 2
        said = process.stderr.read().splitlines()  # and not by communicate, which would ask it to stop
    assert said[-1].startswith("no device is left, and the server ends: the driver of cpu reported a fault")


def test_what_keeps_a_device_from_loading_is_said_by_the_server():
    process = DeviceProcess(LocalSettings(tiny=True, device="cuda:99"))
    with pytest.raises(Exception, match="'cuda:99' is not available here"):
        process.wait_ready()
    process.stop()
    assert process.device == "cuda:99"


def test_a_model_of_unknown_shape_is_said_by_the_server_with_what_is_known():
    process = DeviceProcess(LocalSettings(model="owner/flux.2-klein-4c", random_weights=True, device="cpu"))
    with pytest.raises(ConfigError, match=r"there is no model of known shape .*did you mean 'flux.2-klein-4b'"):
        process.wait_ready()
    process.stop()


def test_a_first_image_that_fails_is_said_by_the_server_in_a_sentence(tmp_path, monkeypatch):
    child = (
        "import sys\nfrom harness.local import device_child\nfrom harness.local.pipeline import LocalPipeline\n"
        "def broken(*_):\n    raise TypeError('no such kernel')\n"
        "LocalPipeline._run = broken\ndevice_child.main(sys.argv[1:])"
    )
    (tmp_path / "broken_child.py").write_text(child, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *filter(None, sys.path)]))
    monkeypatch.setattr("harness.local.device.CHILD_MODULE", "broken_child")
    process = DeviceProcess(LocalSettings(tiny=True, device="cpu"))
    with pytest.raises(ConfigError, match=r"cpu cannot make the first image \(no such kernel\)"):
        process.wait_ready()
    process.stop()
