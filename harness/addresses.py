"""Which addresses may be called: where a key may go, and from where a result may be fetched."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from arena.domain.endpoint import is_loopback

if TYPE_CHECKING:
    from arena.domain.endpoint import Endpoint


def belongs_to(endpoint: Endpoint, url: str) -> bool:
    """Whether an address belongs to the endpoint, so that its key may be sent there.

    That is its own origin, and the hosts of its `key_hosts`, over https or on this machine.
    """
    origin, own = _origin(url), _origin(endpoint.base_url)
    if origin is None or own is None:
        return False
    scheme, host, port = origin
    safe = scheme == "https" or (scheme == "http" and is_loopback(host))
    return origin == own or (safe and any(_names(pattern, host, port, scheme) for pattern in endpoint.key_hosts))


def _names(pattern: str, host: str, port: int, scheme: str) -> bool:
    """Whether `api.example.com`, `127.0.0.1:8701` or `*.example.com` names this host; without a port, the usual one."""
    name, _, wanted = pattern.lower().partition(":")
    if port != (int(wanted) if wanted.isdecimal() else {"https": 443, "http": 80}[scheme]):
        return False
    return host == name or (name.startswith("*.") and host.endswith(name[1:]) and len(host) > len(name) - 1)


def objection_to_result(endpoint: Endpoint, url: str) -> str | None:
    """Why a result may not be fetched from an address that a server named, or None if it may.

    The endpoint's own host and its `result_hosts` are allowed as they are; anything else must be https on a public
    name.
    """
    try:
        parts = urlsplit(url)
        host, _ = (parts.hostname or "").lower(), parts.port
    except ValueError:
        return "is no valid address"
    if parts.scheme not in {"http", "https"} or not host:
        return "is not an http(s) address"
    if belongs_to(endpoint, url) or host in endpoint.result_hosts:
        return None
    if parts.scheme != "https":
        return f"is plain http on {host}; add the host to the endpoint's result_hosts if that is meant"
    if _is_private(host):
        return f"is on the private host {host}; add it to the endpoint's result_hosts if that is meant"
    return None


def without_secrets(url: str) -> str:
    """An address fit to be stored: query values, fragment and user info are where signatures and tokens are."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "(invalid address)"
    return f"{parts.scheme}://{host}{port}{parts.path}{'?…' if parts.query else ''}"[:2000]


def _origin(url: str) -> tuple[str, str, int] | None:
    try:
        parts = urlsplit(url)
        port = parts.port or {"https": 443, "http": 80}.get(parts.scheme, 0)
        return parts.scheme, (parts.hostname or "").lower(), port
    except ValueError:
        return None


def _is_private(host: str) -> bool:
    name = host.rstrip(".")
    if name == "localhost" or name.endswith((".localhost", ".local", ".internal")):
        return True
    try:
        return not ipaddress.ip_address(name).is_global
    except ValueError:
        # Resolvers read 127.1, 2130706433 and 0x7f.1 as addresses, too; no public name ends in a number.
        return bool(re.fullmatch(r"0x[0-9a-f]*|\d+", name.rpartition(".")[2]))
