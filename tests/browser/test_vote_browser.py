"""Voting in a real browser: by key, by mouse, twice, in two tabs, after a reload; the database has the right votes."""

import re
import time
from contextlib import contextmanager

import pytest
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from arena.battles.renditions import BOX_PX
from arena.store.battles import VOTE, VOTER
from dashboards.passes import COOKIE
from tests.benchmarks.app.seed import seed
from tests.browser.test_app_browser import alarms, browser
from tests.dashboards import small_run
from tests.dashboards.small_run import NASTY
from tests.dashboards.test_vote import NAMES, rows, varied

__all__ = ["browser"]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

WAIT_MS = 60_000
IDLE = "document.querySelector('[data-testid=stApp]').dataset.testScriptState === 'notRunning'"
IMAGE = re.compile(r"/media/\w+\.jpg")
SOURCE = "bar-chart.png"
SEEN = """
    window.paints = [];
    new PerformanceObserver(list => {
      for (const e of list.getEntries()) window.paints.push({side: e.identifier, at: e.renderTime, url: e.url});
    }).observe({type: 'element', buffered: true});
"""
DRAWN = """
    [...document.querySelectorAll('.arena-side img')].filter(i => i.complete && i.naturalWidth > 0).length === 2
"""


@pytest.fixture
def voting(browser, tmp_path):
    """The address of the app over one image of every endpoint and prompt: a voter does not run out of pairs."""
    from tests.browser.screenshots import served

    seed(tmp_path, outcomes=600, votes=0)
    with served(tmp_path) as address:
        yield address


def test_votes_by_key_and_mouse_are_counted_once_each(browser, voting, tmp_path):
    from tests.browser.screenshots import follow

    context = browser.new_context(viewport={"width": 1400, "height": 1100})
    page = vote_page(context, voting)
    with said(tmp_path, 1):
        act(page, lambda: page.keyboard.press("ArrowLeft"))
    with said(tmp_path, 2):
        act(page, lambda: page.get_by_role("button", name=re.compile("^Right")).click())
    with said(tmp_path, 3):
        act(page, lambda: page.get_by_role("button", name=re.compile("^Tie")).dblclick())
    with said(tmp_path, 4):
        act(page, lambda: [page.keyboard.press("b") for _ in range(4)])
    assert [r["verdict"] for r in rows(tmp_path, VOTE)] == ["left", "right", "tie", "both_bad"]

    page.reload()
    shown(page)
    follow(page, "Arena", "Leaderboard")
    page.get_by_role("heading", name="Leaderboard").wait_for()
    page.go_back()
    shown(page)
    other = vote_page(context, voting)
    with said(tmp_path, 5):
        act(other, lambda: other.keyboard.press("s"))
    with said(tmp_path, 6):
        act(page, lambda: page.keyboard.press("s"))
    assert alarms(page) == alarms(other) == 0
    votes = rows(tmp_path, VOTE)
    assert len({r["battle_id"] for r in votes}) == len(votes) == 6
    assert len({r["voter_id"] for r in votes}) == 1, "a reload and a second tab are the same voter"
    context.close()


def test_a_vote_is_taken_back_by_key(browser, voting, tmp_path):
    page = vote_page(browser.new_context(), voting)
    with said(tmp_path, 1):
        act(page, lambda: page.keyboard.press("ArrowRight"))
    page.get_by_role("button", name=re.compile("^Undo"), disabled=False).wait_for()
    page.wait_for_function(IDLE, timeout=WAIT_MS)
    page.keyboard.press("u")
    until(lambda: rows(tmp_path, VOTE)[0]["undone_at"] is not None)
    page.get_by_text("Taken back").wait_for()


def test_a_forged_pass_is_simply_a_new_voter(browser, voting, tmp_path):
    for value in ("0" * 32 + "." + "f" * 64, "x", "of-nobody.at-all"):
        context = browser.new_context()
        context.add_cookies([{"name": COOKIE, "value": value, "url": voting}])
        page = vote_page(context, voting)
        (cookie,) = [c for c in context.cookies() if c["name"] == COOKIE]
        assert cookie["value"] != value
        assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Lax")
        assert COOKIE not in page.evaluate("document.cookie")
        context.close()
    voters = [r["id"] for r in rows(tmp_path, VOTER)]
    assert len(voters) == 3
    assert "0" * 32 not in voters


def test_neither_image_is_seen_before_the_other(browser, voting):
    page = browser.new_page()
    page.add_init_script(SEEN)
    held, came = [], []

    def late(route):
        held.append(route) if not held else route.continue_()

    page.route(IMAGE, late)
    page.on("requestfinished", lambda request: came.append(request.url) if IMAGE.search(request.url) else None)
    page.goto(f"{voting}/vote", wait_until="commit")
    until(lambda: page.evaluate("1") and held and came)
    page.evaluate("new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)))")
    assert page.locator(".arena-side img").count() == 0, "one has come, and is not shown"
    held[0].continue_()
    shown(page)
    page.wait_for_function("window.paints.length >= 2", timeout=WAIT_MS)
    left, right = page.evaluate("window.paints.slice(0, 2)")
    assert {left["side"], right["side"]} == {"left", "right"}
    assert left["at"] == right["at"] > 0, "both were painted in one frame"


