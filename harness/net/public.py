"""Whether an IP address is one of the public internet, also where it is written inside another one."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, TypeAlias

import httpx

if TYPE_CHECKING:
    from collections.abc import Iterable

IPAddress: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
"""Where a network that speaks only IPv6 puts the addresses of the others (RFC 6052): the last 32 bits."""
NEVER = tuple(
    ipaddress.ip_network(network)
    for network in (
        "2001::/23",  # Teredo and other special purposes (IANA)
        "2002::/16",  # 6to4, out of use (RFC 7526): leads to whatever IPv4 address stands in it
        "3fff::/20",  # documentation (RFC 9637)
        "192.0.0.0/24",  # special purposes (RFC 6890); a cloud keeps its metadata there
        "192.88.99.0/24",  # the relays of 6to4
        "168.63.129.16/32",  # what a virtual machine at Azure asks about itself
    )
)


class NotPublicError(httpx.RequestError):
    """A name that a server chose leads to an address that is not public; nothing was connected to."""


def is_public(address: str) -> bool:
    """Whether an address, as text, may be reached on a server's word: globally routed, unicast, and no other behind it.

    What is no address is not public.
    """
    try:
        found = _innermost(ipaddress.ip_address(address.partition("%")[0]))
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address) and found not in GLOBAL_UNICAST:
        return False
    return found.is_global and not found.is_multicast and not any(found in network for network in NEVER)


def first_private(addresses: Iterable[str]) -> str | None:
    """The first that is not public: one among public ones is enough to distrust a name, as any may be connected to."""
    return next((address for address in addresses if not is_public(address)), None)


def _innermost(address: IPAddress) -> IPAddress:
    """The IPv4 address that an IPv6 address stands for, if it does."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF) if address in NAT64 else address
