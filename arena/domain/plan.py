"""A plan: which prompts go to which endpoints, how often, under which load. A trial: one cell of it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from arena.domain.base import Value
from arena.domain.load import LoadProfile as LoadProfile
from arena.domain.prompt import IDENTIFIER, Prompt
from arena.domain.purpose import RunPurpose as RunPurpose
from arena.domain.request import Delivery, ImageFormat, Mode, PixelSize, Ratio, Size
from arena.domain.stop import StopRule


class Phase(StrEnum):
    """Warm-up trials are stored like all others and left out of every figure."""

    WARMUP = "warmup"
    MEASURE = "measure"


class Selection(Value):
    """Which prompts of which sets; every condition narrows. `limit` takes the first, spread over the categories.

    `own` are prompts that the plan brings itself, beside those of the sets or instead of them.
    """

    sets: tuple[str, ...] = ()
    own: tuple[Prompt, ...] = ()
    ids: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    modes: tuple[Mode, ...] = ()
    limit: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _from_somewhere(self) -> Self:
        if not self.sets and not self.own:
            raise ValueError("name at least one prompt set in `sets`, or give prompts in `own`")
        return self


class RequestTemplate(Value):
    """What every request of the plan has in common.

    Either `size`, or `aspect_ratio` with `megapixels` (of 2²⁰ pixels; 1 if left out), which come to a size whose sides
    are multiples of 16. With `edit_size = "input"` an edit asks for the size of its first input image instead.
    `seed`: "varied" gives each prompt and repetition its own seed, the same at all endpoints; a number fixes it; "none"
    leaves it to the provider.
    """

    size: Size | None = None
    aspect_ratio: Ratio | None = None
    megapixels: float | None = Field(default=None, gt=0, le=64)
    edit_size: Literal["size", "input"] = "size"
    seed: Literal["varied", "none"] | Annotated[int, Field(ge=0, lt=2**63)] = "varied"
    steps: int | None = Field(default=None, ge=1, le=500)
    guidance: float | None = Field(default=None, ge=0, le=100)
    n: int = Field(default=1, ge=1, le=10)
    format: ImageFormat = ImageFormat.PNG
    delivery: Delivery | None = None
    safety: bool | None = None

    @model_validator(mode="after")
    def _one_way_to_say_the_size(self) -> Self:
        if (self.size is None) == (self.aspect_ratio is None):
            raise ValueError("give either `size`, or `aspect_ratio` with `megapixels`")
        if self.megapixels is not None and self.aspect_ratio is None:
            raise ValueError("`megapixels` goes with `aspect_ratio`; with `size` the number of pixels is given")
        return self

    @property
    def pixel_size(self) -> PixelSize:
        """The size in pixels, however it was said."""
        if self.size is not None:
            return self.size
        if self.aspect_ratio is None:
            raise ValueError("a request has a size or an aspect ratio")
        return self.aspect_ratio.size(self.megapixels or 1.0)


class Plan(Value):
    """What a run does, complete: the same plan, prompts and endpoints give the same trials in the same order.

    `keep_images` is the share of trials whose images are decoded to the last row and kept: the same prompts and
    repetitions at every endpoint. Of the others format, size and completeness are checked, and they are let go of, so
    that hundreds of images a second can be measured. `purpose` says where the results count.
    """

    name: str = Field(pattern=IDENTIFIER)
    description: str = ""
    seed: int = Field(default=0, ge=0, lt=2**63)
    endpoints: tuple[str, ...] = Field(min_length=1)
    prompts: Selection
    request: RequestTemplate
    repetitions: int = Field(default=1, ge=1, le=10_000)
    warmup: int = Field(default=0, ge=0, le=1000, description="trials per endpoint before the measured ones")
    load: LoadProfile = LoadProfile()
    keep_images: float = Field(default=1.0, gt=0, le=1)
    timeout_s: float | None = Field(default=None, gt=0, le=3600)
    stop: StopRule | None = None
    purpose: RunPurpose = RunPurpose.MEASUREMENT

    @model_validator(mode="after")
    def _length_said_once(self) -> Self:
        if self.load.timed and self.load.duration_s is not None and self.repetitions != 1:
            raise ValueError("how many requests fit into a timed load follows from its rate; leave out `repetitions`")
        return self

    @model_validator(mode="after")
    def _endpoints_named_once(self) -> Self:
        twice = sorted({e for e in self.endpoints if self.endpoints.count(e) > 1})
        if twice:
            raise ValueError(f"`endpoints` names {', '.join(twice)} twice")
        return self


class Trial(Value):
    """One prompt at one endpoint, once; unique within its run by endpoint, prompt, repetition and phase."""

    seq: int = Field(ge=0)
    endpoint_id: str
    prompt_id: str
    repetition: int = Field(ge=0)
    phase: Phase
    seed: int | None
    due_ns: int | None = Field(default=None, ge=0, description="since the start of the run; None in a closed loop")
