"""The images of an answer: those inside it, and those that it gives addresses of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from arena.domain.failure import Failure, FailureKind
from arena.domain.outcome import CallPurpose
from harness.addresses import objection_to_result
from harness.calls import AttemptFailed, Calls, not_fetched
from harness.providers.base import Done, ImageAddress, InlineImage, WireCall

if TYPE_CHECKING:
    from harness.delivery import Payload
    from harness.net.marks import Marks
    from harness.transport import Answered

MAX_REDIRECTS = 3
MOST_SPARE_IMAGES = 15
"""How many images beyond those that were asked for are fetched: some make four at a time, none makes hundreds."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """Images as they came, and when the first byte of the first and the last of the last did, on the engine's clock."""

    payloads: tuple[Payload, ...] = field(repr=False)
    first_byte_ns: int
    last_byte_ns: int


async def fetch(calls: Calls, done: Done, answered: Answered) -> Fetched:
    """One image after the other. AttemptFailed if there are far too many, or if one cannot be had."""
    asked = calls.job.request.n
    if len(done.images) > asked + MOST_SPARE_IMAGES:
        message = f"{len(done.images)} images were named where {asked} were asked for; none was fetched"
        raise AttemptFailed(Failure(kind=FailureKind.WRONG_COUNT, message=message))
    payloads: list[Payload] = []
    left_bytes = asked * calls.connection.max_body_bytes
    firsts: list[int] = []
    lasts: list[int] = []
    for image in done.images:
        if isinstance(image, InlineImage):
            payloads.append(image)
            firsts.append(_inline_first_byte_ns(image, answered))
            lasts.append(answered.marks.ended_ns)
        else:
            body, marks = await _download(calls, image, min(left_bytes, calls.connection.max_body_bytes))
            left_bytes -= len(body)
            payloads.append(body)
            firsts.append(marks.first_byte_ns or marks.ended_ns)
            lasts.append(marks.ended_ns)
    return Fetched(tuple(payloads), min(firsts), max(lasts))


async def _download(calls: Calls, image: ImageAddress, most_bytes: int) -> tuple[bytes | bytearray, Marks]:
    url, came_from = image.url, None
    for _ in range(MAX_REDIRECTS + 1):
        objection = objection_to_result(calls.job.endpoint, url, came_from)
        if objection is not None:
            raise AttemptFailed(not_fetched(f"the result address {objection}"))
        answered = await calls.send(WireCall(CallPurpose.DOWNLOAD, "GET", url), most_bytes)
        status, headers = answered.exchange.status, answered.exchange.headers
        if status == 200:
            return answered.exchange.body, answered.marks
        if status not in {301, 302, 303, 307, 308} or "location" not in headers:
            raise AttemptFailed(not_fetched(f"the result address answered HTTP {status}", status))
        url, came_from = _redirected(url, headers["location"]), url
    raise AttemptFailed(not_fetched(f"the result address redirects more than {MAX_REDIRECTS} times"))


def _redirected(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError:
        raise AttemptFailed(not_fetched("the result address redirects to something that is no address")) from None


def _inline_first_byte_ns(image: InlineImage, answered: Answered) -> int:
    """When the first byte of an inline image arrived: headers, or JSON sent early, are no image."""
    begin = image.base64[:32]
    start = begin.encode("ascii", "replace") if isinstance(begin, str) else bytes(begin)
    body = answered.exchange.body
    offset = max(body.find(start), body.find(start.replace(b"/", rb"\/")), 0)  # some servers escape slashes
    arrival_ns = answered.marks.arrival_ns(offset)
    return arrival_ns or answered.marks.ended_ns
