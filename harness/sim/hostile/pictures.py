"""Images for the catalogue: good ones, and what only looks like one."""

from __future__ import annotations

import base64
import io
import struct
import zlib
from functools import lru_cache
from typing import Any

from PIL import Image

SIDE_PX = 64
SIGNATURE = b"\x89PNG\r\n\x1a\n"


@lru_cache
def picture(image_format: str = "PNG", side_px: int = SIDE_PX, **options: Any) -> bytes:
    """An image that decodes."""
    buffer = io.BytesIO()
    Image.linear_gradient("L").resize((side_px, side_px)).convert("RGB").save(buffer, image_format, **options)
    return buffer.getvalue()


def inline(*images: bytes) -> dict[str, Any]:
    """The JSON of an OpenAI-compatible answer with images inside."""
    return {"data": [{"b64_json": base64.b64encode(image).decode()} for image in images]}


def part(kind: bytes, data: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width_px: int, height_px: int, rows: bytes | None, *more: bytes, colour: int = 2) -> bytes:
    """A PNG put together by hand: its header, further chunks, its compressed rows."""
    header = part(b"IHDR", struct.pack(">IIBBBBB", width_px, height_px, 8, colour, 0, 0, 0))
    data = b"" if rows is None else part(b"IDAT", rows)
    return SIGNATURE + header + b"".join(more) + data + part(b"IEND", b"")


def zeros(megabytes: int) -> bytes:
    """So many megabytes of zeros in zlib's format, a thousandth as large; the checksum at their end is wrong."""
    packer, block = zlib.compressobj(9), bytes(1_000_000)
    first, again = (packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    return first + again * (megabytes - 1) + b"\x03\x00" + bytes(4)


def rows(width_px: int, height_px: int) -> bytes:
    """The compressed rows of a black image."""
    packer, row = zlib.compressobj(1), bytes(1 + 3 * width_px)
    return b"".join([*(packer.compress(row) for _ in range(height_px)), packer.flush()])


def many_scans(count: int, side_px: int) -> bytes:
    """A grey progressive JPEG whose last scan, of 59 bytes, is there so many times: small, and very slow to decode."""
    buffer = io.BytesIO()
    Image.new("L", (side_px, side_px), 128).save(buffer, "JPEG", progressive=True)
    plain = buffer.getvalue()
    last, end = plain.rindex(b"\xff\xda"), plain.rindex(b"\xff\xd9")
    return plain[:last] + plain[last:end] * count + plain[end:]
