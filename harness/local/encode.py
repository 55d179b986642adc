"""Images as files, and the bounded store that addresses of images point into."""

from __future__ import annotations

import io
import secrets
from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

    from arena.domain.request import ImageFormat

_SAVE_OPTIONS: dict[str, dict[str, int]] = {
    "png": {"compress_level": 4},
    "jpeg": {"quality": 95},
    "webp": {"quality": 95},
}


def encode(image: Image, image_format: ImageFormat) -> bytes:
    """`image` as a file of `image_format`; the same pixels give the same bytes. Takes CPU time."""
    buffer = io.BytesIO()
    image.save(buffer, format=image_format.value, **_SAVE_OPTIONS[image_format.value])
    return buffer.getvalue()


class FileStore:
    """Recent files in memory; the oldest go when there are more than `max_files` or `max_bytes` in all."""

    def __init__(self, max_files: int = 64, max_bytes: int = 256 * 1024 * 1024) -> None:
        self._max_files = max_files
        self._max_bytes = max_bytes
        self._files: OrderedDict[str, bytes] = OrderedDict()

    def put(self, data: bytes, extension: str) -> str:
        """Keep `data` and return its name, which cannot be guessed."""
        name = f"{secrets.token_hex(16)}.{extension}"
        self._files[name] = data
        while len(self._files) > 1 and self._is_over():
            self._files.popitem(last=False)
        return name

    def get(self, name: str) -> bytes | None:
        """The file of that name, or None when it was never there or has gone."""
        return self._files.get(name)

    def _is_over(self) -> bool:
        return len(self._files) > self._max_files or sum(map(len, self._files.values())) > self._max_bytes
