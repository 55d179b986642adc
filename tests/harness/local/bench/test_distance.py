"""Images that are the same, nearly the same, and others."""

import numpy as np
import pytest
from PIL import Image

from arena.errors import ArenaError
from harness.local.bench.distance import between


def picture(seed=0, size=(96, 80)):
    """Smooth blobs, as different from each other as their seeds."""
    noise = np.random.default_rng(seed).integers(0, 256, (10, 12, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC)


def noisy(image, levels):
    noise = np.random.default_rng(1).normal(0, levels, (*image.size[::-1], 3))
    return Image.fromarray((np.asarray(image) + noise).clip(0, 255).astype(np.uint8))


def test_the_same_pixels_are_no_distance_apart():
    assert between([picture()], [picture()]).worst == pytest.approx(0, abs=1e-12)


def test_the_distance_grows_with_what_was_changed_and_other_pictures_are_far():
    image = picture()
    apart = [between([noisy(image, levels)], [image]).worst for levels in (1, 4, 16)]
    assert 0 < apart[0] < 0.01 < apart[1] < apart[2]
    assert between([picture(7)], [image]).worst > 0.5


def test_what_shifted_counts_and_what_is_brighter_by_a_little_hardly_does():
    image = picture()
    shifted = Image.fromarray(np.roll(np.asarray(image), 3, axis=1))
    brighter = Image.fromarray((np.asarray(image, dtype=int) * 0.98 + 3).clip(0, 255).astype(np.uint8))
    assert between([brighter], [image]).worst < 0.01 < 0.1 < between([shifted], [image]).worst


def test_one_bad_image_among_good_ones_is_beyond_the_bound():
    image = picture()
    black = Image.new("RGB", image.size)
    distance = between([image] * 7 + [black], [image] * 8)
    assert distance.n == 8
    assert distance.mean < 0.15
    assert not distance.within(0.15)


def test_agrees_with_the_published_measure():
    """SSIM of a constant shift has a closed form: the covariance term is 1, the means give the rest."""
    a, b = Image.new("RGB", (64, 64), (100,) * 3), Image.new("RGB", (64, 64), (150,) * 3)
    c1 = (0.01 * 255) ** 2
    expected = 1 - (2 * 100 * 150 + c1) / (100**2 + 150**2 + c1)
    distance = between([a], [b])
    assert distance.worst == pytest.approx(expected, rel=1e-6)
    assert distance.levels == pytest.approx(50)


def test_other_sizes_are_refused_and_no_pair_is_no_distance():
    with pytest.raises(ArenaError, match="different sizes"):
        between([picture()], [picture(size=(80, 96))])
    assert between([], []) is None
