"""Ways in which a simulated provider does something else than it was asked, and how it makes callers wait: as data."""

from __future__ import annotations

import heapq
import io
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from PIL import Image, PngImagePlugin
from pydantic import Field

from arena.domain.base import Value

if TYPE_CHECKING:
    from harness.sim.work import Order

_REMEMBERED = 256
_NOISE = 1.5
"""Standard deviation of the noise of `nearly`, in steps of 255: a PSNR of about 44 dB."""
_MORE_NOISE = 8.0
"""That of a noisier model, as a sampler with too few steps or a crude quantization leaves it: about 30 dB."""


class Habits(Value):
    """What a provider makes of a request that it accepts; by default just what was asked for.

    `seed`: "honoured" draws the same bytes for the same request and seed; "restamped" the same pixels in a file with a
    name of its own; "nearly" the same picture with a little noise, as other hardware would; "ignored" another picture
    each time. `cache`: an earlier answer to the same prompt and size is given again at once, whatever the seed.
    `ignores`: `n` makes one image a call, `format` sends JPEG, whatever was asked for. `quietly` lists what it hides
    behind its usual speed, sizes and formats: "cached" gives an earlier answer again, no sooner than a new one would
    come; "downsized" draws at half the size and enlarges; "noisier" leaves noise that can be measured.
    """

    seed: Literal["honoured", "restamped", "nearly", "ignored"] = "honoured"
    cache: bool = False
    ignores: frozenset[Literal["n", "format"]] = frozenset()
    quietly: frozenset[Literal["cached", "downsized", "noisier"]] = frozenset()

    @property
    def remembers(self) -> bool:
        """Whether earlier answers are given again, at once or not."""
        return self.cache or "cached" in self.quietly

    def taken(self, order: Order) -> Order:
        """What is made of an order."""
        order = replace(order, images=1) if "n" in self.ignores else order
        return replace(order, format="jpeg") if "format" in self.ignores else order


class ColdStart(Value):
    """Nothing is loaded until the first request, nor after `after_s` without work; loading takes `ms`."""

    after_s: float = Field(ge=0, le=86_400)
    ms: float = Field(ge=0, le=60_000)


@dataclass
class Backlog:
    """How long an admitted request waits before its latency begins: for loading, and for one of `workers` to be free.

    Requests are served in their order of arrival (the queue of G/G/c); without `workers` all are served at once. Times
    are seconds on one monotonic clock.
    """

    workers: int | None = None
    cold_start: ColdStart | None = None
    _free_at_s: list[float] = field(default_factory=list)
    _warm_at_s: float = float("-inf")
    _idle_from_s: float = float("-inf")

    def wait_s(self, now_s: float, busy_s: float) -> float:
        """Seconds until work on a request begins that arrives now and takes `busy_s`; it is in the queue from here."""
        if self.cold_start is not None and now_s - self._idle_from_s >= self.cold_start.after_s:
            self._warm_at_s = now_s + self.cold_start.ms / 1000
        begins_s = max(now_s, self._warm_at_s)
        if self.workers is not None:
            if len(self._free_at_s) == self.workers:
                begins_s = max(begins_s, heapq.heappop(self._free_at_s))
            heapq.heappush(self._free_at_s, begins_s + busy_s)
        self._idle_from_s = max(self._idle_from_s, begins_s + busy_s)
        return begins_s - now_s


class Memory:
    """The last answers of a provider that gives them again."""

    def __init__(self) -> None:
        self._answers: OrderedDict[tuple[object, ...], list[bytes]] = OrderedDict()

    def find(self, order: Order) -> list[bytes] | None:
        """What was answered to this prompt, size, format and count before."""
        return self._answers.get(_key(order))

    def keep(self, order: Order, images: list[bytes]) -> None:
        """Remember an answer, and forget the oldest if there are too many."""
        self._answers[_key(order)] = images
        while len(self._answers) > _REMEMBERED:
            self._answers.popitem(last=False)


def _key(order: Order) -> tuple[object, ...]:
    sources = tuple(image.tobytes() for image in order.sources)
    return order.prompt, order.width_px, order.height_px, order.images, order.format, sources


def noisy(image: Image.Image, seed: int, deviation: float = _NOISE) -> Image.Image:
    """The image with noise that is hard to see."""
    noise = np.random.default_rng(seed).normal(0, deviation, (image.height, image.width, 3))
    return Image.fromarray(np.clip(np.asarray(image.convert("RGB")) + noise, 0, 255).astype("uint8"))


def noisier(image: Image.Image, seed: int) -> Image.Image:
    """The image with the noise of a worse model."""
    return noisy(image, seed, _MORE_NOISE)


def downsized(image: Image.Image) -> Image.Image:
    """The image as it comes from half the size, enlarged to what was asked for."""
    small = image.resize((max(1, image.width // 2), max(1, image.height // 2)), Image.Resampling.BOX)
    return small.resize(image.size, Image.Resampling.BICUBIC)


def named(encoded: bytes, name: str) -> bytes:
    """A PNG with a text chunk that names it, its pixels untouched; another file gets the name as its last bytes."""
    if not encoded.startswith(b"\x89PNG"):
        return encoded + name.encode()
    text = PngImagePlugin.PngInfo()
    text.add_text("Name", name)
    buffer = io.BytesIO()
    with Image.open(io.BytesIO(encoded)) as image:
        image.save(buffer, "PNG", compress_level=1, pnginfo=text)
    return buffer.getvalue()
