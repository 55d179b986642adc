"""Keys taken out of what is stored and shown: some servers and libraries quote the key that they were sent."""

from __future__ import annotations

import json
import re
import traceback
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import quote

from arena.domain.failure import clean_message

if TYPE_CHECKING:
    from pydantic import SecretStr

    from arena.domain.outcome import CallRecord
    from harness.providers.base import Done

MIN_KEY_LENGTH = 4
"""A shorter "key" is a placeholder, and replacing it would garble messages."""
MIN_PART_LENGTH = 16
"""A key may be an id and a secret with a colon between them; each that is as long as a secret is one."""
MIN_CUT_LENGTH = 6
"""How much of a key must be left at the end of a text that was cut to be taken for one."""
STAND_IN = "(key)"


def without_key(text: str, key: SecretStr | None) -> str:
    """A text without the key, however it is written in it; also without the beginning of one at its very end, where
    the text was cut.
    """
    secret = "" if key is None else key.get_secret_value()
    if len(secret) < MIN_KEY_LENGTH:
        return text
    return _cut_off(_pattern(secret).sub(STAND_IN, text), secret)


def redacted(message: str, key: SecretStr | None) -> str:
    """A message fit to be stored: cleaned, and without the key."""
    return without_key(clean_message(without_key(message, key)), key)


def redacted_label(label: str | None, key: SecretStr | None) -> str | None:
    """A short text, without the key."""
    return label and without_key(label, key)


def redacted_done(done: Done | None, key: SecretStr | None) -> Done | None:
    """What a server said of its success, without the key; the images are left alone."""
    if done is None or key is None:
        return done
    return replace(
        done,
        server_ms={without_key(name, key): value for name, value in done.server_ms.items()},
        model=redacted_label(done.model, key),
        request_id=redacted_label(done.request_id, key),
        remarks=tuple(redacted(remark, key) for remark in done.remarks),
    )


def redacted_calls(calls: list[CallRecord], key: SecretStr | None) -> tuple[CallRecord, ...]:
    """Calls whose addresses, which servers may have made up, do not hold the key."""
    found = []
    for call in calls:
        url = without_key(call.url, key)
        found.append(call if url == call.url else call.model_copy(update={"url": url}))
    return tuple(found)


def trace(error: Exception, key: SecretStr | None) -> str:
    """A traceback for the log: lines as they are, without control characters and without the key."""
    lines = "".join(traceback.format_exception(error)).splitlines()
    return "\n".join("".join(c for c in without_key(line, key) if c.isprintable()) for line in lines)


@lru_cache(maxsize=64)
def _pattern(secret: str) -> re.Pattern[str]:
    parts = {part for part in secret.split(":") if len(part) >= MIN_PART_LENGTH}
    forms = {form for part in {secret, *parts} for form in (part, quote(part, safe=""), json.dumps(part)[1:-1])}
    return re.compile("|".join(re.escape(form) for form in sorted(forms, key=len, reverse=True)), re.IGNORECASE)


def _cut_off(text: str, secret: str) -> str:
    end = text.removesuffix("…")
    for length in range(min(len(secret) - 1, len(end)), MIN_CUT_LENGTH - 1, -1):
        if end[-length:].lower() == secret[:length].lower():
            return end[:-length] + STAND_IN + text[len(end) :]
    return text
