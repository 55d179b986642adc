"""Reads text in images, by the PaddleOCR models that come inside the wheel of rapidocr-onnxruntime.

What it reads is a floor on the error of a score: so it reads the same texts set in plain type, too, and that error is
kept beside every score.
"""

from __future__ import annotations

import hashlib
import sys
from functools import cached_property, lru_cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arena.errors import ConfigError
from harness.scoring.base import Identity
from harness.scoring.spelling import character_error_rate
from harness.scoring.weights import missing_package

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL import Image

PACKAGE = "rapidocr-onnxruntime"
NO_WHEEL_FROM = (3, 13)
FONT_PX, MARGIN_PX, LINE_SPACING = 40, 40, 1.5
WIDEST_PX = 1400


class Reader:
    """One reader; its models are loaded at the first image."""

    def __init__(self, threads: int = 1) -> None:
        try:
            import rapidocr_onnxruntime
        except ImportError as error:
            if sys.version_info >= NO_WHEEL_FROM:
                raise ConfigError(
                    f"reading text in images: {PACKAGE} has no wheel for this Python; use 3.12"
                ) from error
            raise missing_package("reading text in images", error) from error
        self._threads = threads
        self._models = sorted(Path(next(iter(rapidocr_onnxruntime.__path__))).glob("models/*.onnx"))
        self._own_errors: dict[tuple[str, ...], float] = {}

    @cached_property
    def identity(self) -> Identity:
        """The hash is that of all its models, one after the other in the order of their names."""
        hashed = hashlib.sha256()
        for model in self._models:
            hashed.update(model.read_bytes())
        names = " + ".join(model.stem for model in self._models)
        return Identity(PACKAGE, metadata.version(PACKAGE), "cpu", "PP-OCRv4", names, hashed.hexdigest())

    @cached_property
    def _engine(self) -> Any:
        from rapidocr_onnxruntime import RapidOCR

        return RapidOCR(intra_op_num_threads=self._threads)

    def read(self, image: Image.Image) -> str:
        """All lines, from top to bottom and from left to right, with line breaks between them."""
        import numpy as np

        blue_first = np.ascontiguousarray(np.asarray(image.convert("RGB"))[..., ::-1])
        lines, _ = self._engine(blue_first)
        return "\n".join(str(text) for _, text, _ in lines or ())

    def own_error(self, texts: Sequence[str]) -> float:
        """The character error rate of these texts set in plain type: what the reader gets wrong by itself."""
        key = tuple(texts)
        if key not in self._own_errors:
            self._own_errors[key] = character_error_rate(texts, self.read(rendered(key)))
        return self._own_errors[key]


@lru_cache(maxsize=64)
def rendered(texts: tuple[str, ...]) -> Image.Image:
    """Texts in black on white, each from a new line on, broken between words where they are too wide."""
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default(size=FONT_PX)
    lines = [line for text in texts for line in _broken(text, font)]
    wide = max(font.getlength(line) for line in lines)
    size = round(wide) + 2 * MARGIN_PX, round(len(lines) * FONT_PX * LINE_SPACING) + 2 * MARGIN_PX
    image = Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(image)
    for number, line in enumerate(lines):
        pen.text((MARGIN_PX, MARGIN_PX + number * FONT_PX * LINE_SPACING), line, font=font, fill="black")
    return image


def _broken(text: str, font: Any) -> list[str]:
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and font.getlength(longer) > WIDEST_PX:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines
