"""Streamlit's own scripts and styles, kept in memory as they go over the wire.

A page needs some sixty of them before it can draw anything. Streamlit reads each from disk for every visitor and sends
it as it is, four times the bytes that a voter on a phone would have to wait for.
"""

from __future__ import annotations

import gzip
import mimetypes
from functools import cached_property, lru_cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import anyio.to_thread
import streamlit

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_ROOT = Path(streamlit.__file__).parent / "static" / "static"
_MARK = "/static/"
# Fonts and pictures are compressed already.
_COMPRESSED = frozenset({".css", ".js", ".json", ".svg"})
# Their names hold a hash of their content; Streamlit says the same of them.
_FOR_EVER = b"public, immutable, max-age=31536000"


class _Asset:
    """One file: its type, its bytes, and its bytes compressed, each made when first asked for."""

    def __init__(self, path: Path) -> None:
        self._path = path
        # Whatever the machine's registry of types says of scripts.
        kind = "text/javascript; charset=utf-8" if path.suffix == ".js" else mimetypes.guess_type(path.name)[0]
        self.content_type = (kind or "application/octet-stream").encode()
        self.compressible = path.suffix in _COMPRESSED

    @cached_property
    def plain(self) -> bytes:
        return self._path.read_bytes()

    @cached_property
    def zipped(self) -> bytes:
        return gzip.compress(self._path.read_bytes(), mtime=0)

    async def body(self, *, zipped: bool) -> bytes:
        if not zipped:
            return self.plain
        if "zipped" not in self.__dict__:  # the largest takes a quarter of a second
            await anyio.to_thread.run_sync(lambda: self.zipped)
        return self.zipped


@lru_cache(maxsize=1)
def _assets() -> dict[str, _Asset]:
    """Every file by its path below `static/`."""
    return {path.relative_to(_ROOT).as_posix(): _Asset(path) for path in _ROOT.rglob("*") if path.is_file()}


def read_ahead() -> None:
    """Compress what the first page will ask for: what `index.html` names, and the large ones that pages load late."""
    index = (_ROOT.parent / "index.html").read_text(encoding="utf-8")
    late = tuple({start for starts in _LATE.values() for start in starts})
    for name, asset in _assets().items():
        if name in index or PurePosixPath(name).name.startswith(late):
            _ = asset.zipped if asset.compressible else asset.plain


_TABLE = ("arrowFormatUtils.", "Quiver.", "moment.", "numbro.", "recordbatch.", "serialization.")
_CHART = (*_TABLE, "PlotlyChart.")
_LATE = {
    **dict.fromkeys(("", "board", "compare", "matchups", "providers", "tradeoffs", "watch"), _CHART),
    **dict.fromkeys(("run", "trial"), (*_CHART, "DataFrame.")),
    **dict.fromkeys(("competitions", "runs"), (*_TABLE, "DataFrame.")),
    "methodology": _TABLE,
    "vote": ("BidiComponent.", "recordbatch.", "serialization."),
}
"""What a page of this address needs that Streamlit asks for only when it is about to draw it."""


@lru_cache(maxsize=64)
def _early(page: str) -> bytes | None:
    """A Link header that makes a browser fetch these while the page is still being computed; None where none are."""
    wanted = _LATE.get(page)
    found = [name for name in _assets() if wanted and name.startswith("js/") and name[3:].startswith(wanted)]
    return ", ".join(f"<static/{name}>; rel=modulepreload" for name in sorted(found)).encode() or None


class Assets:
    """Answers for the files themselves and tells pages early of those they will need; all else is passed on."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a GET or HEAD of a file that is there."""
        asset = _asked_for(scope)
        if asset is None:
            await self._app(scope, receive, _with_early(scope, send))
            return
        accepted = dict(scope["headers"]).get(b"accept-encoding", b"")
        zipped = asset.compressible and b"gzip" in accepted
        body = await asset.body(zipped=zipped)
        headers = [
            (b"content-type", asset.content_type),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", _FOR_EVER),
            (b"vary", b"Accept-Encoding"),
            *([(b"content-encoding", b"gzip")] if zipped else []),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


def _with_early(scope: Scope, send: Send) -> Send:
    if scope["type"] != "http" or b"text/html" not in dict(scope["headers"]).get(b"accept", b""):
        return send
    link = _early(str(scope["path"]).rpartition("/")[2])
    if link is None:
        return send

    async def with_link(message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] == 200:
            message["headers"] = [*message["headers"], (b"link", link)]
        await send(message)

    return with_link


def _asked_for(scope: Scope) -> _Asset | None:
    """The file that a request names, or None; a request for a part of one is left to Streamlit."""
    if scope["type"] != "http" or scope["method"] not in {"GET", "HEAD"}:
        return None
    if any(name == b"range" for name, _ in scope["headers"]):
        return None
    _, mark, name = str(scope["path"]).rpartition(_MARK)
    return _assets().get(name) if mark else None
