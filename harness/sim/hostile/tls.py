"""Encryption that is not to be trusted, or never comes about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from arena.domain.failure import FailureKind as F
from harness.sim.hostile.case import SHORT_S, Case, answer, replying, said, silence
from harness.sim.hostile.pictures import inline, picture

if TYPE_CHECKING:
    from harness.sim.hostile.case import Certificate, Visit

GOOD = said(inline(picture()))


async def _plain_text(visit: Visit) -> None:
    await visit.reader.read(100)
    await visit.send(answer(b"this is not TLS", "400 Bad Request"))
    visit.writer.close()


async def _reset(visit: Visit) -> None:
    await visit.reader.read(100)
    visit.reset()


async def _close(visit: Visit) -> None:
    await visit.reader.read(100)
    visit.writer.close()


async def _alert(visit: Visit) -> None:
    await visit.reader.read(100)
    await visit.send(b"\x15\x03\x03\x00\x02\x02\x28")  # fatal, handshake_failure
    visit.writer.close()


async def _cut_off(visit: Visit) -> None:
    """Ends the TCP connection without ending TLS, in the middle of an announced body."""
    await visit.send(GOOD[: len(GOOD) // 2])
    visit.writer.get_extra_info("socket")._sock.shutdown(1)
    visit.writer.transport.abort()


async def _garbage(visit: Visit) -> None:
    transport = visit.writer.transport
    raw = transport.get_extra_info("socket")
    raw._sock.send(b"\x17\x03\x03\x00\x20" + b"\xff" * 32)


def _certified(name: str, says: str, certificate: Certificate) -> Case:
    return Case(name, says, (F.TLS,), replying(GOOD), certificate=certificate)


CASES = (
    _certified("certificate-expired", "its certificate expired yesterday", "expired"),
    _certified("certificate-not-yet", "its certificate begins tomorrow", "not yet"),
    _certified("certificate-self-signed", "nobody vouches for its certificate", "self-signed"),
    _certified("certificate-unknown-issuer", "an unknown authority vouches for it", "unknown issuer"),
    _certified("certificate-for-another", "its certificate is for another name", "another name"),
    Case("tls-good", "works, as a control", ("ok",), replying(GOOD), certificate="good"),
    Case(
        "tls-cut-off",
        "ends the connection inside a record's body",
        (F.PROTOCOL, F.NETWORK, F.TLS),
        _cut_off,
        certificate="good",
    ),
    Case(
        "tls-garbage-record",
        "sends a record that cannot be decrypted",
        (F.TLS, F.NETWORK, F.PROTOCOL),
        _garbage,
        certificate="good",
    ),
    Case(
        "tls-plain-text",
        "speaks plain HTTP where TLS is expected",
        (F.TLS,),
        silence,
        greet=_plain_text,
        scheme="https",
    ),
    Case(
        "tls-reset", "resets during the handshake", (F.TLS, F.NETWORK, F.CONNECT), silence, greet=_reset, scheme="https"
    ),
    Case(
        "tls-close", "closes during the handshake", (F.TLS, F.NETWORK, F.CONNECT), silence, greet=_close, scheme="https"
    ),
    Case("tls-alert", "refuses the handshake with an alert", (F.TLS,), silence, greet=_alert, scheme="https"),
    Case(
        "tls-silent",
        "never answers the handshake",
        (F.TIMEOUT, F.CONNECT_TIMEOUT),
        silence,
        greet=silence,
        scheme="https",
        deadline_s=SHORT_S,
    ),
)
