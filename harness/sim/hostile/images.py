"""Images that are none, not whole, not what was asked for, or much larger than they look."""

from __future__ import annotations

import asyncio
import io
import struct
import zlib
from typing import TYPE_CHECKING

import anyio
from PIL import Image

from arena.domain.failure import FailureKind as F
from harness.sim.hostile.case import IMAGE_PATH, SHORT_S, Case, answer, chunk, image_at, replying, said, silence
from harness.sim.hostile.pictures import SIDE_PX, inline, many_scans, part, picture, png, rows, zeros

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.sim.hostile.case import Becomes, Handler, Visit

HERE = f"{{own}}{IMAGE_PATH}.png"
DAMAGED = "the image is damaged"
ROWS = rows(SIDE_PX, SIDE_PX)


def _inside(name: str, says: str, image: bytes, *becomes: Becomes, mentions: str = "") -> Case:
    """An image inside the answer."""
    return Case(name, says, becomes, replying(said(inline(image))), mentions=mentions)


def _bomb(name: str, says: str, made: Callable[[], bytes], *becomes: Becomes, mentions: str = "") -> Case:
    """An image inside the answer that is made only when it is asked for."""

    async def handle(visit: Visit) -> None:
        await visit.send(await asyncio.to_thread(lambda: said(inline(made()))))

    return Case(name, says, becomes, handle, mentions=mentions, heavy=True)


def _fetched(
    name: str, says: str, reply: bytes | Handler, *becomes: Becomes, deadline_s: float = 30, heavy: bool = False
) -> Case:
    """An image behind an address."""
    return Case(name, says, becomes, image_at(HERE, reply), deadline_s=deadline_s, heavy=heavy)


def _other(image_format: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (SIDE_PX, SIDE_PX)).save(buffer, image_format)
    return buffer.getvalue()


def _webp(width_px: int, height_px: int) -> bytes:
    """A WebP whose canvas is said to be of this size."""
    frame = picture("WEBP", lossless=True)[12:]
    canvas = b"VP8X" + struct.pack("<I", 10) + bytes(4)
    canvas += (width_px - 1).to_bytes(3, "little") + (height_px - 1).to_bytes(3, "little")
    return b"RIFF" + struct.pack("<I", 4 + len(canvas) + len(frame)) + b"WEBP" + canvas + frame


def _spoilt(image: bytes) -> bytes:
    middle = len(image) // 2
    return image[:middle] + bytes(b ^ 0xFF for b in image[middle : middle + 40]) + image[middle + 40 :]


async def _endless(visit: Visit) -> None:
    await visit.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(1_000_000):
        await visit.send(chunk(picture()))


async def _dripped(visit: Visit) -> None:
    for byte in answer(picture(), content_type="image/png"):
        await visit.send(bytes([byte]))
        await anyio.sleep(0.2)


async def _reset(visit: Visit) -> None:
    await visit.send(answer(picture())[:-50])
    visit.reset()


def _files(data: bytes, content_type: str = "image/png") -> bytes:
    return answer(data, content_type=content_type)


HTML = b"<!doctype html><html><body><script>alert(1)</script></body></html>"
SVG = b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'><image href='file:///etc/passwd'/></svg>"

