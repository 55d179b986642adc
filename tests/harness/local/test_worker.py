from __future__ import annotations

import time

import pytest

from harness.local.pipeline import LocalJob
from harness.local.worker import QueueFullError, Worker


def job(seed: int = 0) -> LocalJob:
    return LocalJob("a", 64, 64, seed=seed, steps=4, guidance=1.0)


@pytest.fixture
def worker(stub):
    worker = Worker([stub], max_queue=2)
    worker.start()
    yield worker
    worker.stop()


def test_jobs_run_one_at_a_time_in_order_and_their_wait_is_measured(stub, worker):
    stub.may_finish.clear()
    tickets = [worker.submit(job(seed)) for seed in range(3)]
    assert stub.started.get(timeout=10).seed == 0
    assert stub.started.empty()
    queued_ns = time.monotonic_ns()
    time.sleep(0.05)
    held_back_ms = (time.monotonic_ns() - queued_ns) / 1e6
    stub.may_finish.set()
    finished = [ticket.future.result(10) for ticket in tickets]
    assert [done.seed for done in stub.jobs] == [0, 1, 2]
    assert finished[0].queue_ms >= 0
    assert min(finished[1].queue_ms, finished[2].queue_ms) >= held_back_ms


def test_a_full_queue_refuses_and_says_when_to_retry(stub, worker):
    stub.may_finish.clear()
    worker.submit(job())
    stub.started.get(timeout=10)
    for _ in range(2):
        worker.submit(job())
    with pytest.raises(QueueFullError, match="3 jobs") as refused:
        worker.submit(job())
    assert refused.value.retry_after_s >= 1


def test_no_queue_at_all_still_runs_one_job(stub):
    worker = Worker([stub], max_queue=0)
    worker.start()
    stub.may_finish.clear()
    ticket = worker.submit(job())
    with pytest.raises(QueueFullError):
        worker.submit(job())
    stub.may_finish.set()
    assert ticket.future.result(10).result.images
    worker.stop()


def test_withdrawing_frees_the_place_and_the_job_never_starts(stub, worker):
    stub.may_finish.clear()
    first = worker.submit(job(0))
    stub.started.get(timeout=10)
    waiting = [worker.submit(job(seed)) for seed in (1, 2)]
    assert worker.withdraw(waiting[0])
    assert not worker.withdraw(first)
    last = worker.submit(job(3))
    stub.may_finish.set()
    last.future.result(10)
    assert [done.seed for done in stub.jobs] == [0, 2, 3]
    assert waiting[0].future.cancelled()


def test_a_failing_job_does_not_end_the_worker(stub, worker):
    stub.raises.append(RuntimeError("broken"))
    with pytest.raises(RuntimeError, match="broken"):
        worker.submit(job()).future.result(10)
    assert worker.submit(job()).future.result(10).result.images


def test_stopping_cancels_what_waits_and_interrupts_what_runs(stub):
    worker = Worker([stub], max_queue=2)
    worker.start()
    stub.may_finish.clear()
    running = worker.submit(job())
    stub.started.get(timeout=10)
    waiting = worker.submit(job())
    worker.stop()
    assert running.future.done()
    assert waiting.future.cancelled()
    assert stub.interrupted
    with pytest.raises(QueueFullError):
        worker.submit(job())