def test_the_next_pair_is_there_before_it_is_asked_for_and_the_buttons_stay_where_they_are(browser, voting, tmp_path):
    page = browser.new_page(viewport={"width": 390, "height": 844})
    asked = []
    page.on("requestfinished", lambda request: asked.append(request.url) if IMAGE.search(request.url) else None)
    page.goto(f"{voting}/vote")
    shown(page)
    until(lambda: page.evaluate("1") and len(asked) == 4)
    places = boxes(page)
    with said(tmp_path, 1):
        act(page, lambda: page.get_by_role("button", name=re.compile("^Left")).click())
    now = page.evaluate("[...document.querySelectorAll('.arena-side img')].map(i => i.src)")
    assert set(now) == set(asked[2:4])
    assert boxes(page) == places
    sides = [page.locator(".arena-side").nth(i).bounding_box() for i in (0, 1)]
    assert all(side["width"] == side["height"] >= 200 for side in sides)
    assert max(s["y"] + s["height"] for s in sides) <= min(box["y"] for box in places), "nothing is behind the buttons"
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_prompt_is_text_and_an_edit_shows_what_was_edited(browser, tmp_path, monkeypatch):
    from arena.domain.prompt import Prompt
    from arena.domain.request import Mode
    from tests.browser.screenshots import served

    edit = Prompt(id="edit", text=NASTY, category="animals", clip_tokens=12, mode=Mode.EDIT, sources=(SOURCE,))
    monkeypatch.setattr(small_run, "png", varied)
    monkeypatch.setattr(small_run, "PROMPTS", {"edit": edit})
    small_run.make_run(tmp_path, names=NAMES)
    with served(tmp_path) as address:
        page = vote_page(browser.new_context(), address)
        assert page.locator(".arena-prompt").text_content() == NASTY
        assert page.locator(".arena-prompt *").count() == 0
        assert page.locator(".arena-sources img").evaluate_all("all => all.map(i => i.naturalWidth > 0)") == [True]
        assert alarms(page) == 0


def test_every_page_keeps_the_security_policy_that_it_is_served_with(browser, voting):
    from tests.browser.screenshots import follow

    page = browser.new_page()
    refused, answers = [], []
    page.on("console", lambda m: refused.append(m.text) if "Content Security Policy" in m.text else None)
    page.on("response", lambda r: answers.append(r) if r.url.startswith(voting) else None)
    page.goto(f"{voting}/vote")
    shown(page)
    pages = [("Measurements", "Results"), ("Arena", "Leaderboard"), ("Arena", "Trade-offs"), ("Images", "Images"),
             ("Measurements", "Trial"), ("Help", "Methodology")]  # fmt: skip
    for menu, name in pages:
        follow(page, menu, name)
        page.get_by_role("heading", name=name).first.wait_for(timeout=WAIT_MS)
        page.wait_for_function("document.querySelector('[data-testid=stApp]').dataset.testScriptState !== 'running'")
    assert not refused
    assert answers
    for answer in answers:
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'self'" in answer.headers["content-security-policy"]


@pytest.mark.timeout(600)
def test_a_large_arena_is_voted_on_by_key(browser, tmp_path):
    from tests.browser.screenshots import served

    seed(tmp_path, outcomes=100_000, votes=20_000)
    with served(tmp_path) as address:
        page = vote_page(browser.new_context(), address)
        for number, key in enumerate(("ArrowLeft", "ArrowRight", "ArrowDown"), start=1):
            with said(tmp_path, 20_000 + number):
                act(page, lambda key=key: page.keyboard.press(key))
        assert alarms(page) == 0


def vote_page(context, address):
    """The Vote page with a pair on it."""
    page = context.new_page()
    page.goto(f"{address}/vote")
    shown(page)
    return page


def shown(page):
    """A pair is there: both images decoded, of one size, and the server knows that they were painted."""
    try:
        page.wait_for_selector(".arena-pair[data-shown]", timeout=WAIT_MS)
    except PlaywrightTimeout as late:
        late.add_note(f"the page has: {page.locator('body').inner_text()}")
        raise
    page.wait_for_function(DRAWN, timeout=WAIT_MS)
    widths = page.locator(".arena-side img").evaluate_all("all => all.map(i => [i.naturalWidth, i.naturalHeight])")
    assert widths == [[BOX_PX, BOX_PX]] * 2


def act(page, click):
    """Look for as long as a vote needs, on the server's clock; act; wait for another pair to be shown."""
    before = page.locator(".arena-pair").get_attribute("data-shown")
    page.wait_for_function(IDLE, timeout=WAIT_MS)
    time.sleep(1.0)  # the least dwell, which is what this is about
    click()
    page.wait_for_function(
        "before => document.querySelector('.arena-pair')?.dataset.shown !== before", arg=before, timeout=WAIT_MS
    )
    shown(page)


@contextmanager
def said(directory, expected):
    """Around an act: after it, exactly so many votes are stored."""
    yield
    assert len(rows(directory, VOTE)) == expected


def until(condition):
    """Wait for something that no page can tell."""
    end = time.monotonic() + WAIT_MS / 1000
    while not condition():
        assert time.monotonic() < end, "this did not come about"
        time.sleep(0.05)


def boxes(page):
    """Where the buttons of the Vote page are."""
    return [
        page.get_by_role("button", name=re.compile(f"^{name}")).bounding_box()
        for name in ("Left", "Tie", "Right", "Skip")
    ]
