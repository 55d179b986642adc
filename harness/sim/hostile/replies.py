"""JSON that is too large, too deep, or holds anything but what its fields are for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from arena.domain.failure import FailureKind as F
from harness.sim.hostile.case import Case, answer, replying, said
from harness.sim.hostile.pictures import inline, picture

if TYPE_CHECKING:
    from harness.sim.hostile.case import Becomes, Visit

IMAGE = inline(picture())
BODY = json.dumps(IMAGE).encode()


def _says(name: str, says: str, body: bytes, *becomes: Becomes, heavy: bool = False, protocol: str = "openai") -> Case:
    return Case(name, says, becomes, replying(answer(body)), heavy=heavy, protocol=protocol)


def _with(**extra: Any) -> bytes:
    return json.dumps({**IMAGE, **extra}).encode()


def _streamed(name: str, says: str, piece: bytes, count: int, start: bytes, end: bytes) -> Case:
    """A body of many megabytes, sent piece by piece."""

    async def handle(visit: Visit) -> None:
        length = len(start) + len(piece) * count + len(end)
        await visit.send(answer(start, length=length))
        for _ in range(count):
            await visit.send(piece)
        await visit.send(end)

    return Case(name, says, (F.BAD_RESPONSE,), handle, heavy=True)


def _nested(depth: int) -> bytes:
    return b'{"data":' + b"[" * depth + b"]" * depth + b"}"


CASES = (
    _streamed("json-of-100-mb", "100 MB of small values", b"[]," * 100_000, 333, b'{"data": [', b"[]]}"),
    _streamed("json-of-200-mb", "200 MB in one string", b"x" * 1_000_000, 200, b'{"data": "', b'"}'),
    _streamed("json-of-escapes", "60 MB of escaped characters", b"\\u0041" * 100_000, 100, b'{"data": "', b'"}'),
    _streamed("json-of-keys", "50 MB of different keys", b'"k":{"a":[0,1,2,3,4]},' * 20_000, 100, b"{", b'"data":[]}'),
    _says("json-depth-10000", "ten thousand lists inside each other", _nested(10_000), F.BAD_RESPONSE),
    _says("json-depth-of-a-million", "a million lists inside each other", _nested(1_000_000), F.BAD_RESPONSE),
    _says("json-cut-off", "JSON that breaks off", BODY[:-20], F.BAD_RESPONSE),
    _says("json-twice", "two JSON values behind each other", BODY + BODY, F.BAD_RESPONSE),
    _says("json-of-digits", "a number of a million digits", b'{"data": ' + b"9" * 1_000_000 + b"}", F.BAD_RESPONSE),
    _says(
        "nan",
        "NaN and Infinity where numbers belong",
        _with(seed=1).replace(b'"seed": 1', b'"seed": NaN, "timings_ms": {"a": NaN, "b": Infinity, "c": -Infinity}'),
        "ok",
    ),
    _says(
        "huge-numbers",
        "numbers beyond every reason",
        _with(seed=10**300, created=-(10**4000), timings_ms={"a": 1e308, "b": 10**200, "c": -5}),
        "ok",
    ),
    _says(
        "number-beyond-floats",
        "1e999 as a seed and as a time",
        _with(seed=1).replace(b'"seed": 1', b'"seed": 1e999, "timings_ms": {"a": 1e999}'),
        "ok",
    ),
    _says("booleans-for-numbers", "true where numbers belong", _with(seed=True, timings_ms={"a": True}), "ok"),
    _says("texts-for-numbers", "words where numbers belong", _with(seed="7; DROP TABLE", timings_ms="fast"), "ok"),
    _says("many-timings", "a hundred thousand timings", _with(timings_ms={f"t{i}": i for i in range(100_000)}), "ok"),
    _says("long-timing-name", "a timing with a name of 100,000 letters", _with(timings_ms={"n" * 100_000: 1}), "ok"),
    _says("duplicate-keys", "the same key twice, with other values", b'{"data": 5, ' + BODY[1:], "ok"),
    _says("utf-16", "its JSON in UTF-16", BODY.decode().encode("utf-16"), "ok", F.BAD_RESPONSE),
    _says("byte-order-mark", "a byte order mark before its JSON", b"\xef\xbb\xbf" + BODY, "ok", F.BAD_RESPONSE),
    _says("not-utf-8", "bytes that are no text", BODY[:-1] + b', "x": "\xff\xfe"}', F.BAD_RESPONSE, "ok"),
    _says(
        "half-a-surrogate",
        "half a surrogate pair in every text",
        _with(model="\ud800", id="\udfff", timings_ms={"\ud800": 1}),
        "ok",
    ),
    _says("null-everywhere", "null where anything belongs", b'{"data": null, "error": null}', F.BAD_RESPONSE),
    _says("a-list", "a list where an object belongs", json.dumps([IMAGE]).encode(), F.BAD_RESPONSE),
    _says("no-images", "a list of no images", b'{"data": []}', F.BAD_RESPONSE),
    _says(
        "image-of-another-type",
        "numbers where images belong",
        b'{"data": [{"b64_json": 5, "url": {}}]}',
        F.BAD_RESPONSE,
    ),
    _says("success-and-error", "an error beside a good image", _with(error={"message": "failed"}), "ok"),
    _says(
        "markers-of-ours",
        "texts that look like marks of our own parser",
        json.dumps({"data": [{"b64_json": "arena-excised-10-90"}], "x": "y" * 70_000}).encode(),
        F.BAD_IMAGE,
        F.BAD_RESPONSE,
    ),
    Case(
        "cost-of-a-billion",
        "says that the image cost a billion dollars",
        (F.WRONG_SIZE,),
        replying(
            said(
                {
                    "status": "succeeded",
                    "id": "p1",
                    "output": "data:image/png;base64," + IMAGE["data"][0]["b64_json"],
                    "cost": 1e9,
                    "metrics": {"predict_time": 1e14},
                }
            )
        ),
        protocol="replicate",
    ),
    Case(
        "clock-of-another-century",
        "begins its work in 1970 and ends it in 9999",
        (F.WRONG_SIZE,),
        replying(
            said(
                {
                    "status": "succeeded",
                    "id": "p1",
                    "created_at": "1970-01-01T00:00:00Z",
                    "started_at": "9999-12-31T23:59:59Z",
                    "output": "data:image/png;base64," + IMAGE["data"][0]["b64_json"],
                    "metrics": {"predict_time": -5, "total_time": "NaN"},
                }
            )
        ),
        protocol="replicate",
    ),
    Case(
        "clock-running-backwards",
        "ends its work before it begins, in no time zone",
        (F.WRONG_SIZE,),
        replying(
            said(
                {
                    "status": "succeeded",
                    "id": "p1",
                    "created_at": "2026-01-01T00:00:10+99:99",
                    "started_at": "0000-00-00T00:00:00",
                    "output": "data:image/png;base64," + IMAGE["data"][0]["b64_json"],
                }
            )
        ),
        protocol="replicate",
    ),
)
