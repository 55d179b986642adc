"""Who logs in comes back to the page that asked for it, and is never led anywhere else."""

import pytest
from starlette.applications import Starlette
from starlette.responses import RedirectResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from dashboards.way_back import COOKIE, WayBack


async def to_provider(_request):
    return RedirectResponse("https://provider.example/authorize", status_code=302)


async def to_base(_request):
    return RedirectResponse("/arena/", status_code=302)


@pytest.fixture
def client():
    routes = [Route("/arena/auth/login", to_provider), Route("/arena/oauth2callback", to_base)]
    with TestClient(WayBack(Starlette(routes=routes)), follow_redirects=False) as opened:
        yield opened


@pytest.mark.parametrize(("came_from", "led_to"), [
    ("http://testserver/arena/vote", "/arena/vote"),
    ("http://testserver/arena/playground?size=512x512", "/arena/playground"),
    ("http://testserver/arena/", "/arena/"),
    ("https://elsewhere.example/a/..%2f..", "/arena/"),
    (None, "/arena/"),
])  # fmt: skip
def test_the_way_back_leads_to_the_page_and_is_forgotten(client, came_from, led_to):
    there = client.get("/arena/auth/login", headers={"referer": came_from} if came_from else {})
    assert there.headers["location"] == "https://provider.example/authorize"
    assert client.get("/arena/oauth2callback").headers["location"] == led_to
    assert client.get("/arena/oauth2callback").headers["location"] == "/arena/"


@pytest.mark.parametrize("forged", ["//evil.example", "https:evil", "vote?x", "../x", "x" * 41])
def test_a_forged_note_leads_nowhere(client, forged):
    answer = client.get("/arena/oauth2callback", headers={"cookie": f"{COOKIE}={forged}"})
    assert answer.headers["location"] == "/arena/"
