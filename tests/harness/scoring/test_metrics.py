"""Each metric on images whose answer is known."""

import io
import random

import numpy as np
import pytest
from PIL import Image, ImageFilter

from arena.catalog import Catalog
from arena.domain.request import Mode
from harness.scoring.base import Change, Subject
from harness.scoring.metrics import chosen_metrics, every_metric
from harness.scoring.metrics.edit_direction import METRIC as DIRECTION
from harness.scoring.metrics.preservation import METRIC as PRESERVATION
from harness.scoring.models import read_captions
from harness.scoring.pixels import fine_detail_db, noise_level
from harness.scoring.reader import rendered
from harness.scoring.spelling import character_error_rate, infix_distance
from harness.sim.habits import downsized, noisier
from harness.sim.pictures import draw, edit
from tests.factories import make_prompt

KNOWN = every_metric()


@pytest.fixture(scope="module")
def cat():
    return draw("a tabby cat on a red sofa", 3, 256, 256, 0.9, "flat")


def edit_prompt(category="edit-object", **changes):
    fields = {"mode": Mode.EDIT, "sources": ("cat.png",), "source_sha256": ("f" * 64,), "category": category}
    return make_prompt("an-edit", text="add a hat", **{**fields, **changes})


def value(metric, subject, toolbox):
    return metric.compute([subject], toolbox)[0].value


def test_every_file_is_a_metric_of_its_own_name():
    assert set(KNOWN) == {
        "clip_score", "contrast", "edit_direction", "fine_detail", "legible_text", "noise", "preservation",
        "sharpness", "source_similarity",
    }  # fmt: skip
    assert chosen_metrics(["noise"])[0].definition.startswith("The standard deviation")


# -- pixels ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("deviation", [3.0, 6.0, 12.0])
def test_noise_of_known_strength_is_measured(deviation):
    ramp = np.linspace(60, 190, 300)[None, :, None] + np.zeros((200, 1, 3))
    rng = np.random.default_rng(1)
    noisy = Image.fromarray((ramp + rng.normal(0, deviation, ramp.shape)).round().clip(0, 255).astype("uint8"))
    assert noise_level(noisy) == pytest.approx(deviation, rel=0.15)
    assert noise_level(Image.fromarray(ramp.round().astype("uint8"))) < 1.5


def test_the_habits_move_the_indicators_that_are_meant_to_tell_them(cat):
    assert noise_level(noisier(cat, 1)) > noise_level(cat) + 2
    assert fine_detail_db(downsized(cat)) < fine_detail_db(cat) - 4


def test_fine_detail_of_a_wave_is_all_or_nothing():
    x = np.arange(256)

    def wave(cycles_per_px):
        row = 128 + 100 * np.sin(2 * np.pi * cycles_per_px * x)
        return Image.fromarray(np.tile(row, (256, 1)).astype("uint8")).convert("RGB")

    assert fine_detail_db(wave(0.4)) > -1
    assert fine_detail_db(wave(0.05)) < -30
    assert fine_detail_db(Image.new("RGB", (64, 64), "grey")) is None


@pytest.mark.slow
def test_a_blurred_image_is_less_sharp_and_a_blank_one_has_no_contrast(cat, toolbox):
    prompt = make_prompt()
    blurred = cat.filter(ImageFilter.GaussianBlur(2))
    sharp = [
        value(KNOWN["sharpness"], Subject(str(i), image, prompt), toolbox) for i, image in enumerate((cat, blurred))
    ]
    assert sharp[0] > 3 * sharp[1]
    blank = Subject("b", Image.new("RGB", (80, 50), (9, 9, 9)), prompt)
    assert value(KNOWN["contrast"], blank, toolbox) == 0
    assert value(KNOWN["contrast"], Subject("c", cat, prompt), toolbox) > 10


# -- models ------------------------------------------------------------------------------------------------------------


def test_the_clip_score_is_the_cosine_and_chunks_are_flagged(cat, toolbox):
    prompt = make_prompt(text="a tabby cat")
    found = KNOWN["clip_score"].compute([Subject("c", cat, prompt)], toolbox)[0]
    cosine = float((toolbox.clip.texts(["a tabby cat"]) @ toolbox.clip.images([("c", cat)])[0])[0])
    assert found.value == pytest.approx(100 * cosine)
    assert found.detail == {}
    long = make_prompt(text="A tabby cat sits on a sofa in the sun. " * 20)
    chunked = KNOWN["clip_score"].compute([Subject("c", cat, long)], toolbox)[0]
    assert chunked.detail["chunks"] > 1


def test_a_batch_says_the_same_as_one_by_one(cat, toolbox):
    images = [cat, cat.rotate(90), Image.new("RGB", (64, 64), "teal")]
    subjects = [Subject(f"i{n}", image, make_prompt(text=f"text {n}")) for n, image in enumerate(images)]
    together = [m.value for m in KNOWN["clip_score"].compute(subjects, toolbox)]
    toolbox.clip._images.clear()
    apart = [value(KNOWN["clip_score"], s, toolbox) for s in subjects]
    assert together == pytest.approx(apart, abs=1e-4)


def test_an_unchanged_edit_is_wholly_similar_wholly_preserved_and_has_no_direction(cat, toolbox):
    prompt = edit_prompt()
    same = Subject("f" * 64, cat, prompt, (cat,), Change("a cat", "a cat with a hat"))
    assert value(KNOWN["source_similarity"], same, toolbox) == pytest.approx(100, abs=0.01)
    assert value(PRESERVATION, same, toolbox) == pytest.approx(100, abs=0.01)
    found = DIRECTION.compute([same], toolbox)[0]
    assert found.value is None
    assert "no direction" in found.detail["reason"]


