"""A call as a person can read it: exactly what would be sent, with the key redacted and long data shortened."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from harness.providers.base import FormBody, JsonBody

if TYPE_CHECKING:
    from pydantic import JsonValue

    from harness.providers.base import FilePart, SecretHeader, WireCall

REDACTED = "•••"
SCHEMES = frozenset({"Bearer", "Key", "Token", "Basic"})
LONG_CHARACTERS = 160


def as_json(call: WireCall) -> dict[str, JsonValue]:
    """Method, address, headers and body; of a multipart body its parts."""
    return {
        "method": call.method,
        "url": call.url,
        "headers": dict(headers(call)),
        "json": shortened(dict(call.body.value)) if isinstance(call.body, JsonBody) else None,
        "multipart": _parts(call.body) if isinstance(call.body, FormBody) else None,
    }


def as_text(call: WireCall) -> str:
    """The same, laid out as HTTP is."""
    lines = [f"{call.method} {call.url}", *(f"{name}: {value}" for name, value in headers(call))]
    if isinstance(call.body, JsonBody):
        lines += [
            "Content-Type: application/json",
            "",
            json.dumps(shortened(dict(call.body.value)), indent=2, ensure_ascii=False),
        ]
    elif isinstance(call.body, FormBody):
        lines += ["Content-Type: multipart/form-data", ""]
        lines += [f"{name} = {shortened(value)}" for name, value in call.body.fields]
        lines += [f"{file.part} = {_file(file)}" for file in call.body.files]
    return "\n".join(lines)


def headers(call: WireCall) -> list[tuple[str, str]]:
    """The headers that the adapter sets, the key redacted."""
    return [*call.headers, *([(call.auth.name, _redacted(call.auth))] if call.auth else [])]


def shortened(value: JsonValue) -> JsonValue:
    """A body in which only the beginning of long texts is left, and how long they are."""
    if isinstance(value, str) and len(value) > LONG_CHARACTERS:
        return f"{value[:48]}… ({len(value)} characters)"
    if isinstance(value, list):
        return [shortened(entry) for entry in value]
    return {key: shortened(entry) for key, entry in value.items()} if isinstance(value, dict) else value


def _redacted(auth: SecretHeader) -> str:
    """The scheme before the key is no secret, where the header is one that has a scheme; everything else is."""
    scheme, space, _ = auth.value.get_secret_value().partition(" ")
    return f"{scheme} {REDACTED}" if space and scheme in SCHEMES else REDACTED


def _parts(body: FormBody) -> list[JsonValue]:
    fields: list[JsonValue] = [{"name": name, "value": shortened(value)} for name, value in body.fields]
    files: list[JsonValue] = [{"name": file.part, "file": _file(file)} for file in body.files]
    return fields + files


def _file(file: FilePart) -> str:
    return f"{file.file_name} ({file.media_type}, {len(file.data)} bytes)"
