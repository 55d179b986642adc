"""What a measuring process is asked, and what it answers: values that cross to it and back as JSON."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from arena.domain.base import Value
from harness.local.settings import LocalSettings


class Workload(Value):
    """What is generated while it is measured.

    The first `compared` prompts make the images that are compared, with fixed seeds. The timed repetitions go on
    through the prompts, each with its own, so that no kept embedding is used twice. Timing ends after `repetitions`,
    or after `seconds` once there are three. `batches` are the sizes at which throughput is measured beside it.
    """

    width_px: int
    height_px: int
    steps: int
    guidance: float
    prompts: tuple[str, ...] = Field(min_length=1)
    compared: int = Field(default=4, ge=1)
    repetitions: int = Field(default=12, ge=1)
    seconds: float = Field(default=60.0, gt=0)
    batches: tuple[int, ...] = ()


class Question(Value):
    """One measurement, made by a process of its own.

    `subject`: `defaults` is diffusers' own pipeline as its documentation calls it, `engine` the pipeline that
    `arena local serve` would serve. `count`: the image's operations are counted, too, and the device's matrix rates
    measured.
    """

    subject: Literal["defaults", "engine"]
    settings: LocalSettings
    workload: Workload
    count: bool = False


class Batch(Value):
    """Images made `size` at a time: milliseconds of each repetition, and the files of the first one's images."""

    size: int
    latencies_ms: tuple[float, ...]
    images: tuple[str, ...] = ()
    refused: str | None = None


class Rate(Value):
    """The most floating-point operations a second that dense matrix products reached in a dtype, and at which shape.

    `shape` is (rows, inner, columns); None with a reason in `refused` where the device cannot multiply in this dtype.
    """

    dtype: str
    per_s: float | None
    shape: tuple[int, int, int] | None = None
    refused: str | None = None


class Arithmetic(Value):
    """Floating-point operations of one image by part, two to a multiply-add (`operations.Operations`)."""

    text_encoder: int
    text_encoder_unused: int
    transformer_step: int
    steps: int
    decoder: int
    reference_encoding: int
    needed: int


class Environment(Value):
    """On what it was measured."""

    device: str
    card: str
    driver: str | None
    versions: dict[str, str]


class Answer(Value):
    """What one process measured. `energy_j` and `peak_memory_mb` are None where the device does not tell them.

    `uncounted` says why there is no `arithmetic` although it was asked for.
    """

    dtype: str
    environment: Environment
    simulated: bool
    load_s: float
    first_image_s: float
    latencies_ms: tuple[float, ...]
    stages_ms: dict[str, float] = Field(default_factory=dict)
    peak_memory_mb: float | None = None
    energy_j: float | None = None
    images: tuple[str, ...] = ()
    batches: tuple[Batch, ...] = ()
    arithmetic: Arithmetic | None = None
    rates: tuple[Rate, ...] = ()
    uncounted: str | None = None


class Refusal(Value):
    """Why there is no answer: one sentence; and whether it was for want of memory."""

    reason: str
    out_of_memory: bool = False
