"""How alike two images are."""

import io

import numpy as np
import pytest

from arena.metrics.likeness import Gallery, Likeness, likeness, psnr_db
from harness.sim.habits import named, noisy
from harness.sim.pictures import draw
from tests.servers import png


def encoded(image, kind="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def picture():
    return draw("a red fox in the snow", 3, 160, 128, 0.9, "painted")


def test_the_degrees_of_likeness(picture):
    file = encoded(picture)
    assert likeness(file, file) is Likeness.BYTES
    assert likeness(file, encoded(picture, compress_level=9)) is Likeness.PIXELS
    assert likeness(file, named(file, "another name")) is Likeness.PIXELS
    assert likeness(file, encoded(noisy(picture, 1))) is Likeness.NEAR
    assert likeness(file, encoded(picture, "JPEG", quality=92)) is Likeness.NEAR
    assert likeness(file, encoded(picture.resize((128, 128)))) is Likeness.DIFFERENT


@pytest.mark.parametrize("style", ["flat", "painted", "ink"])
def test_pictures_of_other_seeds_are_different(style):
    files = [encoded(draw("a lighthouse at dusk", seed, 128, 128, 0.8, style)) for seed in range(4)]
    assert {likeness(files[0], other) for other in files[1:]} == {Likeness.DIFFERENT}


def test_the_ratio_is_that_of_its_definition():
    a = np.full((4, 4, 3), 100, dtype="uint8")
    assert psnr_db(a, a + 10) == pytest.approx(10 * np.log10(255**2 / 100))
    assert psnr_db(a, a) == float("inf")


def test_a_gallery_reads_only_what_it_must(picture):
    files, read = {"a": png(), "b": png(colour=(0, 0, 0)), "c": encoded(picture)}, []

    def load(sha256):
        read.append(sha256)
        return files[sha256]

    gallery = Gallery(load)
    assert gallery.alike("a", "a") is Likeness.BYTES
    assert read == []
    assert gallery.alike("c", "a") is gallery.alike("a", "c") is Likeness.DIFFERENT
    assert sorted(read) == ["a", "c"]
    assert gallery.blank("b")
    assert not gallery.blank("c")
