"""The cookie by which a browser stays the same voter: a random pseudonym and its signature, and nothing else."""

from __future__ import annotations

import hmac
import re
import secrets
from typing import TYPE_CHECKING

from arena.keys import secret_key

if TYPE_CHECKING:
    from arena.settings import Settings

COOKIE = "arena_voter"
YEAR_S = 365 * 24 * 3600
_SHAPE = re.compile(r"([0-9a-f]{32})\.([0-9a-f]{64})", re.ASCII)


def key(settings: Settings) -> bytes:
    """What passes are signed with; who holds it can vote as anybody, so it is readable by its owner alone."""
    return secret_key(settings.data_dir / "voters.key")


def issue(signing_key: bytes) -> str:
    """A pass for a voter who was never seen before."""
    name = secrets.token_hex(16)
    return f"{name}.{_signature(signing_key, name)}"


def holder(signing_key: bytes, presented: str) -> str | None:
    """Whose pass this is; None for one that is missing, damaged, forged or of another installation."""
    match = _SHAPE.fullmatch(presented)
    if match is None or not hmac.compare_digest(_signature(signing_key, match[1]), match[2]):
        return None
    return match[1]


def of_account(signing_key: bytes, issuer: str, subject: str) -> str:
    """The pseudonym of an account: always the same, and of no use to whoever reads it without the key."""
    return hmac.new(signing_key, f"account/{issuer}/{subject}".encode(), "sha256").hexdigest()[:32]


def _signature(signing_key: bytes, name: str) -> str:
    return hmac.new(signing_key, f"voter/{name}".encode(), "sha256").hexdigest()
