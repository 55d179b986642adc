"""Memory for large bodies, used again once nobody holds it.

A new buffer of two megabytes costs more than receiving into it: its pages have to be mapped and cleared. Nobody gives a
buffer back; it is free when nothing refers to it any more, views included, so that none can be overwritten by mistake.
"""

from __future__ import annotations

import sys

LARGEST_BYTES = 16 * 1024 * 1024
MOST_BUFFERS = 512
_ZEROS = bytes(64 * 1024)


class Buffers:
    """For one event loop."""

    def __init__(self) -> None:
        self._all: list[bytearray] = [bytearray()]
        self._references_if_free = self._references(0)
        self._all.clear()

    def take(self, size_bytes: int) -> bytearray:
        """A buffer of exactly this size; what is in it is left over from before."""
        if size_bytes > LARGEST_BYTES:
            return bytearray(size_bytes)
        too_small = None
        for index in range(len(self._all)):
            if self._references(index) == self._references_if_free:
                if self._all[index].__alloc__() > size_bytes:
                    return _resized(self._all[index], size_bytes)
                too_small = index
        if too_small is not None:
            del self._all[too_small]
        elif len(self._all) >= MOST_BUFFERS:
            del self._all[0]
        buffer = bytearray(size_bytes)
        self._all.append(buffer)
        return buffer

    def reserve(self, count: int, size_bytes: int) -> None:
        """Have so many free buffers of at least this size, so that none has to be made while clocks run."""
        held = [self.take(size_bytes) for _ in range(min(count, MOST_BUFFERS))]
        held.clear()

    def _references(self, index: int) -> int:
        return sys.getrefcount(self._all[index])


def _resized(buffer: bytearray, size_bytes: int) -> bytearray:
    """Within what is allocated a change of size moves nothing."""
    del buffer[size_bytes:]
    while len(buffer) < size_bytes:
        buffer += _ZEROS[: size_bytes - len(buffer)]
    return buffer
