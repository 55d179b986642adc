"""Votes as an export has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from arena.store.exchange.batches import batches
from arena.store.exchange.columns import Scope
from arena.store.exchange.voted import VOTES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection


def exported(connection: Connection, salt: str = "fixed") -> Iterator[dict[str, Any]]:
    """One row a vote."""
    for batch in batches(connection, VOTES, Scope(), salt):
        yield from batch.to_pylist()
