"""Which addresses may be called: where a key may go, and from where a result may be fetched.

Addresses come from servers, so they are read strictly: what two libraries might read in two ways (user names, back
slashes, hosts that are not plain ASCII) is no address here. Names are judged again once they have been looked up
(`harness.net.public`): `named` says for which hosts that is not needed.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from arena.domain.endpoint import is_loopback
from harness.net.public import is_public

if TYPE_CHECKING:
    from arena.domain.endpoint import Endpoint

_HOST_AND_PORT = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{0,5})?")
_CONTROL_OR_SPACE = re.compile(r"[\x00-\x20\x7f-\xa0]")
_PRIVATE_ENDINGS = (".localhost", ".local", ".internal", ".intranet", ".lan", ".home.arpa")
_USUAL_PORT = {"https": 443, "http": 80}
MOST_CHARACTERS = 16_384
"""Signed addresses take two or three thousand."""


class Origin(NamedTuple):
    """Scheme, host in lower case without the dot that may end it, and port."""

    scheme: str
    host: str
    port: int


def origin_of(url: str) -> Origin | None:
    """The origin of an http(s) address, or None if it is none or could be read in more than one way."""
    return _origin_of(url) if len(url) <= MOST_CHARACTERS else None


@lru_cache(maxsize=256)
def _origin_of(url: str) -> Origin | None:
    if _CONTROL_OR_SPACE.search(url):
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in _USUAL_PORT or not _HOST_AND_PORT.fullmatch(parts.netloc) or not parts.hostname:
        return None
    if port == 0:  # which some take for the usual one
        return None
    return Origin(parts.scheme, parts.hostname.rstrip("."), _USUAL_PORT[parts.scheme] if port is None else port)


def belongs_to(endpoint: Endpoint, url: str) -> bool:
    """Whether an address belongs to the endpoint, so that its key may be sent there.

    That is its own origin, and the hosts of its `key_hosts`, over https or on this machine.
    """
    origin, own = origin_of(url), origin_of(endpoint.base_url)
    if origin is None or own is None:
        return False
    return origin == own or (_safe(origin) and any(_names(pattern, origin) for pattern in endpoint.key_hosts))


def named(endpoint: Endpoint, url: str) -> bool:
    """Whether the endpoint's data name the very host of an address, so that it may be private.

    `*.example.com` names none: which host it is was a server's choice.
    """
    origin = origin_of(url)
    if origin is None:
        return False
    exact = [pattern for pattern in endpoint.key_hosts if not pattern.startswith("*.")]
    return (
        origin == origin_of(endpoint.base_url)
        or origin.host in endpoint.result_hosts
        or (_safe(origin) and any(_names(pattern, origin) for pattern in exact))
    )


def objection_to_result(endpoint: Endpoint, url: str, came_from: str | None = None) -> str | None:
    """Why a result may not be fetched from an address that a server named, or None if it may.

    The endpoint's own host and its `result_hosts` are allowed as they are; anything else must be https on a public
    name. `came_from` is the address that redirected here: from https there is no way back to http.
    """
    origin = origin_of(url)
    if origin is None:
        return _unreadable(url)
    if came_from is not None and came_from.startswith("https:") and origin.scheme == "http":
        return f"leads from https to plain http on {origin.host}"
    if named(endpoint, url):
        return None
    if origin.scheme != "https":
        return f"is plain http on {origin.host}; add the host to the endpoint's result_hosts if that is meant"
    if _is_private(origin.host):
        return f"is on the private host {origin.host}; add it to the endpoint's result_hosts if that is meant"
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


def _safe(origin: Origin) -> bool:
    return origin.scheme == "https" or is_loopback(origin.host)


def _names(pattern: str, origin: Origin) -> bool:
    """Whether `api.example.com`, `127.0.0.1:8701` or `*.example.com` names this host; without a port, the usual one."""
    name, _, wanted = pattern.lower().partition(":")
    if origin.port != (int(wanted) if wanted.isdecimal() else _USUAL_PORT[origin.scheme]):
        return False
    host = origin.host
    return host == name or (name.startswith("*.") and host.endswith(name[1:]) and len(host) > len(name) - 1)


def _unreadable(url: str) -> str:
    if len(url) > MOST_CHARACTERS:
        return f"has more than {MOST_CHARACTERS} characters"
    try:
        parts = urlsplit(url)
    except ValueError:
        return "is no valid address"
    if parts.scheme not in _USUAL_PORT:
        return "is not an http(s) address"
    if "@" in parts.netloc:
        return "holds a user name or password"
    return "is no valid address"


def _is_private(host: str) -> bool:
    if host == "localhost" or host.endswith(_PRIVATE_ENDINGS):
        return True
    # Resolvers read 127.1, 2130706433 and 0x7f.1 as addresses, too; no public name ends in a number.
    if ":" in host or re.fullmatch(r"0x[0-9a-f]*|\d+", host.rpartition(".")[2]):
        return not is_public(host)
    return False
