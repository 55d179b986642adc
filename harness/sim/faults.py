"""How each fault looks on the wire, below the level of the protocols.

server_error      500 after the usual latency
unavailable       503 at once
rate_limited      429 at once, with Retry-After
payment           no credit is left: 402 at once, or what the protocol has for it
moderated         the protocol's refusal of the prompt
moderated_output  the protocol's refusal of the image that was made
job_failed        the model fails after the request was accepted
start_timeout     the provider gives up before it has started
truncated         content-length is above what is sent
garbage           success, but the image is not one
wrong_size        success, at half the width and height
expired           success, but the result's address answers 403; only where results are delivered by address
hang              no answer for 75 s, then the connection closes
reset             the connection is reset without an answer
html              200 and a web page
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import anyio
from starlette.responses import HTMLResponse, Response

from harness.sim.work import produce, until_gone

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Receive, Scope, Send

    from harness.sim.contender import Fault
    from harness.sim.state import Provider, Ticket
    from harness.sim.work import Order

HANG_S = 75.0
"""How long a hanging request is held, in seconds."""

RETRY_AFTER_S = 1
"""What a refusal for the rate asks the client to wait, in seconds."""

PAGE = """<!doctype html><title>Bad gateway</title><h1>Something went wrong</h1>
<p>The page you were looking for is having a rest. Please try again in a few minutes.</p>"""

SAID: frozenset[Fault] = frozenset(
    {
        "server_error",
        "unavailable",
        "rate_limited",
        "moderated",
        "moderated_output",
        "job_failed",
        "start_timeout",
        "payment",
    }
)
"""Faults that the protocol has an answer for."""

AFTER_THE_LATENCY: frozenset[Fault] = frozenset(
    {"server_error", "moderated", "moderated_output", "job_failed", "start_timeout", "html", "reset"}
)
"""Faults that show only when the work would have been done; the others show at once."""

CONNECTION = "harness.sim.connection"
"""The key of the ASGI extension that lets an answer end its connection."""


class Connection(Protocol):
    """What the server offers under `CONNECTION`."""

    def close(self) -> None:
        """Close after what was sent so far has gone out."""

    def reset(self) -> None:
        """Reset at once."""


async def fulfil(
    provider: Provider,
    order: Order,
    ticket: Ticket,
    refuse: Callable[[Fault], Response],
    deliver: Callable[[list[bytes]], Response],
) -> Response:
    """The reply to an admitted request, good or faulty as its ticket says, counted.

    `refuse` gives the protocol's error for a fault that has one, `deliver` its reply with encoded images.
    """
    fault = ticket.fault
    if fault in AFTER_THE_LATENCY:
        await anyio.sleep_until(ticket.due_s)
    if fault in SAID:
        provider.failed(fault)
        return refuse(fault)
    if fault in {"html", "hang", "reset"}:
        provider.failed(fault)
        return HTMLResponse(PAGE) if fault == "html" else Hang() if fault == "hang" else Reset()
    images = await produce(provider, order, ticket)
    if fault is None:
        provider.succeeded(ticket, len(images))
        return deliver(images)
    provider.failed(fault)
    return Truncated(deliver(images)) if fault == "truncated" else deliver(images)


class Truncated(Response):
    """Half of another response's body under the content-length of the whole."""

    def __init__(self, whole: Response) -> None:
        self._whole = whole
        super().__init__()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the head and half of the body, then close the connection."""
        body = bytes(self._whole.body)
        head = {
            "type": "http.response.start",
            "status": self._whole.status_code,
            "headers": self._whole.raw_headers,
        }
        await send(head)
        await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
        _connection(scope).close()
        await until_gone(receive)


class Reset(Response):
    """No answer: the connection is reset."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Reset the connection."""
        _connection(scope).reset()
        await until_gone(receive)


class Hang(Response):
    """No answer until the client gives up or `HANG_S` have passed; then the connection is reset."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Wait."""
        with anyio.move_on_after(HANG_S):
            await until_gone(receive)
            return
        _connection(scope).reset()
        await until_gone(receive)


def _connection(scope: Scope) -> Connection:
    connection: Connection | None = scope.get("extensions", {}).get(CONNECTION)
    if connection is None:
        raise RuntimeError("a fault that ends the connection needs the server of harness.sim.server")
    return connection
