"""Sizes: what was asked for, what was told, what may come back."""

import pytest

from arena.domain.request import AspectRatio, PixelSize
from harness.providers.base import Sizing


def size(text):
    width, height = map(int, text.split("x"))
    return PixelSize(width_px=width, height_px=height)


@pytest.mark.parametrize(
    ("ratio", "megapixels", "expected"),
    [("1:1", 1, "1024x1024"), ("1:1", 0.25, "512x512"), ("16:9", 1, "1360x768"), ("9:16", 1, "768x1360"),
     ("3:2", 1, "1248x832"), ("21:9", 1, "1568x672"), ("4:3", 4, "2368x1776")],
)  # fmt: skip
def test_a_ratio_and_megapixels_come_to_a_size_on_the_latent_grid(ratio, megapixels, expected):
    width, height = map(int, ratio.split(":"))
    found = AspectRatio(width=width, height=height).size(megapixels)
    assert str(found) == expected
    assert found.width_px % 16 == found.height_px % 16 == 0


def test_an_exact_size_must_be_delivered_exactly():
    sizing = Sizing("1024x768", size("1024x768"))
    assert sizing.keeps(size("1024x768"))
    assert sizing.accepts(size("1024x768"))
    assert not sizing.accepts(size("1024x752"))
    assert not sizing.accepts(size("768x1024"))


def test_a_nominal_size_may_be_rounded_but_not_halved_or_turned():
    sizing = Sizing("4:3 at 1 MP", size("1183x887"), exact=False)
    assert not sizing.keeps(size("1183x887"))
    assert all(sizing.accepts(size(s)) for s in ("1183x887", "1184x880", "1168x880", "1152x864"))
    assert not any(sizing.accepts(size(s)) for s in ("591x443", "887x1183", "1024x1024", "1280x720"))


def test_where_no_size_can_be_told_any_is_right():
    assert Sizing("not sent", None).accepts(size("64x64"))
    assert not Sizing("not sent", None).keeps(size("64x64"))
