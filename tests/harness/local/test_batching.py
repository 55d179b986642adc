"""Which jobs run together, with a stub in the place of the pipeline."""

from __future__ import annotations

import pytest
from PIL import Image

from harness.local.pipeline import LocalJob
from harness.local.worker import Batching, Worker


def job(seed: int = 0, *, width_px: int = 64, steps: int = 4, n: int = 1, images: tuple = ()) -> LocalJob:
    return LocalJob(f"prompt {seed}", width_px, 64, seed=seed, steps=steps, guidance=1.0, n=n, images=images)


@pytest.fixture
def batches(stub):
    """Runs jobs that all wait when the device comes free, and gives the seeds of each batch."""

    def of(*jobs: LocalJob, max_images: int = 4) -> list[list[int]]:
        worker = Worker([stub], 16, Batching(max_images=max_images))
        worker.start()
        stub.may_finish.clear()
        first = worker.submit(job(100, steps=1))
        stub.started.get(timeout=10)
        tickets = [worker.submit(each) for each in jobs]
        stub.may_finish.set()
        for ticket in [first, *tickets]:
            ticket.future.result(10)
        worker.stop()
        seeds = iter([done.seed for done in stub.jobs[1:]])
        return [[next(seeds) for _ in range(size)] for size in stub.batches[1:]]

    return of


def test_waiting_jobs_of_one_shape_run_together_up_to_the_limit(batches):
    assert batches(*map(job, range(6))) == [[0, 1, 2, 3], [4, 5]]


def test_one_at_a_time_unless_asked(batches):
    assert batches(*map(job, range(3)), max_images=1) == [[0], [1], [2]]


def test_other_sizes_and_steps_and_edits_keep_apart_and_nobody_is_passed_over(batches):
    edit = job(3, images=(Image.new("RGB", (64, 64)),))
    assert batches(job(0), job(1, width_px=128), job(2, steps=2), edit, job(4), job(5, width_px=128)) == [
        [0, 4],
        [1, 5],
        [2],
        [3],
    ]


def test_a_job_of_several_images_counts_with_all_of_them(batches):
    assert batches(job(0, n=3), job(1, n=2), job(2)) == [[0, 2], [1]]


def test_a_job_waits_for_others_within_the_window_and_is_told_its_company(stub):
    worker = Worker([stub], 16, Batching(window_ms=10_000, max_images=2))
    worker.start()
    tickets = [worker.submit(job(seed)) for seed in range(2)]  # the second ends the wait: the batch is full
    finished = [ticket.future.result(5) for ticket in tickets]
    assert stub.batches == [2]
    assert {done.batch_jobs for done in finished} == {2}
    worker.stop()


def test_a_withdrawn_job_is_not_part_of_a_batch(stub):
    worker = Worker([stub], 16, Batching(max_images=4))
    worker.start()
    stub.may_finish.clear()
    worker.submit(job(100, steps=1))
    stub.started.get(timeout=10)
    tickets = [worker.submit(job(seed)) for seed in range(3)]
    assert worker.withdraw(tickets[1])
    stub.may_finish.set()
    tickets[2].future.result(10)
    assert [done.seed for done in stub.jobs] == [100, 0, 2]
    worker.stop()
