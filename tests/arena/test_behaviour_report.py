"""What stored rows say about an endpoint: one case settles that something happens, three that it does not."""

import pandas as pd
import pytest

from arena.metrics.likeness import Gallery
from arena.reports.behaviour import Answer, behaviours
from tests.servers import png

COLOURS = {name: index for index, name in enumerate("abcdefgh")}
START = pd.Timestamp("2026-01-01", tz="UTC")


def striped(name):
    """A picture that is unlike that of any other letter, and not blank."""
    from io import BytesIO

    import numpy as np
    from PIL import Image

    rng = np.random.default_rng(COLOURS[name[0]])
    buffer = BytesIO()
    Image.fromarray(rng.integers(0, 255, (64, 64, 3), dtype="uint8")).save(buffer, "PNG", compress_level=len(name))
    return buffer.getvalue()


def load(name):
    return png() if name == "blank" else striped(name)


def call(sha, seed=1, at_s=0.0, ms=100.0, **changes):
    """One answered request: the name of its image, its seed, when it was sent and how long it took."""
    fields = {
        "run_id": "r", "trial": 0, "attempt": 1, "endpoint": "t/a", "simulated": True, "phase": "measure",
        "prompt_sha256": "p", "requested_width_px": 64, "requested_height_px": 64, "requested_format": "png",
        "seed": seed, "status": "succeeded", "unsupported": "[]", "image_sha256": sha, "image_count": 1,
        "image_width_px": 64, "image_height_px": 64, "image_format": "png",
        "started_at": START + pd.Timedelta(seconds=at_s), "ended_ms": ms, "time_to_image_ms": ms, "connected_ms": None,
    }  # fmt: skip
    return {**fields, **changes}


def found(*calls, asked_n=None, images=(), pause_s=30.0):
    rows = pd.DataFrame([{**c, "trial": i} for i, c in enumerate(calls)])
    rows = rows.astype({"seed": "Int64", "image_count": "Int64", "connected_ms": "Float64", "unsupported": "string"})
    pictures = pd.DataFrame(images, columns=["run_id", "trial", "attempt", "position", "sha256"])
    [one] = behaviours(rows, pictures, asked_n or {}, Gallery(load), pause_s)
    return {finding.name: finding for finding in one.findings}


def test_a_seed_that_is_honoured():
    told = found(*[call("a", 1)] * 3, call("aa", 1), call("b", 2), call("c", 3))
    assert (told["same_seed"].answer, told["same_seed"].n) == (Answer.YES, 3)
    assert told["same_seed"].seen == "2 of 3 identical bytes, 1 of 3 identical pixels"
    assert (told["seed_cache"].answer, told["seed_cache"].n) == (Answer.NO, 3)


def test_one_other_image_settles_that_a_seed_is_not_honoured():
    told = found(call("a", 1), call("b", 1))["same_seed"]
    assert (told.answer, told.n) == (Answer.NO, 1)


def test_two_pairs_do_not_settle_that_a_seed_is_honoured():
    assert found(*[call("a", 1)] * 3)["same_seed"].answer is Answer.UNTOLD


def test_where_every_seed_gives_the_same_image_nothing_is_said_for_the_seed():
    told = found(*[call("a", 1)] * 4, call("aa", 2))
    assert told["same_seed"].answer is Answer.UNTOLD
    assert told["seed_cache"].answer is Answer.UNTOLD  # the pixels are alike, the bytes are not, and it is two images
    cached = found(call("a", 1), call("a", 2))["seed_cache"]
    assert (cached.answer, cached.n) == (Answer.YES, 2)


def test_an_endpoint_that_takes_no_seed_is_not_blamed_for_ignoring_it():
    told = found(*[call(x, 1, unsupported='["seed"]') for x in "abcd"])["same_seed"]
    assert (told.answer, told.seen) == (Answer.UNTOLD, "the endpoint cannot be told a seed")


def test_requests_without_a_seed():
    assert found(call("a", None), call("b", None), call("c", None))["unseeded_repeat"].answer is Answer.NO
    assert found(call("a", None), call("a", None))["unseeded_repeat"].answer is Answer.YES


def test_blank_images_and_other_requests_are_not_compared():
    told = found(call("blank", 1), call("blank", 2), call("a", 3), call("a", 4, prompt_sha256="q"))
    assert (told["seed_cache"].answer, told["seed_cache"].n) == (Answer.UNTOLD, 0)


def test_sizes_and_formats():
    fine = found(*[call("a")] * 3)
    assert (fine["size"].answer, fine["format"].answer) == (Answer.YES, Answer.YES)
    small = found(*[call("a")] * 3, call("a", image_width_px=32, status="failed"))["size"]
    assert (small.answer, small.seen) == (Answer.NO, "1 of 4 do not: 32x64 came where 64x64 was asked for")
    assert found(call("a", image_format="jpeg"))["format"].answer is Answer.NO
    told = found(*[call("a", image_format="webp", unsupported='["format"]')] * 3)["format"]
    assert (told.answer, told.seen) == (Answer.UNTOLD, "the endpoint cannot be told a format; it sends webp")


def test_several_images_a_call():
    two = {"run_id": "two", "image_count": 2}
    images = [("two", 0, 1, 0, "a"), ("two", 0, 1, 1, "b")]
    told = found(call("a", **two), asked_n={"two": 2}, images=images)
    assert (told["count"].answer, told["several_differ"].answer) == (Answer.YES, Answer.YES)
    same = found(call("a", **two), asked_n={"two": 2}, images=[images[0], ("two", 0, 1, 1, "a")])
    assert same["several_differ"].answer is Answer.NO
    one = found(call("a", **{**two, "image_count": 1}), asked_n={"two": 2}, images=images[:1])
    assert (one["count"].answer, one["several_differ"].answer) == (Answer.NO, Answer.UNTOLD)


def paused(first_ms, pauses=3, connected_ms=None, other_ms=100.0):
    calls, at_s = [call("a", 1, 0.0)], 0.0
    for _ in range(pauses):
        at_s += 60
        calls.append(call("a", 1, at_s, first_ms, connected_ms=connected_ms))
        for i in range(4):
            calls.append(call("a", 1, at_s + (first_ms + i * 110) / 1000, other_ms))  # noqa: PERF401
    return calls


def test_a_cold_start_is_told_from_the_opening_of_a_connection():
    cold = found(*paused(1100))["cold_start"]
    assert (cold.answer, cold.n, cold.figure.value) == (Answer.YES, 3, 1000)
    assert "3 pauses of 30 s or more" in cold.seen
    assert found(*paused(1100, connected_ms=1000))["cold_start"].answer is Answer.NO
    assert found(*paused(110))["cold_start"].answer is Answer.NO


@pytest.mark.parametrize("pauses", [0, 1, 2])
def test_few_pauses_cannot_tell_a_cold_start(pauses):
    told = found(*paused(1100, pauses))["cold_start"]
    assert (told.answer, told.n) == (Answer.UNTOLD, pauses)


def test_calls_that_follow_each_other_are_not_taken_for_pauses():
    assert found(*paused(1100), pause_s=90)["cold_start"].n == 0
