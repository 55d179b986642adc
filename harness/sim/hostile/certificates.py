"""Certificates of every doubtful kind, made on the spot; needs trustme, which comes with the development extra."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from importlib import util
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import trustme

    from harness.sim.hostile.case import Certificate

HOSTS = ("localhost", "127.0.0.1", "cdn.example")


def can_be_made() -> bool:
    """Whether the library that makes them is installed."""
    return util.find_spec("trustme") is not None


class Certificates:
    """One authority that is trusted, one that is not."""

    def __init__(self) -> None:
        import trustme

        self._trusted, self._unknown = trustme.CA(), trustme.CA()

    def trusting(self) -> ssl.SSLContext:
        """For clients: trusts the one authority, and nobody else."""
        context = ssl.create_default_context()
        self._trusted.configure_trust(context)
        return context

    def of(self, kind: Certificate) -> ssl.SSLContext:
        """For servers."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._issued(kind).configure_cert(context)
        return context

    def _issued(self, kind: Certificate) -> trustme.LeafCert:
        now, day = datetime.now(UTC), timedelta(days=1)
        if kind == "expired":
            return self._trusted.issue_cert(*HOSTS, not_before=now - 2 * day, not_after=now - day)
        if kind == "not yet":
            return self._trusted.issue_cert(*HOSTS, not_before=now + day, not_after=now + 2 * day)
        if kind == "another name":
            return self._trusted.issue_cert("another.example")
        # What nobody vouches for is the same to a client, whether a server signed it itself or an unknown one did.
        return (self._trusted if kind == "good" else self._unknown).issue_cert(*HOSTS)
