"""The app as `arena app` serves it: voters keep their pseudonym in a cookie, and every answer carries security headers.

`streamlit run dashboards/app.py` works, too; then a voter is one browser session, and there are no such headers.
"""

from __future__ import annotations

import gc
import logging
import threading
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st
from starlette.middleware import Middleware
from starlette.requests import cookie_parser
from starlette.responses import RedirectResponse

from arena.errors import ArenaError
from arena.settings import Settings
from dashboards import passes
from dashboards.assets import Assets, read_ahead
from dashboards.way_back import WayBack

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

CONTENT_POLICY = "; ".join(
    (
        "default-src 'self'",
        # Streamlit starts from a script in its page, loads components from blobs, and its charts compile expressions.
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "media-src 'self' blob:",
        "worker-src 'self' blob:",
        "connect-src 'self' data: blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'self'",
    )
)
HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"content-security-policy", CONTENT_POLICY.encode()),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=(), payment=()"),
)
_LOG = logging.getLogger(__name__)


class SecurityHeaders:
    """Adds the headers that tell a browser what this app never does."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on; answers get the headers that they do not have."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(h for h in HEADERS if h[0] not in present)]
            await send(message)

        await self._app(scope, receive, with_headers)


class DefaultPage:
    """The page that the app opens with is at `/` alone; whoever asks for it by its name is sent there."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Redirect the one address, with its query; pass everything else on."""
        if scope["type"] == "http" and scope["path"].endswith("/results"):
            query = scope["query_string"].decode("latin-1")
            await RedirectResponse(f"./?{query}" if query else "./")(scope, receive, send)
        else:
            await self._app(scope, receive, send)


class VoterPass:
    """Gives a browser that comes without a valid pass a new one, with the page itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on; a page that is loaded may bring a cookie."""
        cookie = _new_pass(scope) if scope["type"] == "http" and scope["method"] == "GET" else None
        if cookie is None:
            await self._app(scope, receive, send)
            return

        async def with_cookie(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] in {200, 304}:
                message["headers"] = [*message["headers"], (b"set-cookie", cookie)]
            await send(message)

        await self._app(scope, receive, with_cookie)


def _new_pass(scope: Scope) -> bytes | None:
    """A Set-Cookie for a browser that asks for a page and has no valid pass; None if it needs none."""
    from dashboards import data  # its caches want Streamlit to be there already

    headers = dict(scope["headers"])
    if b"text/html" not in headers.get(b"accept", b"") or not data.available():
        return None
    try:
        key = passes.key(Settings())
    except ArenaError:
        _LOG.exception("voters get no pass, and are new with every session")
        return None
    held = cookie_parser(headers.get(b"cookie", b"").decode("latin-1"))
    if passes.holder(key, held.get(passes.COOKIE, "")) is not None:
        return None
    secure = "; Secure" if scope["scheme"] == "https" else ""
    path = str(scope.get("root_path") or "/")
    value = f"{passes.COOKIE}={passes.issue(key)}; Max-Age={passes.YEAR_S}; Path={path}; HttpOnly; SameSite=Lax{secure}"
    return value.encode()


@asynccontextmanager
async def warmed(_app: st.App) -> AsyncIterator[dict[str, Any]]:
    """The first voter does not wait for what the first pair needs: it is read as soon as the app starts."""
    threading.Thread(target=_warm, name="warm", daemon=True).start()
    yield {}


def _warm() -> None:
    from dashboards import boards, charts, data, supply, tables, timeline  # noqa: F401 - what the pages will import

    read_ahead()
    try:
        for simulated in (False, True) if data.available() else ():
            supplied = supply.supply(simulated=simulated)
            if supplied.pool().cell_keys:
                supplied.outlook()
                break
        newest = next((run for run in data.choices() if run.purpose.counts), None) if data.available() else None
        if newest is not None:
            data.summaries(newest.id)  # what the app opens with
    except ArenaError:
        _LOG.exception("nothing could be read ahead; the pages say why")
    # Streamlit collects garbage in full after every run of a page, with all threads waiting: over 100 ms with the
    # modules of this app. What is here now stays until the end and need not be looked through each time.
    gc.collect()
    gc.freeze()


def on_script_error(_error: Exception) -> bool:
    """What no page has caught is one sentence, too; Streamlit has put the traceback into the log."""
    st.error("This page could not be drawn; the log of the app says why.", icon=":material/error:")
    return True


app = st.App(
    Path(__file__).with_name("app.py"),
    middleware=[
        Middleware(SecurityHeaders),
        Middleware(DefaultPage),
        Middleware(Assets),
        Middleware(VoterPass),
        Middleware(WayBack),
    ],
    lifespan=warmed,
    on_script_error=on_script_error,
)
