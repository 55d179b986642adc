"""Pictures: repeatable, of the size asked for, and worse when the quality is lower."""

from __future__ import annotations

import pytest
from PIL import Image, ImageChops, ImageStat

from harness.sim.art.reading import read
from harness.sim.pictures import STYLES, draw, edit

PROMPTS = (
    "a mountain lake at sunset with two boats",
    "village houses in the snow",
    "a rainy city street at night",
    "portrait of a bearded man with a hat and glasses",
    "two bottles, a cup, an apple, a candle, a book, a cube, a ball and a vase on a table",
    "five yellow tulips",
    "three rabbits, a dog, a fox and a bear",
    "a rocket near a planet",
    "abstract shapes",
    'a chalkboard sign that says "SOUP 5"',
    'a neon sign "OPEN"',
    'a poster with the words "LISBON"',
    "a black and white desert with a lighthouse by the sea",
    "nothing that is known",
)


@pytest.mark.parametrize("prompt", PROMPTS)
def test_same_arguments_same_pixels(prompt):
    for style in STYLES:
        one, again = (draw(prompt, 5, 96, 128, 0.4, style) for _ in range(2))
        assert one.size == (96, 128)
        assert one.tobytes() == again.tobytes()


def test_prompt_seed_and_style_make_different_pictures():
    base = draw("a lake", 1, 64, 64, 0.8, "flat").tobytes()
    assert base != draw("a hill", 1, 64, 64, 0.8, "flat").tobytes()
    assert base != draw("a lake", 2, 64, 64, 0.8, "flat").tobytes()
    assert base != draw("a lake", 1, 64, 64, 0.8, "paper").tobytes()


@pytest.mark.parametrize(
    "prompt", ['add the words "HI"', "make it night", "add two balloons", "in the style of a print"]
)
def test_edit_is_repeatable_and_changes_the_source(prompt):
    source = draw("a lake", 1, 160, 120, 1.0, "flat")
    one, again = (edit(source, prompt, 3, 96, 96, 0.9, "soft") for _ in range(2))
    assert one.size == (96, 96)
    assert one.tobytes() == again.tobytes()
    assert ImageStat.Stat(ImageChops.difference(one, source.resize((96, 96)))).sum != [0, 0, 0]


def test_lower_quality_is_noisier():
    def roughness(quality: float) -> float:
        # flat ground, so that what differs between neighbours is noise
        image = draw("abstract shapes", 4, 256, 256, quality, "flat").crop((0, 0, 24, 24)).convert("L")
        return ImageStat.Stat(ImageChops.difference(image, ImageChops.offset(image, 1, 0)).crop((1, 0, 24, 24))).mean[0]

    assert roughness(0.2) > roughness(0.95)


def test_pictures_of_extreme_shapes_are_drawn():
    assert draw("a city", 1, 64, 1024, 0.5, "retro").size == (64, 1024)
    assert draw('a sign "A"', 1, 2048, 64, 0.5, "painted").size == (2048, 64)
    assert edit(Image.new("L", (1, 1)), "warmer", 1, 64, 64, 0.5, "ink").mode == "RGB"


def test_reading_spots_subject_number_colour_light_and_words():
    reading = read('Three red balloons over hills at night with a banner "Hello There"')
    assert (reading.count, reading.colours, reading.light) == (3, ("red",), "night")
    assert reading.words == "Hello There"
    assert read("an oil portrait of a sailor").subject == "portrait"
    assert read("two cats on a table").subject == "animal"
    assert read("it's the baker's city").words == ""
