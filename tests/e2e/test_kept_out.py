"""Images that are kept out of battles are listed with their reason, and the operator has the last word."""

import pytest

from arena.settings import Settings
from tests.arena.battles.conftest import CONTENDERS, fill


@pytest.fixture
def plain(arena):
    """Images of one colour each: all of them are blank."""
    fill(Settings(data_dir=arena.data), CONTENDERS[:2], prompts=2, repetitions=1).close()
    return arena


def test_blank_images_are_listed_and_the_operator_admits_one(plain):
    assert plain.json("images", "kept-out") == []
    assert "4 new images, 4 kept out" in plain("images", "screen").err
    rows = plain.json("images", "kept-out")
    assert {r["reason"] for r in rows} == {"blank: the same colour all over"}
    assert {r["endpoint"] for r in rows} == set(CONTENDERS[:2])
    plain("images", "admit", rows[0]["sha256"], "--reason", "the prompt asks for one colour")
    plain("images", "keep-out", rows[1]["sha256"], "--reason", "shows our logo")
    assert "0 new images" in plain("images", "screen").err
    left = {r["sha256"]: (r["reason"], r["by"]) for r in plain.json("images", "kept-out")}
    assert set(left) == {r["sha256"] for r in rows[1:]}
    assert left[rows[1]["sha256"]] == ("kept out by the operator: shows our logo", "operator")
    assert "shows our logo" in plain("images", "kept-out").out


def test_an_image_that_is_not_there_is_refused(plain):
    assert "there is no image 'abc'" in plain("images", "admit", "abc", "--reason", "x", code=2).sentence
    sha256 = "0" * 64
    assert "there is no image" in plain("images", "keep-out", sha256, "--reason", "x", code=2).sentence
