"""Reading what servers send, without trusting any of it: JSON, error envelopes, Retry-After, data URIs."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import urljoin

import pybase64
from pydantic import JsonValue, SecretStr

from arena.domain.failure import Failure, FailureKind, clean_message
from arena.domain.outcome import CallPurpose
from harness.addresses import belongs_to
from harness.providers.base import (
    Exchange,
    How,
    ImageAddress,
    InlineImage,
    Job,
    Rejected,
    SecretHeader,
    Support,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from arena.domain.endpoint import Endpoint
    from arena.domain.request import SourceImage

MAX_RETRY_AFTER_S = 366 * 86_400.0
MAX_TIMINGS = 50
MOST_MS = 30 * 86_400_000.0
"""No job takes longer than a month; a server that says so, or whose clock does, is not believed."""
LARGE_JSON_BYTES = 256 * 1024
MAX_JSON_VALUES = 200_000
"""Values in a large body; one of images has a few dozen. Each takes a hundred bytes and more once it is parsed."""

_KIND_BY_STATUS = {
    400: FailureKind.INVALID_REQUEST,
    401: FailureKind.AUTH,
    402: FailureKind.PAYMENT,
    403: FailureKind.AUTH,
    404: FailureKind.NOT_FOUND,
    405: FailureKind.NOT_FOUND,
    408: FailureKind.TIMEOUT_START,
    409: FailureKind.CAPACITY,
    413: FailureKind.INVALID_REQUEST,
    415: FailureKind.INVALID_REQUEST,
    422: FailureKind.INVALID_REQUEST,
    429: FailureKind.RATE_LIMITED,
    499: FailureKind.CANCELED,
    503: FailureKind.CAPACITY,
    504: FailureKind.TIMEOUT_START,
}
_MODERATION = re.compile(
    r"moderation_blocked|blocked by (?:our )?moderation|content[_ ]policy|content[_ ]filter|sensitive content"
    r"|nsfw(?! must| should| is not a| has to)"
    r"|(?:rejected|refused|blocked|flagged) (?:by|as|for) [^.]{0,40}(?:safety|moderation|inappropriate|unsafe)",
    re.IGNORECASE,
)
_UNPAID = re.compile(r"insufficient_(?:quota|credit|balance)|billing_(?:hard_limit|not_active)", re.IGNORECASE)


_WAIT_IN_WORDS = re.compile(
    r"(?:resets?|retry|try again)\s+(?:in|after)\s+~?\s*(\d{1,6}(?:\.\d{1,3})?)\s*(ms|s(?:ec(?:ond)?s?)?)\b",
    re.IGNORECASE,
)


def bearer(job: Job) -> SecretHeader | None:
    """`Authorization: Bearer KEY`, if the job has a key."""
    return auth_header("Authorization", "Bearer ", job.key)


def field_names(endpoint: Endpoint, defaults: Mapping[str, str]) -> dict[str, str]:
    """The host's names for canonical fields: the protocol's own, overridden by the endpoint's `options.fields`."""
    given = {name: str(value) for name, value in table(endpoint.options.get("fields")).items()}
    return {**defaults, **given}


def support(name: str, wire_name: str, note: str = "") -> Support:
    """How a field is taken that the host calls `wire_name`; "" means that the host does not take it."""
    if not wire_name:
        return Support(How.UNSUPPORTED)
    return Support(How.PASSTHROUGH if wire_name == name else How.RENAMED, wire_name, note)


def auth_header(name: str, prefix: str, key: SecretStr | None) -> SecretHeader | None:
    """The header that carries the key, such as `Authorization: Key …`; None without a key."""
    return SecretHeader(name, SecretStr(f"{prefix}{key.get_secret_value()}")) if key else None


def data_uri(image: SourceImage) -> str:
    """An input image as a data URI."""
    return f"data:{image.media_type};base64,{pybase64.b64encode(image.data).decode('ascii')}"


def plain_base64(image: SourceImage) -> str:
    """An input image as base64 without a data URI's prefix."""
    return pybase64.b64encode(image.data).decode("ascii")


def seconds_as_ms(**seconds: object) -> dict[str, float]:
    """Server timings given in seconds, by name, in milliseconds; what is no number is left out."""
    found = {name: number(value) for name, value in seconds.items()}
    return {name: value * 1000 for name, value in found.items() if value is not None and value * 1000 <= MOST_MS}