def test_the_direction_is_that_of_both_steps(cat, toolbox):
    change = Change("a cat", "a cat in autumn leaves")
    subject = Subject("x", edit(cat, "autumn leaves", 1, 256, 256, 0.9, "flat"), edit_prompt(), (cat,), change)
    clip = toolbox.clip
    image, source = clip.images([("x", subject.image), ("f" * 64, cat)])
    before, after = clip.texts([change.before, change.after])
    steps = [v / np.linalg.norm(v) for v in (image - source, after - before)]
    assert value(DIRECTION, subject, toolbox) == pytest.approx(100 * float(steps[0] @ steps[1]), abs=1e-3)


def test_a_small_change_leaves_more_than_half_of_the_patches_alone(cat, toolbox):
    touched = cat.copy()
    touched.paste("lime", (0, 0, 60, 60))
    other = Image.fromarray(np.random.default_rng(2).integers(0, 255, (256, 256, 3), dtype="uint8"))
    values = [
        value(PRESERVATION, Subject(name, image, edit_prompt(), (cat,)), toolbox)
        for name, image in (("touched", touched), ("other", other))
    ]
    assert values[0] > values[1]


def test_preservation_says_nothing_of_edits_of_the_whole_picture_or_of_another_shape(cat, toolbox):
    assert PRESERVATION.held_against(edit_prompt("edit-style"), None) is None
    assert PRESERVATION.held_against(make_prompt(), None) is None
    found = PRESERVATION.compute([Subject("w", cat.resize((256, 128)), edit_prompt(), (cat,))], toolbox)[0]
    assert found.value is None
    assert "another shape" in found.detail["reason"]


def test_patches_of_the_padding_are_left_out(toolbox):
    inside = toolbox.features.inside((200, 100)).reshape(toolbox.features._grid)
    assert inside.any(axis=1).mean() == pytest.approx(0.5, abs=0.11)
    assert inside[inside.any(axis=1)].all()


def test_every_shipped_edit_has_captions_of_before_and_after():
    captions = read_captions(None)
    edits = [p for s in Catalog().prompt_sets().values() for p in s.prompts if p.mode is Mode.EDIT]
    assert edits
    assert [p.id for p in edits if captions.change(p) is None] == []
    assert set(captions.after) == {p.id for p in edits}


# -- text --------------------------------------------------------------------------------------------------------------


def plain_distance(a, b):
    """The edit distance of whole texts, from its definition."""
    rows = [[i + j if i * j == 0 else 0 for j in range(len(b) + 1)] for i in range(len(a) + 1)]
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            rows[i][j] = min(rows[i - 1][j] + 1, rows[i][j - 1] + 1, rows[i - 1][j - 1] + (a[i - 1] != b[j - 1]))
    return rows[-1][-1]


def test_the_distance_to_the_best_part_is_what_trying_all_parts_finds():
    rng = random.Random(5)
    for _ in range(150):
        pattern = "".join(rng.choices("abc", k=rng.randint(0, 5)))
        text = "".join(rng.choices("abc", k=rng.randint(0, 7)))
        parts = [text[i:j] for i in range(len(text) + 1) for j in range(i, len(text) + 1)]
        assert infix_distance(pattern, text) == min(plain_distance(pattern, part) for part in parts)


def test_the_error_rate_counts_characters_but_no_spaces_and_no_other_text():
    assert character_error_rate(["OPEN TILL DAWN"], "menu\nOPENTILL\nDAWN est. 1920") == 0
    assert character_error_rate(["OPEN", "SHUT"], "OPEN") == 0.5
    assert character_error_rate(["abcd"], "") == 1
    assert character_error_rate(["é"], "e\u0301") == 0
    assert character_error_rate(["abcd"], "ABCD") == 1


@pytest.mark.slow
def test_the_reader_reads_plain_type_and_says_how_often_it_is_wrong(toolbox):
    asked = ("Leek Soup 6.50", "Rye Toast 4.20")
    prompt = make_prompt(text="a menu", legible_text=asked)
    legible = KNOWN["legible_text"]
    right = legible.compute([Subject("r", rendered(asked), prompt)], toolbox)[0]
    assert right.value > 0.9
    assert right.value == pytest.approx(1 - right.detail["reader_error"])
    assert "6.50" in right.detail["read"]
    wrong = value(legible, Subject("w", rendered(("Pear Cake 9.10",)), prompt), toolbox)
    nothing = value(legible, Subject("n", Image.new("RGB", (200, 200), "navy"), prompt), toolbox)
    assert nothing == 0 < wrong < 0.7
    identity = toolbox.identity("reader")
    assert (identity.tool, len(identity.weights_sha256)) == ("rapidocr-onnxruntime", 64)


def test_images_that_ask_for_no_text_are_not_read():
    assert KNOWN["legible_text"].held_against(make_prompt(), None) is None
    texts = [KNOWN["legible_text"].held_against(make_prompt(legible_text=(t,)), None) for t in ("A", "B", "A")]
    assert texts[0] == texts[2] != texts[1]


def test_metrics_of_the_image_alone_are_held_against_nothing():
    assert KNOWN["noise"].held_against(make_prompt(), None) == ""


def test_broken_lines_fit_the_page():
    image = rendered(("a long text that goes on " * 20,))
    assert image.width < 1600
    out = io.BytesIO()
    image.save(out, "PNG")
    assert out.tell()
