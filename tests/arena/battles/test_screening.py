"""Placeholders, marks and blank images are kept out with a reason; pictures that were asked for are not."""

import io
from datetime import UTC, datetime

import numpy as np
import pytest
from PIL import Image, ImageDraw

from arena.battles import image_marks
from arena.battles.ballots import Ballots
from arena.battles.renditions import Gallery
from arena.battles.screening import Screen
from arena.reports.kept_out import kept_out
from arena.store import screening
from arena.store.blobs import BlobStore
from tests.arena.battles import conftest
from tests.arena.battles.conftest import CONTENDERS, fill

pytestmark = pytest.mark.slow

PX = 256


def scene(number, size=PX):
    """A picture of its own: soft shapes and some grain."""
    rng = np.random.default_rng(number)
    image = Image.new("RGB", (size, size), tuple(int(c) for c in rng.integers(0, 255, 3)))
    draw = ImageDraw.Draw(image)
    for _ in range(12):
        x, y, r = (float(v) for v in rng.uniform(0, size, 3))
        draw.ellipse((x - r / 3, y - r / 3, x + r / 3, y + r / 3), fill=tuple(int(c) for c in rng.integers(0, 255, 3)))
    grain = rng.normal(0, 6, (size, size, 3))
    return Image.fromarray(np.clip(np.asarray(image) + grain, 0, 255).astype(np.uint8))


def stamped(image):
    """The same with a half-transparent name in its lower right corner."""
    marked = image.copy()
    ImageDraw.Draw(marked, "RGBA").text((PX - 92, PX - 20), "ProviderX AI", fill=(255, 255, 255, 170))
    return marked


def card(text):
    """A notice instead of a picture."""
    image = Image.new("RGB", (PX, PX), (30, 30, 34))
    ImageDraw.Draw(image).text((60, 120), text, fill=(230, 230, 230))
    return image


def as_bytes(image):
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def filled(settings, monkeypatch):
    """A run whose images `picture(seq)` makes; contender and prompt follow from `seq`."""
    opened = []

    def make(picture, prompts, endpoints=CONTENDERS):
        numbers = iter(range(10_000))
        monkeypatch.setattr(conftest, "png", lambda *_: as_bytes(picture(next(numbers))))
        opened.append(fill(settings, endpoints, prompts, repetitions=1))
        return opened[0], Screen(opened[0], BlobStore(settings.images_dir))

    yield make
    for database in opened:
        database.close()


def reasons(database):
    with database.read() as connection:
        return kept_out(connection)


def test_pictures_that_were_asked_for_stay(filled):
    _, screen = filled(scene, 8, CONTENDERS[:2])
    found = screen.run()
    assert (found.looked_at, found.kept_out) == (16, {})
    assert screen.run().looked_at == 0


def test_a_notice_that_comes_for_several_prompts_is_kept_out_and_the_pictures_beside_it_stay(filled):
    n = len(CONTENDERS)

    def picture(seq):
        prompt = seq // n
        if seq % n == 0 and prompt < 3:
            return card(f"content blocked, request {prompt}")  # never the same bytes
        return card("black") if seq % n == 1 and prompt < 2 else scene(seq)

    database, screen = filled(picture, 5)
    screen.run()
    rows = reasons(database)
    assert {(r["endpoint"], r["reason"], len(r["prompts"])) for r in rows} == {
        (CONTENDERS[0], "placeholder: the same picture came for 3 different prompts", 1),
        (CONTENDERS[1], "placeholder: the same image came for 2 different prompts", 2),
    }
    assert len(rows) == 4
    pool = Ballots(database).pool(simulated=False)
    assert not any(pool.holds(r["sha256"]) for r in rows)
    assert len(set(pool.images.sha256.tolist())) == 5 * n - 5  # one of the four came twice


def test_one_card_is_no_placeholder_yet_and_becomes_one_with_the_third(filled, settings):
    _, screen = filled(lambda seq: card(f"no {seq}") if seq in {0, 4, 8} else scene(seq), 4)
    assert screen.run(most=8).kept_out == {}  # two cards: it might have been what was asked for
    assert len(screen.run().kept_out) == 3


@pytest.mark.slow
def test_a_mark_at_the_same_place_of_one_providers_images_is_kept_out(filled):
    n = len(CONTENDERS)
    database, screen = filled(lambda seq: stamped(scene(seq)) if seq % n == 2 else scene(seq), 16)
    screen.run()
    rows = reasons(database)
    assert {r["endpoint"] for r in rows} == {CONTENDERS[2]}
    assert len(rows) >= 14
    assert rows[0]["reason"].startswith("watermark: the same mark, bottom right, in ")
    pool = Ballots(database).pool(simulated=False)
    assert len(pool.contenders) >= 3


def test_what_all_providers_share_is_no_mark_of_one():
    greys = [image_marks.grey(stamped(scene(i))) for i in range(32)]
    assert image_marks.find_mark(greys[:16], []) is not None
    assert image_marks.find_mark(greys[:16], greys[16:]) is None
    assert image_marks.find_mark(greys[:7], []) is None


def test_the_operator_has_the_last_word_on_an_image(filled, settings, tmp_path):
    database, screen = filled(lambda seq: card("black") if seq in {0, 4} else scene(seq), 3)
    (sha256,) = screen.run().kept_out
    gallery = Gallery(database, BlobStore(settings.images_dir), BlobStore(tmp_path / "renditions"))
    assert gallery.shown(sha256) is None
    now = datetime.now(UTC)
    with database.write() as connection:
        screening.rule_on_image(connection, sha256, "a minimalist prompt", now, apart=False)
    assert gallery.shown(sha256) is not None
    assert reasons(database) == []
    with database.write() as connection:
        screening.keep_out(connection, {}, now)
        screening.rule_on_image(connection, sha256, "on second thoughts", now, apart=True)
    assert [(r["reason"], r["by"]) for r in reasons(database)] == [
        ("kept out by the operator: on second thoughts", "operator")
    ]
    assert gallery.shown(sha256) is None


def test_a_blank_image_that_the_operator_admits_is_shown(filled, settings, tmp_path):
    database, screen = filled(lambda seq: Image.new("RGB", (PX, PX)) if seq == 0 else scene(seq), 2)
    ((sha256, reason),) = screen.run().kept_out.items()
    assert reason == "blank: the same colour all over"
    with database.write() as connection:
        screening.rule_on_image(connection, sha256, "the prompt asks for black", datetime.now(UTC), apart=False)
    gallery = Gallery(database, BlobStore(settings.images_dir), BlobStore(tmp_path / "renditions"))
    assert gallery.shown(sha256) is not None
