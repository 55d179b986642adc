import base64
import struct
import zlib

import pytest

from arena.domain.request import ImageFormat
from harness.images import BadImageError, image_pieces, inspect
from harness.providers.base import InlineImage
from tests.servers import png


@pytest.mark.parametrize("name", ["PNG", "JPEG", "WEBP"])
def test_the_formats_that_are_asked_for_are_recognized_by_their_bytes(name):
    facts = inspect(png(48, 32, image_format=name))
    assert (facts.format, facts.width_px, facts.height_px) == (ImageFormat(name.lower()), 48, 32)


def huge_png():
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "the image is empty"),
        (b"hello world", "the bytes are no PNG, JPEG or WebP image"),
        (b"<!DOCTYPE html><html></html>", "the image is a text document"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "the image is a text document"),
        (b'{"error": "expired"}', "the image is JSON"),
        (png(400, 400)[:-60], "the image is damaged"),
        (png(64, 64, image_format="JPEG")[:200], "the image is damaged"),
        (png(64, 64, image_format="GIF"), "the bytes are no PNG, JPEG or WebP image"),
        (huge_png(), "bomb"),
    ],
    ids=["empty", "text", "html", "svg", "json", "cut png", "cut jpeg", "gif", "bomb"],
)
def test_what_is_no_usable_image_is_said(data, reason):
    with pytest.raises(BadImageError, match=reason):
        inspect(data)


def test_a_flipped_byte_in_a_png_is_noticed():
    data = bytearray(png(400, 400))
    data[len(data) // 2] ^= 0xFF
    with pytest.raises(BadImageError, match="damaged"):
        inspect(bytes(data))


def decoded(text):
    return b"".join(image_pieces(InlineImage(text)))


@pytest.mark.parametrize("size_bytes", [150, 300_000])
def test_base64_is_taken_strictly_but_may_be_wrapped(size_bytes):
    data = (bytes(range(256)) * 1200)[:size_bytes]
    for encoded in (base64.b64encode(data), base64.encodebytes(data), base64.b64encode(data) + b"\n"):
        assert decoded(encoded.decode()) == data
        assert decoded(memoryview(encoded)) == data
    for bad in ("%%%", "abc", "YWJj!", "YWJj" * 60_000 + "Y%Jj"):
        with pytest.raises(BadImageError, match="not valid base64"):
            decoded(bad)
    assert b"".join(image_pieces(bytearray(data))) == data
