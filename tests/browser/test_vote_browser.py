"""Voting in a real browser: by key, by mouse, twice, in two tabs, after a reload; the database has the right votes."""

import re
import time

import pytest

from arena.battles.renditions import BOX_PX
from arena.store.battles import BATTLE, VOTE
from tests.browser.test_app_browser import alarms, browser
from tests.dashboards import small_run
from tests.dashboards.test_vote import NAMES, rows, varied

__all__ = ["browser"]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
LOOK_S = 1.0


def test_votes_by_key_and_mouse_are_counted_once_each_and_nothing_tells_who_made_an_image(
    browser, tmp_path, monkeypatch
):
    from tests.browser.screenshots import served, settle

    monkeypatch.setattr(small_run, "png", varied)
    small_run.make_run(tmp_path, names=NAMES, repetitions=6)
    received = []
    with served(tmp_path) as address:
        page = browser.new_page(viewport={"width": 1400, "height": 1100})
        page.on("response", lambda r: received.append(r) if "/media/" in r.url else None)
        page.on("websocket", lambda ws: ws.on("framereceived", lambda frame: received.append(frame)))
        page.goto(f"{address}/vote")
        settle(page, "Vote")
        images(page)
        tells_nobody(page, received)

        look_and(page, lambda: page.keyboard.press("ArrowLeft"), 1, tmp_path)
        look_and(page, lambda: page.get_by_role("button", name=re.compile("^Right")).click(), 2, tmp_path)
        look_and(page, lambda: page.get_by_role("button", name=re.compile("^Tie")).dblclick(), 3, tmp_path)
        look_and(page, lambda: [page.keyboard.press("b") for _ in range(4)], 4, tmp_path)
        assert [r["verdict"] for r in rows(tmp_path, VOTE)] == ["left", "right", "tie", "both_bad"]

        page.reload()
        settle(page, "Vote")
        images(page)
        other = browser.new_page()
        other.goto(f"{address}/vote")
        settle(other, "Vote")
        images(other)
        look_and(other, lambda: other.keyboard.press("ArrowRight"), 5, tmp_path)
        look_and(page, lambda: page.keyboard.press("s"), 6, tmp_path)
        assert alarms(page) == alarms(other) == 0
        page.close()
        other.close()
    votes = rows(tmp_path, VOTE)
    assert len({r["battle_id"] for r in votes}) == len(votes) == 6
    assert len({r["voter_id"] for r in votes}) == 3
    assert len(rows(tmp_path, BATTLE)) >= 6


def images(page):
    """Both images are there, decoded, and of one size."""
    page.get_by_test_id("stImage").nth(1).wait_for()
    shown = "[...document.querySelectorAll('[data-testid=stImage] img')]"
    page.wait_for_function(f"{shown}.filter(i => i.naturalWidth == {BOX_PX}).length == 2")


def look_and(page, act, expected, directory):
    """Look for as long as a vote needs, act, and wait for the vote to be stored and the next pair to be shown."""
    time.sleep(LOOK_S)
    before = page.get_by_test_id("stImage").first.locator("img").get_attribute("src")
    act()
    end = time.monotonic() + 20
    while len(rows(directory, VOTE)) < expected and time.monotonic() < end:
        time.sleep(0.1)
    assert len(rows(directory, VOTE)) == expected
    page.wait_for_function(
        "before => document.querySelector('[data-testid=stImage] img')?.getAttribute('src') !== before", arg=before
    )
    images(page)


def tells_nobody(page, received):
    """Neither the page nor a byte of an image or a message names a contender before the first vote."""
    words = [name.partition("/")[2] for name in NAMES]
    seen = page.content()
    bodies = [r if isinstance(r, bytes) else r.body() for r in received if isinstance(r, bytes) or hasattr(r, "body")]
    assert not any(word in seen for word in words)
    assert not any(word.encode() in body for word in words for body in bodies)
    images = [r for r in received if hasattr(r, "body") and r.url.partition("?")[0].endswith((".jpg", ".jpeg"))]
    assert len(images) == 2
    assert len({len(r.body()) for r in images}) == 1, "both files of a battle have one length"
