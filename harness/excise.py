"""Takes long strings out of a JSON body before it is parsed.

Parsing two megabytes of base64 as JSON holds the interpreter for milliseconds, and every other request in flight waits
with it. What an adapter must see is the rest, a few hundred bytes. Finding the ends of the long string is one search.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from harness.providers.base import Answer, Done, ImageAddress, InlineImage

LONG_BYTES = 16 * 1024
MAX_STRINGS = 2000
_MARK = b"arena-excised-%d-%d"


@dataclass(frozen=True, slots=True)
class Excised:
    """A body without its long strings; `spans` tell where they were, by the text that stands for them now."""

    skeleton: bytes
    spans: dict[str, tuple[int, int]]

    def restore(self, answer: Answer, body: bytes | bytearray) -> Done | None:
        """An answer that was read from the skeleton, with its images; None if it was not understood to the end."""
        if not isinstance(answer, Done):
            return None
        images: list[InlineImage | ImageAddress] = []
        for image in answer.images:
            if isinstance(image, ImageAddress):
                if image.url in self.spans:
                    return None
                images.append(image)
                continue
            start, end = self.spans.get(str(image.base64), (0, 0))
            # A view, not a copy: two megabytes more or less are a millisecond in which nothing else is read.
            images.append(InlineImage(memoryview(body)[start:end]) if end else image)
        return replace(answer, images=tuple(images))


def excise(body: bytes | bytearray) -> Excised | None:
    """The body with every string of 16 KB or more replaced by a short name; None where nothing is gained by it.

    Quotes are paired without regard to escapes: where that goes wrong the skeleton is no JSON, or no answer that its
    adapter understands, and the caller parses the body as it is. What JSON does not allow inside a string, control
    characters and broken UTF-8, goes unseen in a long one: an image with them is called damaged when it is decoded.
    """
    pieces: list[bytes | bytearray] = []
    spans: dict[str, tuple[int, int]] = {}
    position = kept = 0
    for _ in range(MAX_STRINGS):
        start = body.find(b'"', position) + 1
        end = body.find(b'"', start) if start else -1
        if end < 0:
            break
        if end - start >= LONG_BYTES:
            if body.startswith(b"data:", start):  # the head of a data URI tells the adapter what follows
                start = body.find(b",", start, end) + 1 or start
            if body.find(b"\\", start, end) >= 0:
                return None  # escapes are for a real parser
            name = _MARK % (start, end)
            spans[name.decode()] = start, end
            pieces += [body[kept:start], name]
            kept = end
        position = end + 1
    if not spans:
        return None
    return Excised(b"".join([*pieces, body[kept:]]), spans)
