"""What kind of failure an exception of the HTTP library, of TLS or of a socket is."""

from __future__ import annotations

import errno
import socket
import ssl
import zlib
from typing import TYPE_CHECKING

import anyio
import httpx

from arena.domain.failure import FailureKind
from harness.net.http1 import TooLargeError
from harness.net.public import NotPublicError

if TYPE_CHECKING:
    from collections.abc import Mapping

FAILURE_BY_EXCEPTION: Mapping[type[Exception], FailureKind] = {
    # The most specific class of an exception's ancestry decides; a test proves the table total over httpx.
    httpx.ConnectTimeout: FailureKind.CONNECT_TIMEOUT,
    httpx.ConnectError: FailureKind.CONNECT,
    httpx.TimeoutException: FailureKind.TIMEOUT,
    httpx.PoolTimeout: FailureKind.HARNESS,
    httpx.UnsupportedProtocol: FailureKind.HARNESS,
    httpx.LocalProtocolError: FailureKind.HARNESS,
    httpx.ProxyError: FailureKind.HARNESS,
    httpx.RemoteProtocolError: FailureKind.PROTOCOL,
    httpx.TransportError: FailureKind.NETWORK,
    httpx.DecodingError: FailureKind.BAD_RESPONSE,
    TooLargeError: FailureKind.BAD_RESPONSE,
    NotPublicError: FailureKind.BAD_RESPONSE,
    httpx.TooManyRedirects: FailureKind.BAD_RESPONSE,
    httpx.RequestError: FailureKind.NETWORK,
    httpx.InvalidURL: FailureKind.BAD_RESPONSE,
    anyio.BrokenResourceError: FailureKind.NETWORK,
    anyio.ClosedResourceError: FailureKind.NETWORK,
    anyio.EndOfStream: FailureKind.NETWORK,
    zlib.error: FailureKind.BAD_RESPONSE,
    OSError: FailureKind.NETWORK,
}
OUR_ERRNOS = frozenset(
    {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL, errno.ENETUNREACH, errno.ENETDOWN}
)
"""Out of descriptors, memory or ports, or without a network: no provider can help that."""


def failure_kind(error: Exception) -> FailureKind:
    """What kind of failure an exception of the HTTP library, of TLS or of a socket is."""
    causes = _causes(error)
    if any(isinstance(cause, OSError) and cause.errno in OUR_ERRNOS for cause in causes):
        return FailureKind.HARNESS
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return FailureKind.DNS
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return FailureKind.TLS
    for ancestor in type(error).__mro__:
        if ancestor in FAILURE_BY_EXCEPTION:
            return FAILURE_BY_EXCEPTION[ancestor]
    return FailureKind.HARNESS


def _causes(error: BaseException) -> list[BaseException]:
    chain: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in chain:
        chain.append(current)
        current = current.__cause__ or current.__context__
    return chain
