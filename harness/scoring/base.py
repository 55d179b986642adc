"""What a quality metric is: one literal and one function in one file of `harness/scoring/metrics/`."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

from arena.domain.score import Instrument

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from PIL import Image
    from pydantic import JsonValue

    from arena.domain.prompt import Prompt
    from harness.scoring.clip import Clip
    from harness.scoring.features import Features
    from harness.scoring.reader import Reader

ToolName = Literal["pixels", "clip", "features", "reader"]


@dataclass(frozen=True, slots=True)
class Change:
    """What an edit starts from and what it should come to, in words."""

    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Subject:
    """A decoded image (RGB, upright, its own size) and the prompt that it answers; `sources` are those of an edit."""

    sha256: str
    image: Image.Image
    prompt: Prompt
    sources: tuple[Image.Image, ...] = ()
    change: Change | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """A value and what else is worth keeping; without a value `detail` has a `reason`."""

    value: float | None
    detail: Mapping[str, JsonValue] = field(default_factory=dict)


class Tool(Protocol):
    """What metrics are computed with. Opening one finds and hashes its weights; they are loaded at the first use."""

    @property
    def identity(self) -> Identity:
        """What it is."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A tool, its version and its weights; what needs none has neither name nor hash of them."""

    tool: str
    version: str
    device: str = "cpu"
    model: str = ""
    weights: str = ""
    weights_sha256: str | None = None


class Tools(Protocol):
    """The tools of one run of scoring; each is opened when it is first asked for."""

    @property
    def clip(self) -> Clip:
        """Text and image embeddings; ConfigError where package or weights are missing."""

    @property
    def features(self) -> Features:
        """Features of patches; ConfigError where package or weights are missing."""

    @property
    def reader(self) -> Reader:
        """Text in images; ConfigError where the package is missing."""

    def identity(self, tool: ToolName) -> Identity:
        """What a tool is; opens it."""


@dataclass(frozen=True, slots=True)
class QualityMetric:
    """One thing that a machine says of an image.

    `against` tells what an image of a prompt is held against, as text that is hashed: another text is another score;
    None where the metric says nothing about images of this prompt. `compute` gets a batch and returns as many values.
    `revision` goes up when the function changes what it returns. `negligible`: see `arena.domain.score.Instrument`.
    """

    name: str
    title: str
    unit: str
    better: Literal["lower", "higher"] | None
    definition: str
    tool: ToolName
    against: Callable[[Prompt, Change | None], str | None]
    compute: Callable[[Sequence[Subject], Tools], list[Measured]]
    negligible: float | None = None
    revision: int = 1

    def instrument(self, identity: Identity) -> Instrument:
        """This metric as it is computed with that tool."""
        return Instrument(
            metric=self.name,
            revision=self.revision,
            title=self.title,
            unit=self.unit,
            better=self.better,
            negligible=self.negligible,
            tool=identity.tool,
            model=identity.model,
            weights=identity.weights,
            weights_sha256=identity.weights_sha256,
        )

    def held_against(self, prompt: Prompt, change: Change | None) -> str | None:
        """The hash of what an image is held against; empty for the image alone, None where nothing can be said."""
        text = self.against(prompt, change)
        return text if not text else hashlib.sha256(text.encode()).hexdigest()


def image_alone(_prompt: Prompt, _change: Change | None) -> str:
    """For metrics that look at nothing but the image."""
    return ""
