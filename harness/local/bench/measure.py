"""One measurement, in a process of its own: `python -m harness.local.bench.measure DIRECTORY`.

The directory holds the question; answer and images are written there. What torch keeps in a process - compiled code,
memory, a broken context - ends with it and is in nobody else's figures.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from arena.errors import ArenaError
from arena.units import NS_PER_MS
from arena.whole_file import whole_file
from harness.child import end_with_parent
from harness.local.bench import matrix_rate, operations, subjects
from harness.local.bench.environment import describe
from harness.local.bench.measured import Answer, Arithmetic, Batch, Question, Rate, Refusal, Workload
from harness.local.energy import energy_counter
from harness.local.faults import DeviceMemoryError, is_out_of_memory
from harness.local.pipeline import LocalJob
from harness.local.speed import GRAPH_MODES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from PIL.Image import Image

    from harness.local.bench.subjects import Subject

QUESTION, ANSWER = "question.json", "answer.json"
_GRACE_S = 2.0
_FEWEST = 3
_WARM = 3  # images before the first that is timed: recording CUDA graphs takes the first two
_BYTES_PER_MB = 1_000_000


def answer(question: Question, directory: Path) -> Answer:
    """Load, compare, repeat, as asked; image files go to `directory`. Raises what loading and generating raise."""
    begin_s = time.monotonic()
    subject = getattr(subjects, question.subject)(question.settings)
    load_s = time.monotonic() - begin_s
    prompts = _prompts(question.workload)
    begin_s = time.monotonic()
    subject.generate(_job(question.workload, next(prompts), seed=0))
    first_image_s = time.monotonic() - begin_s
    images = _compared(subject, question.workload, directory)
    for _ in range(_WARM - 1 - question.workload.compared):
        subject.generate(_job(question.workload, next(prompts), seed=0))
    latencies_ms, stages_ms, energy_j, peak_memory_mb = _repeated(subject, question.workload, prompts)
    # Each number of images has graphs of its own to record.
    warm = _WARM if question.subject == "engine" and question.settings.speed.compile in GRAPH_MODES else 1
    batches = tuple(
        _batch(subject, question.workload, size, directory, prompts, warm) for size in question.workload.batches
    )
    measured = Answer(
        dtype=subject.dtype,
        environment=describe(subject.device),
        simulated=subject.simulated,
        load_s=load_s,
        first_image_s=first_image_s,
        latencies_ms=tuple(latencies_ms),
        stages_ms=stages_ms,
        peak_memory_mb=peak_memory_mb,
        energy_j=energy_j,
        images=images,
        batches=batches,
    )
    return _counted(measured, subject, question) if question.count else measured


def _prompts(workload: Workload) -> Iterator[str]:
    """Prompts of which none comes twice, nor is one of those whose images are compared."""
    turn = 0
    while True:
        turn += 1
        for prompt in workload.prompts[workload.compared if turn == 1 else 0 :]:
            yield prompt if turn == 1 else f"{prompt} ({turn})"


def _job(workload: Workload, prompt: str, seed: int, n: int = 1) -> LocalJob:
    return LocalJob(prompt, workload.width_px, workload.height_px, seed, workload.steps, workload.guidance, n)


def _compared(subject: Subject, workload: Workload, directory: Path) -> tuple[str, ...]:
    names: list[str] = []
    for seed, prompt in enumerate(workload.prompts[: workload.compared]):
        names += _saved(subject.generate(_job(workload, prompt, seed)), f"compared-{seed}", directory)
    return tuple(names)


def _saved(images: Sequence[Image], stem: str, directory: Path) -> list[str]:
    names = [f"{stem}-{index}.png" for index in range(len(images))]
    for name, image in zip(names, images, strict=True):
        image.save(directory / name)
    return names


def _repeated(
    subject: Subject, workload: Workload, prompts: Iterator[str]
) -> tuple[list[float], dict[str, float], float | None, float | None]:
    """Milliseconds of each repetition, medians by stage, joules of the mean image, and the most memory allocated."""
    import torch

    on_cuda = subject.device.startswith("cuda")
    if on_cuda:
        torch.cuda.reset_peak_memory_stats(subject.device)
    read_j = energy_counter(subject.device)
    begin_j = read_j()
    latencies_ms, stages_ms = [], []
    for latency_ms in _timed(subject, workload, prompts, 1):
        latencies_ms.append(latency_ms)
        stages_ms.append(subject.stages_ms())
    end_j = read_j()
    peak_mb = torch.cuda.max_memory_allocated(subject.device) / _BYTES_PER_MB if on_cuda else None
    energy_j = None if begin_j is None or end_j is None else (end_j - begin_j) / len(latencies_ms)
    return latencies_ms, _medians(stages_ms), energy_j, peak_mb


def _medians(stages_ms: list[dict[str, float]]) -> dict[str, float]:
    return {name: median(each[name] for each in stages_ms if name in each) for name in stages_ms[0]}


def _timed(subject: Subject, workload: Workload, prompts: Iterator[str], n: int) -> Iterator[float]:
    deadline_s = time.monotonic() + workload.seconds
    for done in range(workload.repetitions):
        if done >= _FEWEST and time.monotonic() > deadline_s:
            return
        job = _job(workload, next(prompts), 1000 + done * n, n)
        begin_ns = time.perf_counter_ns()
        subject.generate(job)  # ends with images in the computer's memory, so the device has nothing left to do
        yield (time.perf_counter_ns() - begin_ns) / NS_PER_MS


def _batch(
    subject: Subject, workload: Workload, size: int, directory: Path, prompts: Iterator[str], warm: int
) -> Batch:
    """Images of one prompt, `size` at a time; the first of the `warm` batches that warm up is the one that is compared.

    `prompts` goes on where single images left off: an embedding that was kept from them would help one subject alone.
    """
    try:
        first = subject.generate(_job(workload, workload.prompts[0], 0, size))
        names = _saved(first, f"batch-{size}", directory)
        for _ in range(warm - 1):
            subject.generate(_job(workload, workload.prompts[0], 0, size))
        few = workload.model_copy(update={"repetitions": max(_FEWEST, workload.repetitions // 2)})
        latencies_ms = tuple(_timed(subject, few, prompts, size))
    except Exception as error:
        if not isinstance(error, DeviceMemoryError) and not is_out_of_memory(error):
            raise
        return Batch(size=size, latencies_ms=(), refused="the device has too little memory")
    return Batch(size=size, latencies_ms=latencies_ms, images=tuple(names))


def _counted(measured: Answer, subject: Subject, question: Question) -> Answer:
    """With the image's operations and the device's rates; what was measured is not lost where these cannot be had."""
    try:
        arithmetic, rates = _arithmetic(subject, question)
    except Exception as error:  # noqa: BLE001 - the latencies stand without them, and it is said
        return measured.model_copy(update={"uncounted": _refusal(error).reason})
    return measured.model_copy(update={"arithmetic": arithmetic, "rates": rates})


def _arithmetic(subject: Subject, question: Question) -> tuple[Arithmetic, tuple[Rate, ...]]:
    workload = question.workload
    count = operations.of_pipeline(subject.pipe, workload.width_px, workload.height_px, workload.steps)
    arithmetic = Arithmetic(
        text_encoder=count.text_encoder,
        text_encoder_unused=count.text_encoder_unused,
        transformer_step=count.transformer_step,
        steps=count.steps,
        decoder=count.decoder,
        reference_encoding=count.reference_encoding,
        needed=count.needed,
    )
    patch_px = 2 ** len(subject.pipe.vae.config.block_out_channels)
    tokens = (workload.width_px // patch_px) * (workload.height_px // patch_px)
    products = matrix_rate.products_of(subject.pipe.transformer, tokens)
    return arithmetic, matrix_rate.measure_all(subject.device, products)


def answer_or_refusal(question: Question, directory: Path) -> Answer | Refusal:
    """As `answer`; whatever a setting breaks is its own fault, and an answer."""
    try:
        return answer(question, directory)
    except Exception as error:  # noqa: BLE001 - see above
        return _refusal(error)


def _refusal(error: Exception) -> Refusal:
    short = isinstance(error, DeviceMemoryError) or is_out_of_memory(error)
    first = next(iter(str(error).strip().splitlines()), "no message")
    return Refusal(
        reason=first if isinstance(error, ArenaError) else f"{type(error).__name__}: {first}", out_of_memory=short
    )


def main(arguments: list[str]) -> int:
    """Answer the question in the directory that is the one argument; returns the exit status."""
    end_with_parent(_GRACE_S)
    directory = Path(arguments[0])
    question = Question.model_validate_json((directory / QUESTION).read_text(encoding="utf-8"))
    said = answer_or_refusal(question, directory)
    with whole_file(directory / ANSWER) as file:
        file.write(said.model_dump_json().encode())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