CASES = (
    _bomb(
        "png-bomb-header",
        "a PNG that says 60,000 x 60,000",
        lambda: png(60_000, 60_000, zeros(100)),
        F.BAD_IMAGE,
        mentions="pixels",
    ),
    _bomb(
        "png-bomb-below-the-limit",
        "a PNG of 63.9 million black pixels in 200 KB",
        lambda: png(7990, 7990, rows(7990, 7990)),
        F.WRONG_SIZE,
    ),
    _bomb(
        "png-bomb-behind-the-rows",
        "a PNG with a gigabyte behind its last row",
        lambda: png(SIDE_PX, SIDE_PX, zeros(1000)),
        F.BAD_IMAGE,
        "ok",
    ),
    _bomb(
        "png-bomb-text",
        "a PNG with 200 MB of packed comment",
        lambda: png(SIDE_PX, SIDE_PX, ROWS, part(b"zTXt", b"Comment\0\0" + zeros(200))),
        F.BAD_IMAGE,
        "ok",
    ),
    _bomb(
        "png-bomb-profile",
        "a PNG with 200 MB of packed colour profile",
        lambda: png(SIDE_PX, SIDE_PX, ROWS, part(b"iCCP", b"p\0\0" + zeros(200))),
        F.BAD_IMAGE,
        "ok",
    ),
    _inside(
        "png-many-chunks",
        "a PNG of 100,000 empty chunks",
        png(SIDE_PX, SIDE_PX, ROWS, *[part(b"teSt", b"")] * 100_000),
        "ok",
        F.BAD_IMAGE,
    ),
    _inside(
        "png-endless-animation",
        "a PNG that says it has four thousand million frames",
        png(SIDE_PX, SIDE_PX, ROWS, part(b"acTL", struct.pack(">II", 2**32 - 1, 0))),
        "ok",
        F.BAD_IMAGE,
    ),
    _bomb(
        "jpeg-bomb-scans",
        "a progressive JPEG of 36 million pixels with 20,000 scans",
        lambda: many_scans(20_000, 6000),
        F.BAD_IMAGE,
        mentions="scans",
    ),
    _inside(
        "jpeg-bomb-header",
        "a JPEG that says 65,500 x 65,500",
        picture("JPEG").replace(struct.pack(">HH", SIDE_PX, SIDE_PX), struct.pack(">HH", 65_500, 65_500), 1),
        F.BAD_IMAGE,
        mentions="pixels",
    ),
    _bomb("webp-bomb-canvas", "a WebP with a canvas of 16,384 x 16,384", lambda: _webp(16_384, 16_384), F.BAD_IMAGE),
    _inside("png-cut-off", "half a PNG", picture()[: len(picture()) // 2], F.BAD_IMAGE, mentions=DAMAGED),
    _inside("jpeg-cut-off", "half a JPEG", picture("JPEG")[: len(picture("JPEG")) // 2], F.BAD_IMAGE, mentions=DAMAGED),
    _inside("webp-cut-off", "half a WebP", picture("WEBP")[: len(picture("WEBP")) // 2], F.BAD_IMAGE),
    _inside("png-spoilt", "a PNG with forty wrong bytes", _spoilt(picture()), F.BAD_IMAGE),
    _inside(
        "png-checksum",
        "a PNG whose header has a wrong checksum",
        picture()[:29] + b"\0\0\0\0" + picture()[33:],
        F.BAD_IMAGE,
    ),
    _inside("png-of-no-pixels", "a PNG of 0 x 0", png(0, 0, zlib.compress(b"")), F.BAD_IMAGE),
    _inside("png-header-only", "a PNG without a row", png(SIDE_PX, SIDE_PX, None), F.BAD_IMAGE),
    _inside("signature-only", "the first eight bytes of a PNG", picture()[:8], F.BAD_IMAGE),
    _inside("svg-inside", "an SVG where a PNG is expected", SVG, F.BAD_IMAGE, mentions="text document"),
    _inside("html-inside", "a web page where a PNG is expected", HTML, F.BAD_IMAGE, mentions="text document"),
    _inside("gif-inside", "a GIF where a PNG is expected", _other("GIF"), F.BAD_IMAGE, mentions="no PNG, JPEG or WebP"),
    _inside("tiff-inside", "a TIFF where a PNG is expected", _other("TIFF"), F.BAD_IMAGE, mentions="no PNG, JPEG"),
    _inside(
        "eps-inside",
        "PostScript where a PNG is expected",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nquit\n",
        F.BAD_IMAGE,
        mentions="no PNG, JPEG",
    ),
    _inside("polyglot-html", "a PNG with a web page behind it", picture() + HTML, "ok"),
    _inside("polyglot-zip", "a JPEG with an archive behind it", picture("JPEG") + b"PK\x05\x06" + bytes(18), "ok"),
    _inside("polyglot-comment", "a web page with a PNG inside", HTML + picture(), F.BAD_IMAGE),
    _inside("empty-image", "an image of no bytes", b"\n", F.BAD_IMAGE),
    _inside("wrong-size", "an image of half the size", picture(side_px=32), F.WRONG_SIZE),
    Case(
        "base64-broken",
        "base64 with a letter that there is not",
        (F.BAD_IMAGE,),
        replying(said({"data": [{"b64_json": "iVBORw0KGgo*" * 100}]})),
        mentions="base64",
    ),
    Case(
        "base64-as-data-uri",
        "a data URI where base64 is expected",
        (F.BAD_IMAGE,),
        replying(said({"data": [{"b64_json": "data:image/png;base64,iVBORw0KGgo="}]})),
    ),
    Case(
        "two-for-one",
        "two images where one was asked for",
        (F.WRONG_COUNT,),
        replying(said(inline(picture(), picture()))),
    ),
    Case(
        "ten-thousand-addresses",
        "ten thousand addresses where one image was asked for",
        (F.WRONG_COUNT,),
        replying(said({"data": [{"url": HERE}] * 10_000})),
        most_requests=1,
    ),
    _fetched("download-good", "works, as a control", _files(picture()), "ok"),
    _fetched("download-mislabelled", "a PNG under the name of a text", _files(picture(), "text/plain"), "ok"),
    _fetched("download-svg", "an SVG under the name of a PNG", _files(SVG), F.BAD_IMAGE),
    _fetched("download-html", "a web page under the name of a PNG", _files(HTML), F.BAD_IMAGE),
    _fetched("download-json", "JSON under the name of a PNG", _files(b'{"error": "expired"}'), F.BAD_IMAGE),
    _fetched("download-empty", "no bytes under the name of a PNG", _files(b""), F.BAD_IMAGE),
    _fetched("download-endless", "an image for ever", _endless, F.DOWNLOAD, heavy=True),
    _fetched("download-dripped", "a byte of the image every 200 ms", _dripped, F.TIMEOUT, deadline_s=SHORT_S),
    _fetched("download-silent", "no answer to the download", silence, F.TIMEOUT, deadline_s=SHORT_S),
    _fetched("download-reset", "a reset in the middle of the download", _reset, F.DOWNLOAD),
    _fetched("download-expired", "403 to the download", answer(b"expired", "403 Forbidden"), F.DOWNLOAD),
    _fetched("download-partial", "206 and a part of the image", answer(picture()[:99], "206 Partial"), F.DOWNLOAD),
    _fetched(
        "download-needs-a-key",
        "401 to the download, and asks for a key",
        answer(b"", "401 No", headers=[("WWW-Authenticate", "Bearer")]),
        F.DOWNLOAD,
    ),
)
