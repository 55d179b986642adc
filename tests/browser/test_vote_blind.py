"""Before the vote, not a byte that reaches a browser tells who made an image, or tells one image from the other."""

import base64
import io
import re
from collections import Counter

import pytest
from PIL import Image, PngImagePlugin

from arena.domain.endpoint import Endpoint
from tests.browser.test_app_browser import browser
from tests.browser.test_vote_browser import IMAGE, SEEN, WAIT_MS, act, shown, until
from tests.dashboards import small_run
from tests.dashboards.test_vote import rows, varied

__all__ = ["browser"]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
PROVIDER, MODEL, WEIGHTS = "quasarworks", "zephyrine-9", "obsidiane"
NAMES = tuple(f"{PROVIDER}/{word}" for word in ("lumenite", "tessellate", "vermicule"))
WORDS = (PROVIDER, MODEL, WEIGHTS, *(name.partition("/")[2] for name in NAMES))
OF_ONE_RESPONSE = {"etag", "date"}


def signed(colour, size=(64, 48)):
    """An image that says in its metadata who made it."""
    said = PngImagePlugin.PngInfo()
    said.add_text("Software", f"{PROVIDER} {MODEL}")
    out = io.BytesIO()
    with Image.open(io.BytesIO(varied(colour, size))) as picture:
        picture.save(out, "PNG", pnginfo=said)
    return out.getvalue()


def test_nothing_tells_who_made_an_image_before_the_vote(browser, tmp_path, monkeypatch):
    from tests.browser.screenshots import served

    monkeypatch.setattr(small_run, "png", signed)
    monkeypatch.setattr(
        small_run,
        "Endpoint",
        lambda **given: Endpoint(**{**given, "provider": PROVIDER, "model": MODEL, "weights": WEIGHTS}),
    )
    small_run.make_run(tmp_path, names=NAMES, repetitions=6)
    originals = [path.name for path in (tmp_path / "images").glob("*/*")]
    with served(tmp_path) as address:
        page = browser.new_page(viewport={"width": 1400, "height": 1100})
        page.add_init_script(SEEN)
        asked, frames, images = [], [], []
        page.on("requestfinished", lambda request: asked.append(request))
        page.on("websocket", lambda ws: ws.on("framereceived", lambda frame: frames.append(frame)))
        page.goto(f"{address}/vote")
        shown(page)
        until(lambda: page.evaluate("1") and sum(bool(IMAGE.search(a.url)) for a in asked) == 4)  # the next pair, too
        received = [text(frame) for frame in frames]
        for answer in [request.response() for request in asked]:
            body = answer.body()
            received += [answer.url.encode(), repr(answer.all_headers()).encode(), body]
            if IMAGE.search(answer.url):
                images.append((answer, body))
        received.append(page.content().encode())
        for word in (*WORDS, *originals, "0.004", "degraded"):
            secret = word.encode()
            for form in (secret, base64.b64encode(secret), secret.hex().encode(), secret.upper()):
                assert not any(form in piece for piece in received), f"{word} was told"
        for pair in (images[:2], images[2:]):
            alike(*pair)
        one_frame(page)

        act(page, lambda: page.keyboard.press("ArrowLeft"))
        assert any(name.encode() in text(frame) for frame in frames for name in WORDS[3:]), "after the vote it is told"
        assert len(rows(tmp_path, small_run.runs.TRIAL)) == 36
        page.close()


def alike(one, other):
    """Two answers that differ in their pixels alone."""
    (first, first_bytes), (second, second_bytes) = one, other
    assert first_bytes != second_bytes
    assert len(first_bytes) == len(second_bytes)
    headers = [{k: v for k, v in a.all_headers().items() if k not in OF_ONE_RESPONSE} for a in (first, second)]
    assert headers[0] == headers[1]
    assert first.status == second.status
    assert len(first.url) == len(second.url)
    pictures = [Image.open(io.BytesIO(body)) for body in (first_bytes, second_bytes)]
    for get in (
        lambda p: (p.format, p.mode, p.size),
        lambda p: p.quantization,
        lambda p: sorted(set(p.info) - {"comment"}),
        lambda p: Counter(name for name, _ in p.applist if name != "COM"),
    ):
        assert get(pictures[0]) == get(pictures[1])
    assert not any(p.getexif() or "icc_profile" in p.info for p in pictures)


def one_frame(page):
    """Both were painted at the same instant, and nothing but side, address and word differs between them."""
    page.wait_for_function("window.paints.length >= 2", timeout=WAIT_MS)
    left, right = page.evaluate("window.paints.slice(0, 2)")
    assert left["at"] == right["at"] > 0
    tags = page.locator(".arena-side").evaluate_all("all => all.map(e => e.outerHTML)")
    bare = {re.sub(r'(?i)(src="[^"]*"|left|right)', "", tag) for tag in tags}
    assert len(bare) == 1


def text(frame):
    return frame if isinstance(frame, bytes) else frame.encode()
