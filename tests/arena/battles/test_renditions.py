"""What is shown tells nothing of who made it: size, codec, metadata, length and bytes."""

import io
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from arena.battles.renditions import BOX_PX, SIZE_STEP_BYTES, Gallery, common_length, render, salted, unfit
from arena.store.blobs import BlobStore
from arena.store.contenders import enroll, newcomers
from arena.store.entries import edition, entries

CANARY = b"ProviderX-canary"


def picture(width=300, height=200, image_format="PNG", **options):
    ramp = np.linspace(0, 255, width * height, dtype=np.uint8).reshape(height, width)
    image = Image.fromarray(np.stack((ramp, ramp[::-1], 255 - ramp), axis=2))
    buffer = io.BytesIO()
    image.save(buffer, image_format, **options)
    return buffer.getvalue()


def with_metadata(image_format):
    exif = Image.Exif()
    exif[0x0131] = CANARY.decode()  # Software
    exif[0x010F] = CANARY.decode()  # Make
    if image_format == "PNG":
        info = PngImagePlugin.PngInfo()
        info.add_text("parameters", CANARY.decode())
        info.add_itxt("XML:com.adobe.xmp", f"<x>{CANARY.decode()}</x>")
        return picture(pnginfo=info, exif=exif, icc_profile=b"icc" + CANARY)
    more = {"comment": CANARY} if image_format == "JPEG" else {}
    return picture(image_format=image_format, exif=exif, xmp=b"<x>" + CANARY + b"</x>", **more)


@pytest.mark.parametrize("image_format", ["PNG", "JPEG", "WEBP"])
def test_no_metadata_survives(image_format):
    data = with_metadata(image_format)
    assert CANARY in data
    shown = render(data)
    assert CANARY not in shown
    with Image.open(io.BytesIO(shown)) as image:
        assert (image.format, image.size, image.mode) == ("JPEG", (BOX_PX, BOX_PX), "RGB")
        assert not image.getexif()
        assert set(image.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}


@pytest.mark.parametrize("size", [(64, 64), (1183, 887), (2048, 2048), (670, 1564), (16, 1000)])
def test_every_size_and_codec_comes_out_alike(size):
    heads = set()
    for image_format in ("PNG", "JPEG", "WEBP"):
        shown = render(picture(*size, image_format))
        with Image.open(io.BytesIO(shown)) as image:
            image.load()
            assert image.size == (BOX_PX, BOX_PX)
            heads.add(str(image.quantization))
    assert len(heads) == 1


def test_a_picture_keeps_its_shape_and_stands_upright():
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    shown = render(picture(200, 100, "JPEG", exif=exif))
    with Image.open(io.BytesIO(shown)) as image:
        columns = np.asarray(image, dtype=float).std(axis=(0, 2))
    assert columns[BOX_PX // 2 + 200] > 10
    assert columns[10] < 2  # the neutral ground beside an upright picture


def test_transparency_is_laid_on_the_ground():
    buffer = io.BytesIO()
    Image.new("RGBA", (64, 64), (255, 0, 0, 0)).save(buffer, "PNG")
    with Image.open(io.BytesIO(render(buffer.getvalue()))) as image:
        assert np.abs(np.asarray(image, dtype=int) - 128).max() <= 3


@given(st.integers(4, 400_000), st.text(max_size=8))
def test_a_salted_file_has_the_wanted_length_and_the_same_pixels(more, salt):
    shown = b"\xff\xd8" + b"pixels" * 50
    found = salted(shown, salt, "left", len(shown) + more)
    assert len(found) == len(shown) + more
    assert found.startswith(b"\xff\xd8\xff\xfe")
    assert found.endswith(shown[2:])


def test_salting_changes_the_bytes_for_every_battle_and_no_pixel():
    left, right = render(picture(300, 200)), render(picture(200, 300, "WEBP"))
    length = common_length(left, right)
    assert length % SIZE_STEP_BYTES == 0
    one, other = (salted(left, salt, "left", length) for salt in ("a", "b"))
    assert one != other
    assert len(one) == len(salted(right, "a", "right", length)) == length
    with Image.open(io.BytesIO(one)) as salty, Image.open(io.BytesIO(left)) as plain:
        assert np.array_equal(np.asarray(salty), np.asarray(plain))


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (128, 10, 10)])
def test_a_blank_image_is_kept_out(colour):
    buffer = io.BytesIO()
    Image.new("RGB", (512, 512), colour).save(buffer, "PNG")
    assert unfit(buffer.getvalue()).startswith("blank")
    assert unfit(picture()) is None


def test_a_rendition_is_made_once_and_a_blank_image_leaves_the_pool(database, settings, tmp_path):
    originals, renditions = BlobStore(settings.images_dir), BlobStore(tmp_path / "renditions")
    gallery = Gallery(database, originals, renditions)
    with database.write() as connection:
        enroll(connection, newcomers(connection, datetime.now(UTC)))
        before, edition_before = set(entries(connection, simulated=False)[1].sha256.astype(str)), edition(connection)
        assert edition(connection) == edition_before
    sha256 = min(before)
    kept_out = gallery.prepare([sha256])  # the images of this database are of one colour
    assert kept_out == {sha256: "blank: the same colour all over"}
    with database.read() as connection:
        after, edition_after = set(entries(connection, simulated=False)[1].sha256.astype(str)), edition(connection)
    assert before - after == {sha256}
    assert edition_after != edition_before, "whoever holds the old pool learns that it is old"
    assert gallery.shown(sha256) is None
