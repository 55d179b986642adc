"""Who logs in comes back to the page that asked for it; Streamlit leads everybody to the first one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.requests import cookie_parser

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE = "arena_back"
MINUTES_10_S = 600
_PAGE = re.compile(r"[a-z_]{1,40}")
"""What a page may be called: nothing that leads to another host or path."""


class WayBack:
    """Notes the page from which somebody goes to log in, and leads back there from the provider's answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on; the redirects before and after a login are changed."""
        path = scope["path"] if scope["type"] == "http" else ""
        change = (
            _note_page if path.endswith("/auth/login") else _lead_back if path.endswith("/oauth2callback") else None
        )
        if change is None:
            await self._app(scope, receive, send)
            return

        async def changed(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] in {302, 303, 307}:
                message["headers"] = change(scope, list(message["headers"]))
            await send(message)

        await self._app(scope, receive, changed)


def _note_page(scope: Scope, headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    came_from = dict(scope["headers"]).get(b"referer", b"").decode("latin-1")
    page = urlsplit(came_from).path.rpartition("/")[2]
    return [*headers, _cookie(scope, page, MINUTES_10_S)] if _PAGE.fullmatch(page) else headers


def _lead_back(scope: Scope, headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    held = cookie_parser(dict(scope["headers"]).get(b"cookie", b"").decode("latin-1"))
    page = held.get(COOKIE, "")
    if not _PAGE.fullmatch(page):
        return headers
    there = [(n, v + page.encode() if n.lower() == b"location" and v.endswith(b"/") else v) for n, v in headers]
    return [*there, _cookie(scope, "", 0)]


def _cookie(scope: Scope, value: str, age_s: int) -> tuple[bytes, bytes]:
    secure = "; Secure" if scope["scheme"] == "https" else ""
    path = str(scope.get("root_path") or "/")
    text = f"{COOKIE}={value}; Max-Age={age_s}; Path={path}; HttpOnly; SameSite=Lax{secure}"
    return b"set-cookie", text.encode()


_CHANGES = {"/auth/login": _note_page, "/oauth2callback": _lead_back}
