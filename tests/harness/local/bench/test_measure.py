"""Measured on the tiny pipeline: what a process answers, and what its parent makes of one that does not."""

import os
import signal
import threading
import time

import psutil
import pytest

from harness.local.bench.distance import between_files
from harness.local.bench.measured import Answer, Question, Refusal, Workload
from harness.local.bench.processes import Processes
from harness.local.settings import LocalSettings, Speed

pytestmark = pytest.mark.slow

WORKLOAD = Workload(
    width_px=64, height_px=64, steps=1, guidance=1.0, prompts=("a fox", "a lamp", "a pier"), compared=2, repetitions=6
)


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """More of them, on a machine that has other work, wait for each other most of the time."""
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        yield
    torch.set_num_threads(before)


def question(subject, *, count=False, batches=(), **speed):
    settings = LocalSettings(tiny=True, device="cpu", speed=Speed(**speed))
    workload = WORKLOAD.model_copy(update={"batches": batches})
    return Question(subject=subject, settings=settings, workload=workload, count=count)


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    from harness.local.bench.measure import answer

    places = {subject: tmp_path_factory.mktemp(subject) for subject in ("defaults", "engine")}
    return {
        "defaults": (answer(question("defaults", count=True, batches=(2,)), places["defaults"]), places["defaults"]),
        "engine": (answer(question("engine", batches=(2,), max_batch=2), places["engine"]), places["engine"]),
    }


def test_both_subjects_repeat_and_compare_as_asked(answers):
    for measured, place in answers.values():
        assert len(measured.latencies_ms) == 6
        assert min(measured.latencies_ms) > 0
        assert [(place / name).is_file() for name in measured.images] == [True, True]
        assert measured.simulated
        assert measured.dtype == "float32"
        assert measured.environment.versions.keys() >= {"torch", "diffusers", "transformers", "python"}


def test_the_engines_images_are_those_of_diffusers(answers):
    (defaults, here), (engine, there) = answers["defaults"], answers["engine"]
    files = [[place / n for n in a.images] for a, place in ((engine, there), (defaults, here))]
    assert between_files(*files).worst < 0.01
    assert between_files(files[0][:1], files[0][1:]).worst > 0.02  # of two prompts, they are others


def test_batches_are_of_the_size_asked_for_and_of_the_same_seeds(answers):
    (defaults, here), (engine, there) = answers["defaults"], answers["engine"]
    for measured in (defaults, engine):
        assert [(b.size, len(b.latencies_ms), len(b.images)) for b in measured.batches] == [(2, 3, 2)]
    together = [[p / n for n in a.batches[0].images] for a, p in ((engine, there), (defaults, here))]
    assert between_files(*together).worst < 0.01
    alone = between_files([there / engine.images[0]], [there / engine.batches[0].images[0]])
    assert alone.worst < 0.01


@pytest.mark.parametrize(("compiled", "warm"), [("off", 1), ("max-autotune", 3)])
def test_no_prompt_is_timed_twice_and_graphs_are_recorded_before(tmp_path, monkeypatch, compiled, warm):
    from PIL import Image

    from harness.local.bench import measure
    from harness.local.bench.subjects import Subject

    jobs = []

    def generate(job):
        jobs.append(job)
        return (Image.new("RGB", (64, 64)),) * job.n

    monkeypatch.setattr(
        measure.subjects, "engine", lambda settings: Subject(generate, None, "cpu", "float32", True, dict)
    )
    measure.answer(question("engine", batches=(2, 4), compile=compiled), tmp_path)
    timed = [job.prompt for job in jobs if job.seed >= 1000]
    assert len(timed) == len(set(timed)) == 6 + 3 + 3
    assert not set(timed) & set(WORKLOAD.prompts[: WORKLOAD.compared])
    assert [sum(job.n == n and job.seed < 1000 for job in jobs) for n in (2, 4)] == [warm, warm]


def test_only_the_engine_tells_its_stages(answers):
    assert answers["engine"][0].stages_ms.keys() >= {"text_encode", "denoise", "decode"}
    assert answers["defaults"][0].stages_ms == {}


def test_the_arithmetic_limit_is_below_what_was_measured(answers):
    measured = answers["defaults"][0]
    rates = {rate.dtype: rate for rate in measured.rates}
    assert rates["float32"].per_s > 1e8
    assert rates["float32"].shape is not None
    assert measured.arithmetic.needed / rates["float32"].per_s * 1000 < min(measured.latencies_ms)


def test_latencies_stand_where_the_arithmetic_cannot_be_counted(tmp_path, monkeypatch):
    from harness.local.bench import measure

    def fails(*_args):
        raise RuntimeError("no such operator\nand a long story")

    monkeypatch.setattr(measure.operations, "of_pipeline", fails)
    measured = measure.answer(question("defaults", count=True), tmp_path)
    assert len(measured.latencies_ms) == 6
    assert measured.arithmetic is None
    assert measured.uncounted == "RuntimeError: no such operator"


def test_no_prompt_is_timed_twice():
    from itertools import islice

    from harness.local.bench.measure import _prompts

    prompts = list(islice(_prompts(WORKLOAD), 20))
    assert len(set(prompts)) == 20
    assert not set(prompts) & set(WORKLOAD.prompts[: WORKLOAD.compared])


def test_what_the_device_does_not_have_is_refused_in_a_sentence(tmp_path):
    from harness.local.bench.measure import answer_or_refusal

    said = answer_or_refusal(question("engine", attention="cudnn"), tmp_path)
    assert said == Refusal(reason='speed.attention: cpu has no "cudnn" kernels for float32; use "auto"')


@pytest.mark.timeout(300)
def test_a_process_of_its_own_answers(tmp_path):
    said, place = Processes(tmp_path).ask(question("engine"), 280)
    assert isinstance(said, Answer)
    assert all((place / name).is_file() for name in said.images)


def test_a_process_that_takes_too_long_is_ended(tmp_path):
    begin_s = time.monotonic()
    said, _ = Processes(tmp_path).ask(question("engine"), 0.2)
    assert "0 s that it was given" in said.reason
    assert time.monotonic() - begin_s < 20
    assert not running(tmp_path)


def test_a_process_that_is_killed_spoils_nothing_but_its_own_answer(tmp_path):
    threading.Thread(target=kill_when_there, args=(tmp_path,), daemon=True).start()
    said, _ = Processes(tmp_path).ask(question("engine"), 120)
    assert said.reason == "its process was ended by SIGKILL; the computer was probably out of memory"


def running(directory):
    """Processes that measure for a question below this directory."""
    processes = psutil.process_iter(["cmdline"])
    return [p.pid for p in processes if any(word.startswith(str(directory)) for word in p.info["cmdline"] or ())]


def kill_when_there(directory):
    while not (pids := running(directory)):
        time.sleep(0.02)
    os.kill(pids[0], signal.SIGKILL)
