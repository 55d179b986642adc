"""Every misbehaviour that there is an entry for, by phase."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.sim.hostile import addresses, body, connection, head, images, polling, replies, text, tls

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.sim.hostile.case import Case, Phase

CATALOGUE: Mapping[Phase, tuple[Case, ...]] = {
    "connection": connection.CASES,
    "tls": tls.CASES,
    "head": head.CASES,
    "body": body.CASES,
    "images": images.CASES,
    "json": replies.CASES,
    "addresses": addresses.CASES,
    "polling": polling.CASES,
    "text": text.CASES,
}
