"""The app in a real browser, started as its users start it."""

import os
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.dashboards.small_run import make_run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def browser():
    executable = os.environ.get("CHROMIUM", "/usr/bin/chromium")
    if not Path(executable).exists():
        pytest.skip(f"NO BROWSER: there is no Chromium at {executable}; install it or set CHROMIUM")
    from playwright.sync_api import sync_playwright

    from tests.browser.screenshots import ARGUMENTS

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        yield opened
        opened.close()


def ours(message, address):
    """An error on the console that is about our own server, and not about the browser."""
    return message.type == "error" and message.location.get("url", "").startswith(address)


def alarms(page):
    """How many boxes on the page say that something went wrong."""
    return page.get_by_test_id("stException").count() + page.get_by_test_id("stAlert").count()


def test_results_and_images_are_seen(browser, tmp_path):
    from tests.browser.screenshots import follow, served, settle

    run_id = make_run(tmp_path)
    complaints, asked = [], set()
    with served(tmp_path) as address:
        page = browser.new_page(viewport={"width": 1440, "height": 1000})
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text) if ours(message, address) else None)
        page.on("request", lambda request: asked.add(urlsplit(request.url)[:2]))
        page.goto(address)
        settle(page, "Results")
        table = page.get_by_test_id("stTable").first
        for name in ("sim/steady", "sim/flaky"):
            table.get_by_text(name, exact=True).wait_for()
        page.get_by_text("SIMULATED").first.wait_for()
        page.locator(".js-plotly-plot").nth(4).wait_for()
        assert page.get_by_role("combobox", name="Run").input_value() == run_id
        page.wait_for_url(f"**run={run_id}**")
        assert alarms(page) == 0

        follow(page, "Images", "Images")
        settle(page, "Images")
        page.get_by_test_id("stImage").first.wait_for()
        decoded = "i => i.complete && i.naturalWidth > 0"
        page.wait_for_function(f"[...document.querySelectorAll('[data-testid=stImage] img')].every({decoded})")
        assert alarms(page) == 0

        page.get_by_role("link", name="Trial 0").first.click()
        settle(page, "Trial")
        page.get_by_role("heading", name="sim/steady").wait_for()
        assert alarms(page) == 0
        page.close()
    assert not complaints
    # Nothing is asked of the world outside: the app works offline and tells nobody that it is open.
    assert {where for scheme, where in asked if scheme.startswith(("http", "ws"))} == {urlsplit(address).netloc}
