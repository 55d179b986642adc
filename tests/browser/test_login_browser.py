"""Logging in with an OpenID Connect provider, in a real browser: who votes is the account, wherever it logs in."""

import re
import subprocess
import sys
from contextlib import suppress

import httpx
import pytest

from arena.settings import Settings
from arena.store.battles import VOTE
from dashboards import passes
from tests.benchmarks.app.seed import seed
from tests.browser.test_app_browser import browser
from tests.browser.test_vote_browser import IDLE, WAIT_MS, act, shown, until
from tests.dashboards.test_vote import rows
from tests.ports import free_port

__all__ = ["browser"]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

IMAGE = re.compile(r"\d/media/")
SECRETS = """
[auth]
redirect_uri = "{app}/oauth2callback"
cookie_secret = "a secret of this test"
client_id = "arena"
client_secret = "of nobody"
server_metadata_url = "{provider}/.well-known/openid-configuration"
"""


@pytest.fixture
def provider():
    """A provider that lets everybody in under the name that they give."""
    port = free_port()
    address = f"http://localhost:{port}"
    command = [sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "--port", str(port)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        until(lambda: answers(f"{address}/.well-known/openid-configuration"))
        yield address
    finally:
        process.terminate()
        process.wait(30)


def answers(url):
    with suppress(httpx.TransportError):
        return httpx.get(url).is_success


@pytest.fixture
def app(tmp_path, provider, monkeypatch):
    """The address of an app in which only who has logged in may vote."""
    from tests.browser.screenshots import served

    monkeypatch.setenv("ARENA_REQUIRE_LOGIN", "1")
    monkeypatch.setenv("ARENA_BLIND", "1")
    seed(tmp_path, outcomes=600, votes=0)
    port = free_port()
    (tmp_path / ".streamlit").mkdir()
    (tmp_path / ".streamlit" / "secrets.toml").write_text(
        SECRETS.format(app=f"http://localhost:{port}", provider=provider)
    )
    with served(tmp_path, port=port, directory=tmp_path):
        yield f"http://localhost:{port}"


def log_in(browser, app, account):
    page = browser.new_context(viewport={"width": 1400, "height": 1100}).new_page()
    page.goto(f"{app}/vote")
    page.get_by_role("button", name="Log in").click()
    page.get_by_placeholder("sub").fill(account)
    page.get_by_role("button", name="Authorize", exact=True).click()
    page.wait_for_url(f"{app}/vote")
    shown(page)
    return page


def test_the_account_votes_wherever_it_logs_in_and_nobody_else_does(browser, app, provider, tmp_path):
    page = log_in(browser, app, "ann")
    act(page, lambda: page.keyboard.press("ArrowLeft"))
    elsewhere = log_in(browser, app, "ann")
    act(elsewhere, lambda: elsewhere.keyboard.press("ArrowRight"))
    other = log_in(browser, app, "bob")
    act(other, lambda: other.keyboard.press("ArrowLeft"))
    key = passes.key(Settings(data_dir=tmp_path))
    ann, bob = (passes.of_account(key, provider, name) for name in ("ann", "bob"))
    assert [row["voter_id"] for row in rows(tmp_path, VOTE)] == [ann, ann, bob]
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url(f"{provider}/**")  # which may want to end its own session, too
    page.goto(f"{app}/vote")
    page.get_by_role("button", name="Log in").wait_for()
    assert page.locator("img").count() == 0


def test_in_a_blind_app_no_page_shows_an_image_and_its_maker(browser, app):
    from tests.benchmarks.app.first_paint import pages

    page, closed, images = browser.new_page(), set(), []
    page.on("request", lambda request: images.append(request.url) if IMAGE.search(request.url) else None)
    for name in pages():
        page.goto(f"{app}/{name}")
        page.locator("h1").first.wait_for(timeout=WAIT_MS)
        page.wait_for_function(IDLE, timeout=WAIT_MS)
        if page.get_by_text("People vote blind here").count():
            closed.add(name)
        assert page.locator("[data-testid=stMain] img").count() == 0, name
    assert closed == {"competitions", "trial", "images", "gallery", "playground"}
    assert len(pages()) - len(closed) > 10
    icon = page.locator("link[rel~=icon]").get_attribute("href")
    assert {url for url in images if not url.endswith(icon)} == set()