def span_ms(begin: object, end: object) -> float | None:
    """Milliseconds between two instants of one server: ISO 8601 texts, or numbers of seconds. None if unreadable."""
    begun, ended = _instant_s(begin), _instant_s(end)
    if begun is None or ended is None or ended < begun:
        return None
    return (ended - begun) * 1000 if (ended - begun) * 1000 <= MOST_MS else None


def spans(**pairs: tuple[object, object]) -> dict[str, float]:
    """Server timings by name, from pairs of instants; what cannot be read is left out."""
    found = {name: span_ms(*pair) for name, pair in pairs.items()}
    return {name: value for name, value in found.items() if value is not None}


def _instant_s(value: object) -> float | None:
    words = text(value)
    if words is None:
        return number(value)
    try:
        moment = datetime.fromisoformat(words)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def read_json(body: bytes | bytearray) -> JsonValue:
    """The body as JSON, or None if it is none (also when it is nested too deep, or holds more values or a number
    beyond reason).
    """
    if len(body) > LARGE_JSON_BYTES and sum(map(body.count, (b",", b"[", b"{"))) > MAX_JSON_VALUES:
        return None
    try:
        value: JsonValue = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return value


def table(value: object) -> Mapping[str, JsonValue]:
    """`value` if it is a JSON object, else an empty one: reading on needs no further checks."""
    return value if isinstance(value, dict) else {}


def text(value: object) -> str | None:
    """`value` if it is a non-empty string that can be written down: JSON may hold halves of surrogate pairs."""
    if not isinstance(value, str) or not value:
        return None
    try:
        value.encode()
    except UnicodeEncodeError:
        return None
    return value


def label(value: object) -> str | None:
    """A short text to be stored, such as an id or a model's name: cleaned and cut."""
    found = text(value)
    return clean_message(found, 200) or None if found else None


def integer(value: object) -> int | None:
    """`value` if it is a whole number that fits the database; booleans are none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63 else None


def number(value: object) -> float | None:
    """`value` if it is a finite, non-negative number; booleans are none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value < 1e15 else None


def header_number(value: str | None) -> float | None:
    """The number in a header; None where there is none, or where it says `None`, as some do."""
    try:
        return number(float(value or ""))
    except ValueError:
        return None


def milliseconds(value: object) -> dict[str, float]:
    """The numeric entries of a table of timings that is in milliseconds already."""
    found = {label(name): number(entry) for name, entry in list(table(value).items())[:MAX_TIMINGS]}
    return {n[:60]: ms for n, ms in found.items() if n is not None and ms is not None and ms <= MOST_MS}


def image_reference(value: object, base_url: str) -> InlineImage | ImageAddress | None:
    """An image given as data URI, absolute address, or path on the endpoint's own host."""
    reference = text(value)
    if reference is None:
        return None
    if reference.startswith("data:"):
        header, comma, payload = reference.partition(",")
        return InlineImage(payload) if comma and header.endswith(";base64") else None
    if reference.startswith("/") and not reference.startswith("//"):
        scheme, _, rest = base_url.partition("://")
        return ImageAddress(f"{scheme}://{rest.partition('/')[0]}{reference}")
    return ImageAddress(reference)


def own_address(endpoint: Endpoint, told: object, name: str) -> str | None:
    """The address of the thing called `name`, whole or a path, if it names the thing and is on a host of the endpoint.

    Where it is not, the thing can be asked for at an address that is known anyway.
    """
    found = text(told)
    try:
        address = urljoin(f"{endpoint.base_url}/", found) if found else ""
    except ValueError:
        return None
    return address if name in address and belongs_to(endpoint, address) else None


