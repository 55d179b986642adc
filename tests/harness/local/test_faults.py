"""Devices that fail: who is told what, what goes on, and when it ends. With stubs in the place of pipelines."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest

from arena.domain.failure import FailureKind
from arena.errors import ArenaError
from harness.local.faults import (
    DeviceFaultError,
    NoDeviceError,
    is_device_fault,
    is_out_of_memory,
    load_fault,
    warm_up_fault,
)
from harness.local.pipeline import LocalJob
from harness.local.settings import LocalSettings, Speed
from harness.local.worker import Worker
from harness.providers.wire import kind_of

FAULT = "the driver of cuda:0 reported a fault (CUDA error: an illegal memory access was encountered); this job is lost"
ASK = {"prompt": "a", "size": "64x64"}


def job(seed: int = 0) -> LocalJob:
    return LocalJob("a", 64, 64, seed=seed, steps=4, guidance=1.0)


def test_the_last_device_takes_the_queue_along_and_says_why(stub):
    reasons: list[str] = []
    worker = Worker([stub], max_queue=4, on_end=reasons.append)
    worker.start()
    stub.may_finish.clear()
    hit, *waiting = [worker.submit(job(seed)) for seed in range(3)]
    stub.raises.append(DeviceFaultError(FAULT))
    stub.may_finish.set()
    with pytest.raises(DeviceFaultError, match="illegal memory access"):
        hit.future.result(10)
    for ticket in waiting:
        with pytest.raises(NoDeviceError, match=r"the server ends: .*illegal memory access"):
            ticket.future.result(10)
    assert [done.seed for done in stub.jobs] == [0]
    with pytest.raises(NoDeviceError):
        worker.submit(job())
    assert len(reasons) == 1
    assert worker.states() == [("cpu", "failed")]
    worker.stop()


def test_of_two_devices_the_one_that_failed_is_restarted_while_the_other_works(stub_of):
    first, second = stub_of(), stub_of()
    worker = Worker([first, second], max_queue=4)
    worker.start()
    first.raises.append(DeviceFaultError(FAULT))
    second.may_finish.clear()
    first.restart_may_end.clear()
    tickets = [worker.submit(job(seed)) for seed in range(2)]
    second.started.get(timeout=10)
    while ("cpu", "restarting") not in worker.states():
        time.sleep(0.01)
    assert worker.states() == [("cpu", "restarting"), ("cpu", "ready")]
    second.may_finish.set()
    assert worker.submit(job(2)).future.result(10).result.images  # by the other
    first.restart_may_end.set()
    while ("cpu", "restarting") in worker.states():
        time.sleep(0.01)
    outcomes = [ticket.future.exception(10) for ticket in tickets]
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["DeviceFaultError", "NoneType"]
    assert (first.restarts, second.restarts) == (1, 0)
    worker.stop()


def test_a_device_that_cannot_be_restarted_is_out_and_the_last_one_ends_it_all(stub_of):
    reasons: list[str] = []
    ended = threading.Event()
    first, second = stub_of(), stub_of()
    worker = Worker([first, second], 4, on_end=lambda reason: (reasons.append(reason), ended.set()))
    worker.start()
    for pipeline in (first, second):
        pipeline.restart_raises = ArenaError("the weights do not fit")
        pipeline.raises.append(DeviceFaultError(FAULT))
    while not ended.is_set():
        with pytest.raises((DeviceFaultError, NoDeviceError)):
            worker.submit(job()).future.result(10)
        ended.wait(0.05)
    assert worker.states() == [("cpu", "failed")] * 2
    assert "could not be restarted: the weights do not fit" in reasons[0]
    assert len(reasons) == 1
    worker.stop()


def test_a_device_that_faults_at_every_job_is_out_after_three(stub_of):
    ended = threading.Event()
    first, second = stub_of(), stub_of()
    worker = Worker([first, second], 8, on_end=lambda _reason: ended.set())
    worker.start()
    for pipeline in (first, second):
        pipeline.raises += [DeviceFaultError(FAULT) for _ in range(9)]
    while not ended.is_set():
        try:
            worker.submit(job()).future.exception(10)
        except NoDeviceError:
            break
    assert ended.wait(10)
    assert (first.restarts, second.restarts) == (2, 2)
    assert len(first.jobs) == len(second.jobs) == 3
    worker.stop()


def test_the_client_learns_which_failure_it_was_and_the_harness_classifies_it(stub, start):
    client = start(stub, max_queue=4)
    stub.may_finish.clear()
    with ThreadPoolExecutor(2) as pool:
        hit = pool.submit(client.post, "/images/generations", json=ASK)
        stub.started.get(timeout=10)
        waiting = pool.submit(client.post, "/images/generations", json=ASK)
        stub.raises.append(DeviceFaultError(FAULT))
        while client.get(str(client.base_url).removesuffix("/v1/") + "/health").json()["queue"]["waiting"] < 1:
            time.sleep(0.01)
        stub.may_finish.set()
        replies = [hit.result(10), waiting.result(10)]
    told = [(reply.status_code, reply.json()["error"]["code"]) for reply in replies]
    assert told == [(500, "device_failed"), (503, "no_device")]
    assert [kind_of(status, code) for status, code in told] == [FailureKind.PROVIDER_ERROR, FailureKind.CAPACITY]
    health = client.get(str(client.base_url).removesuffix("/v1/") + "/health")
    assert (health.status_code, health.json()["status"]) == (503, "unavailable")


@pytest.mark.slow
def test_faults_of_the_driver_are_told_from_exhausted_memory():
    import torch

    own_class = torch.AcceleratorError("CUDA error: device-side assert triggered")
    assert is_device_fault(own_class)
    assert is_device_fault(RuntimeError("CUDA error: an illegal memory access was encountered\nCUDA kernel errors…"))
    assert is_device_fault(RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"))
    assert not is_device_fault(RuntimeError("shapes cannot be multiplied"))
    assert not is_device_fault(ValueError("CUDA error: only quoted"))
    assert not is_device_fault(torch.OutOfMemoryError("CUDA out of memory."))
    assert is_out_of_memory(torch.AcceleratorError("CUDA error: out of memory"))


def test_an_image_has_the_price_of_its_share_of_the_device(stub, start):
    reply = start(stub, gpu_hour_usd=Decimal("3.60")).post("/images/generations", json=ASK)
    assert Decimal(reply.headers["x-cost-usd"]) == Decimal("0.000007")  # 7 ms at $0.001 a second


@pytest.mark.parametrize("status", ["CUBLAS_STATUS_NOT_SUPPORTED", "CUBLAS_STATUS_INVALID_VALUE"])
def test_a_call_that_cublas_refuses_fails_one_job_and_not_the_device(status):
    assert not is_device_fault(RuntimeError(f"CUDA error: {status} when calling `cublasLtMatmul(handle, …)`"))
    assert is_device_fault(RuntimeError("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasGemmEx(…)`"))


@pytest.mark.parametrize(
    "text",
    [
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
    ],
)
def test_a_card_too_full_for_what_its_libraries_need_is_out_of_memory_and_not_broken(text):
    assert is_out_of_memory(RuntimeError(text))
    assert not is_device_fault(RuntimeError(text))


def test_what_keeps_the_first_image_from_being_made_names_the_settings_to_do_without():
    settings = LocalSettings(speed=Speed(compile="max-autotune", quantization="int8"))
    error = RuntimeError("fatal error: Python.h: No such file or directory\ncompilation terminated.")
    assert str(warm_up_fault(error, settings, "cuda")) == (
        "cuda cannot make the first image (fatal error: Python.h: No such file or directory); "
        "serve without speed.compile and speed.quantization"
    )
    assert "name another --device" in str(warm_up_fault(error, LocalSettings(), "cuda"))


def test_weights_that_do_not_fit_on_a_card_may_wait_in_the_computers_memory():
    error = RuntimeError("CUDA out of memory.")
    assert "use --offload model" in str(load_fault(error, LocalSettings(), "cuda"))
    offloading = LocalSettings(speed=Speed(offload="model"))
    assert "--offload" not in str(load_fault(error, offloading, "cuda"))
