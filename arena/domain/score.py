"""What a machine says of an image: a value, and the instrument that it was read from."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, JsonValue

from arena.domain.artifact import SHA256
from arena.domain.base import Value


class Instrument(Value):
    """A metric as it was computed: by which revision of its function and with which weights.

    Values of two instruments are never pooled: CLIP scores of other weights are on another scale. `model` and `weights`
    are names, `weights_sha256` is the hash of the file (None for what needs no weights). `negligible` is the difference
    between two endpoints below which nobody would care, in `unit`; None where no comparison of endpoints rests on it.
    """

    metric: str
    revision: int = Field(ge=1)
    title: str
    unit: str
    better: Literal["lower", "higher"] | None
    negligible: float | None = Field(default=None, gt=0)
    tool: str
    model: str = ""
    weights: str = ""
    weights_sha256: str | None = Field(default=None, pattern=SHA256)

    @property
    def label(self) -> str:
        """What it is called where several of one metric stand beside each other."""
        if self.weights_sha256 is None:
            return self.title
        return f"{self.title} · {self.model or self.weights} {self.weights_sha256[:8]}"


class Score(Value):
    """One value. None: it cannot be told, and `detail` says why under `reason`.

    `against` is the hash of what the image was held against (its prompt, its sources, the text that it must show), so
    that an image is scored anew when that changes; empty where the image alone is looked at.
    """

    image_sha256: str = Field(pattern=SHA256)
    prompt_id: str
    prompt_sha256: str = Field(pattern=SHA256)
    against: str
    value: float | None
    tool_version: str
    device: str
    detail: dict[str, JsonValue] = Field(default_factory=dict)
