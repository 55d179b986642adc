"""Why a trial brought no image: one closed vocabulary over all providers."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from arena.domain.base import Value


class Blame(StrEnum):
    """Whose failure it is, which decides whether it counts in the success rate."""

    PROVIDER = "provider"
    MODERATION = "moderation"
    OURS = "ours"


class FailureKind(StrEnum):
    """What went wrong, named after what was observed and not after what it might mean."""

    DNS = "dns"
    CONNECT = "connect"
    TLS = "tls"
    CONNECT_TIMEOUT = "connect_timeout"
    NETWORK = "network"
    PROTOCOL = "protocol"
    TIMEOUT = "timeout"
    TIMEOUT_START = "timeout_start"
    RATE_LIMITED = "rate_limited"
    CAPACITY = "capacity"
    PROVIDER_ERROR = "provider_error"
    BAD_RESPONSE = "bad_response"
    BAD_IMAGE = "bad_image"
    WRONG_SIZE = "wrong_size"
    WRONG_COUNT = "wrong_count"
    DOWNLOAD = "download"
    CANCELED = "canceled"
    MODERATED_INPUT = "moderated_input"
    MODERATED_OUTPUT = "moderated_output"
    AUTH = "auth"
    PAYMENT = "payment"
    NOT_FOUND = "not_found"
    INVALID_REQUEST = "invalid_request"
    STOPPED = "stopped"
    HARNESS = "harness"

    @property
    def blame(self) -> Blame:
        """Provider, moderation, or our side (key, balance, request, network name, interruption)."""
        return _BLAME.get(self, Blame.PROVIDER)

    @property
    def may_be_billed(self) -> bool:
        """Whether a provider may charge for an attempt that ended so; a budget counts those in full."""
        return self not in _NEVER_BILLED


_BLAME = {
    FailureKind.MODERATED_INPUT: Blame.MODERATION,
    FailureKind.MODERATED_OUTPUT: Blame.MODERATION,
    FailureKind.DNS: Blame.OURS,
    FailureKind.AUTH: Blame.OURS,
    FailureKind.PAYMENT: Blame.OURS,
    FailureKind.NOT_FOUND: Blame.OURS,
    FailureKind.INVALID_REQUEST: Blame.OURS,
    FailureKind.STOPPED: Blame.OURS,
    FailureKind.HARNESS: Blame.OURS,
}

_NEVER_BILLED = frozenset(
    {
        FailureKind.DNS,
        FailureKind.CONNECT,
        FailureKind.TLS,
        FailureKind.CONNECT_TIMEOUT,
        FailureKind.RATE_LIMITED,
        FailureKind.AUTH,
        FailureKind.PAYMENT,
        FailureKind.NOT_FOUND,
    }
)


class Failure(Value):
    """One failure. `message` is what the remote said, cut to a sane length and stripped of control characters."""

    kind: FailureKind
    message: str = Field(default="", max_length=2000)
    http_status: int | None = Field(default=None, ge=100, le=999)
    retry_after_s: float | None = Field(default=None, ge=0)


def clean_message(text: str, limit: int = 500) -> str:
    """Foreign text made safe to store and to print: one line, no control characters, at most `limit` characters."""
    one_line = " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * limit]).split())
    return one_line if len(one_line) <= limit else one_line[: limit - 1] + "…"