def request_id(headers: Mapping[str, str]) -> str | None:
    """The provider's own name for the request, from the headers that are in use for it."""
    return label(headers.get("x-request-id") or headers.get("request-id") or headers.get("cf-ray"))


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, from `retry-after-ms`, or `retry-after` in seconds or as a date (RFC 9110 §10.2.3).

    A date is read against the answer's own Date header: only differences of one server's clock mean anything.
    """
    in_ms = _decimal(headers.get("retry-after-ms"))
    if in_ms is not None:
        return min(in_ms / 1000, MAX_RETRY_AFTER_S)
    value = headers.get("retry-after")
    seconds = _decimal(value)
    if seconds is None and value:
        until, now = _http_date(value), _http_date(headers.get("date", "")) or datetime.now(UTC)
        seconds = None if until is None else max(0.0, (until - now).total_seconds())
    return None if seconds is None else min(seconds, MAX_RETRY_AFTER_S)


def _wait_s(exchange: Exchange, message: str) -> float | None:
    """Seconds to wait by the headers, or by the words of the message: `resets in ~30s`, `try again in 250ms`."""
    by_header = retry_after_s(exchange.headers)
    if by_header is not None:
        return by_header
    told = _WAIT_IN_WORDS.search(message[:2000]) if exchange.status in {429, 503} else None
    seconds = float(told[1]) / (1000 if told[2].lower() == "ms" else 1) if told else None
    return None if seconds is None else min(seconds, MAX_RETRY_AFTER_S)


def _decimal(value: str | None) -> float | None:
    return float(value) if value and re.fullmatch(r"\s*\d{1,12}(\.\d{1,9})?\s*", value) else None


def _http_date(value: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError, OverflowError):
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def rejected(exchange: Exchange, kind: FailureKind, message: str) -> Rejected:
    """A rejection of this exchange, for a reason that its body does not name as an error."""
    failure = Failure(kind=kind, message=clean_message(message), http_status=exchange.status)
    return Rejected(failure, request_id=request_id(exchange.headers))


def rejected_by_status(exchange: Exchange) -> Rejected:
    """A rejection read from an error status and whatever envelope came with it (OpenAI, FastAPI, flat, plain text).

    What is not found when it is polled was accepted before: the provider has lost it, whereas a submission that finds
    nothing names a wrong model.
    """
    message, code = error_text(exchange.body)
    kind = kind_of(exchange.status, f"{code} {message}")
    if kind is FailureKind.NOT_FOUND and exchange.call.purpose is CallPurpose.POLL:
        kind = FailureKind.PROVIDER_ERROR
    failure = Failure(
        kind=kind,
        message=clean_message(message or f"HTTP {exchange.status}"),
        http_status=exchange.status,
        retry_after_s=_wait_s(exchange, message),
    )
    return Rejected(failure, request_id=request_id(exchange.headers))


def kind_of(status: int, words: str) -> FailureKind:
    """The kind of failure for an HTTP status and the words that came with it."""
    if status in {400, 403, 422} and _MODERATION.search(words):
        return FailureKind.MODERATED_INPUT
    if status in {400, 403, 429} and _UNPAID.search(words):
        return FailureKind.PAYMENT
    if status in _KIND_BY_STATUS:
        return _KIND_BY_STATUS[status]
    return FailureKind.PROVIDER_ERROR if status >= 500 else FailureKind.BAD_RESPONSE


def says_moderated(words: str) -> bool:
    """Whether an error text speaks of moderation."""
    return bool(_MODERATION.search(words))


def error_text(body: bytes | bytearray) -> tuple[str, str]:
    """The message and the code of an error envelope; of plain text, its beginning; of HTML, its title."""
    value = read_json(body[:200_000])
    if not isinstance(value, dict):
        return _plain(body[:4000].decode("utf-8", "replace")), ""
    envelope = _envelope(value)
    code = text(envelope.get("code")) or text(envelope.get("type")) or text(envelope.get("error_type")) or ""
    for name in ("message", "detail", "error", "title"):
        found = envelope.get(name)
        if isinstance(found, str) and found:
            return found, code
        if isinstance(found, list) and found:
            return _validation_text(found), code
    return "", code


def _envelope(value: dict[str, JsonValue]) -> Mapping[str, JsonValue]:
    """The part of an answer that describes the error: `error`, the first of `errors`, or the answer itself."""
    inner, several = value.get("error"), value.get("errors")
    if isinstance(inner, dict):
        return inner
    if "message" not in value and isinstance(several, list) and several and isinstance(several[0], dict):
        return several[0]
    return value


def _validation_text(problems: list[JsonValue]) -> str:
    parts = []
    for problem in problems[:3]:
        entry = table(problem)
        location = entry.get("loc")
        where = ".".join(str(p) for p in location) if isinstance(location, list) else ""
        parts.append(f"{where}: {entry.get('msg', problem)} {entry.get('type', '')}".strip(": "))
    return "; ".join(parts)


def _plain(content: str) -> str:
    title = re.search(r"<title[^>]*>(.{0,300}?)</title", content, re.IGNORECASE | re.DOTALL)
    return title[1] if title else content
