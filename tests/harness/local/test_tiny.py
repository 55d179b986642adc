"""The real server, over real sockets, around the tiny pipeline."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from PIL import ImageChops, ImageStat

pytestmark = pytest.mark.slow

ASK = {"prompt": "a lighthouse at dusk", "size": "128x64", "seed": 11}


@pytest.fixture
def generated(tiny, pictures):
    """Generates with changes to `ASK` and gives the file."""
    return lambda **changes: pictures.of(tiny.post("/images/generations", json={**ASK, **changes}))


@pytest.fixture
def edited(tiny, pictures):
    """Edits the given files and gives the resulting file."""

    def edit(*files: bytes) -> bytes:
        parts = [("image[]", (f"{i}.png", data, "image/png")) for i, data in enumerate(files)]
        return pictures.of(tiny.post("/images/edits", data={"prompt": "x", "seed": "1"}, files=parts))

    return edit


@pytest.fixture
def difference(pictures):
    """The mean difference of two images, in steps of 255."""

    def mean(first: bytes, second: bytes) -> float:
        changed = ImageChops.difference(pictures.opened(first), pictures.opened(second))
        return sum(ImageStat.Stat(changed).mean) / 3

    return mean


@pytest.mark.parametrize("name", ["png", "jpeg", "webp"])
def test_images_have_the_format_and_size_asked_for_and_are_not_flat(generated, pictures, name):
    image = pictures.opened(generated(output_format=name))
    assert (image.format, image.size, image.mode) == (name.upper(), (128, 64), "RGB")
    assert min(ImageStat.Stat(image).stddev) > 10


def test_seed_and_prompt_decide(generated, difference):
    first = generated()
    assert generated() == first
    assert difference(generated(seed=12), first) > 5
    assert difference(generated(prompt="a cellar at noon"), first) > 5
    assert difference(generated(num_inference_steps=2), first) > 5


def test_several_images_are_those_of_the_next_seeds(tiny, generated, pictures):
    reply = tiny.post("/images/generations", json={**ASK, "n": 2})
    assert [pictures.of(reply, i) for i in range(2)] == [generated(), generated(seed=12)]


def test_an_edit_depends_on_every_reference(edited, pictures, difference):
    red, blue = pictures.png(colour="red"), pictures.png(144, 96, colour="blue")
    one = edited(red)
    assert pictures.opened(one).size == (96, 80)
    assert edited(red) == one
    assert difference(edited(pictures.png(colour="green")), one) > 1
    assert difference(edited(red, blue), one) > 1
    assert difference(edited(red, pictures.png(144, 96, colour="green")), edited(red, blue)) > 1


def test_timings_add_up(tiny):
    begin_s = time.perf_counter()
    timings_ms = tiny.post("/images/generations", json={**ASK, "n": 2}).json()["timings_ms"]
    whole_ms = (time.perf_counter() - begin_s) * 1000
    assert set(timings_ms) == {"queue", "text_encode", "denoise", "decode", "encode", "generate"}
    assert all(value_ms > 0 for value_ms in timings_ms.values())
    parts_ms = sum(timings_ms[name] for name in ("text_encode", "denoise", "decode"))
    assert parts_ms <= timings_ms["generate"] + 0.01
    assert timings_ms["queue"] + timings_ms["generate"] + timings_ms["encode"] <= whole_ms


def test_refusals_and_marks(tiny):
    replies = {
        200: tiny.get("/models"),
        400: tiny.post("/images/generations", json={**ASK, "size": "100x100"}),
        404: tiny.post("/images/generations", json={**ASK, "model": "flux.2-klein-4b"}),
    }
    for status, reply in replies.items():
        assert reply.status_code == status
        assert reply.headers["X-Arena-Simulated"] == "random weights"
        assert reply.headers["x-request-id"].startswith("req_")
    health = tiny.get(str(tiny.base_url).removesuffix("/v1/") + "/health").json()
    assert health == {
        "status": "ready",
        "model": "tiny-flux.2-klein",
        "device": health["device"],
        "dtype": health["dtype"],
        "simulated": True,
    }


def test_a_crowd_is_served_as_far_as_the_queue_allows(tiny_url):
    def ask(seed: int) -> httpx.Response:
        return httpx.post(f"{tiny_url}/images/generations", json={**ASK, "size": "512x512", "seed": seed}, timeout=60)

    with ThreadPoolExecutor(6) as pool:
        replies = list(pool.map(ask, range(6)))
    statuses = [reply.status_code for reply in replies]
    assert set(statuses) == {200, 429}
    assert all(int(reply.headers["retry-after"]) >= 1 for reply in replies if reply.status_code == 429)
    waits_ms = [reply.json()["timings_ms"]["queue"] for reply in replies if reply.status_code == 200]
    assert len(waits_ms) >= 2
    assert max(waits_ms) > min(waits_ms)
