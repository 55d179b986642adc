"""Errors as OpenAI-compatible clients expect them, and what holds for every request and every reply."""

from __future__ import annotations

import logging
import secrets
import uuid
from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

logger = logging.getLogger(__name__)

MAX_BODY_BYTES = 64 * 1024 * 1024
SIMULATED_HEADER = "X-Arena-Simulated"
SIMULATED_VALUE = "random weights"
FILES_PATH = "/v1/images/files/"

# A client that is still sending cannot read a reply, so a body that is too large is read on up to here.
_MAX_DISCARDED_BYTES = 4 * MAX_BODY_BYTES


class RefusalError(Exception):
    """An answer other than 200: HTTP `status`, one sentence, and the envelope's other fields."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.code, self.param = status, message, code, param
        self.retry_after_s = retry_after_s

    def response(self) -> JSONResponse:
        """The reply that says it."""
        kinds = {401: "authentication_error", 429: "rate_limit_error"}
        kind = kinds.get(self.status, "invalid_request_error" if self.status < 500 else "server_error")
        body = {"error": {"message": self.message, "type": kind, "code": self.code, "param": self.param}}
        headers = {} if self.retry_after_s is None else {"Retry-After": str(self.retry_after_s)}
        return JSONResponse(body, self.status, headers)


async def on_refusal(_request: Request, error: Exception) -> JSONResponse:
    """Exception handler for `RefusalError`."""
    assert isinstance(error, RefusalError)  # noqa: S101 - registered for this class alone
    return error.response()


async def on_http_exception(_request: Request, error: Exception) -> JSONResponse:
    """Exception handler for what routing and body parsing refuse."""
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class alone
    return RefusalError(error.status_code, error.detail).response()


class Gate:
    """ASGI middleware for what holds everywhere: request ids, the mark of random weights, key, body size.

    `/health` and the addresses of images, which cannot be guessed, need no key. An exception that nobody
    expected is logged and becomes a 500 with a sentence.
    """

    def __init__(self, app: ASGIApp, *, simulated: bool, key: str | None) -> None:
        self._app = app
        self._simulated = simulated
        self._key = key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        marked = _Marked(send, simulated=self._simulated)
        try:
            self._check_key(scope)
            await self._app(scope, _Limited(Headers(scope=scope), receive), marked)
        except RefusalError as refusal:
            await refusal.response()(scope, receive, marked)
        except Exception:
            logger.exception("%s %s failed", scope["method"], scope["path"])
            if not marked.started:
                message = "the server failed at this request; its log says why"
                unexpected = RefusalError(500, message, code="internal_error")
                await unexpected.response()(scope, receive, marked)

    def _check_key(self, scope: Scope) -> None:
        path: str = scope["path"]
        if not self._key or path == "/health" or path.startswith(FILES_PATH):
            return
        scheme, _, given = Headers(scope=scope).get("authorization", "").partition(" ")
        is_right = secrets.compare_digest(given.strip().encode(), self._key.encode())
        if scheme.lower() != "bearer" or not is_right:
            raise RefusalError(
                401, "this server wants its key: send Authorization: Bearer <key>", code="invalid_api_key"
            )


class _Marked:
    """A `send` that adds the headers that every reply carries."""

    def __init__(self, send: Send, *, simulated: bool) -> None:
        self._send = send
        self._simulated = simulated
        self.started = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            headers = MutableHeaders(scope=message)
            headers["x-request-id"] = f"req_{uuid.uuid4().hex}"
            if self._simulated:
                headers[SIMULATED_HEADER] = SIMULATED_VALUE
        await self._send(message)


class _Limited:
    """A `receive` that refuses a body of more than `MAX_BODY_BYTES`."""

    def __init__(self, headers: Headers, receive: Receive) -> None:
        announced = headers.get("content-length", "")
        self._announced_bytes = int(announced) if announced.isdecimal() else 0
        self._receive = receive
        self._received_bytes = 0

    async def __call__(self) -> Message:
        message = await self._next()
        if max(self._announced_bytes, self._received_bytes) > MAX_BODY_BYTES:
            while message.get("more_body") and self._received_bytes < _MAX_DISCARDED_BYTES:
                message = await self._next()
            megabytes = MAX_BODY_BYTES // 1024**2
            raise RefusalError(413, f"the body is larger than {megabytes} MB; send smaller images", code="too_large")
        return message

    async def _next(self) -> Message:
        message = await self._receive()
        self._received_bytes += len(message.get("body", b""))
        return message
