"""Which messages about incidents were sent: claimed before, noted after, so that two checks at once tell nothing twice.

A process that dies between the two leaves a claim; after `STALE` the next check takes it over, and only then may a
message be sent that had arrived without being acknowledged.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from arena.store.schema import METADATA

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    from sqlalchemy import Connection

ALERT = METADATA.tables["alert"]
STALE = timedelta(minutes=10)
OPENED, CLOSED = "opened", "closed"


@dataclass(frozen=True, slots=True)
class Notice:
    """One message: what it is about, and over which channel. `event` is `opened` or `closed`."""

    incident: str
    series: str
    noticed: date
    event: str
    channel: str


@dataclass(frozen=True, slots=True)
class Told:
    """A notice and what has become of it."""

    notice: Notice
    sent_at: datetime | None
    tries: int
    complaint: str | None


def told(connection: Connection) -> list[Told]:
    """Every notice so far, oldest first."""
    return [
        Told(
            Notice(row.incident, row.series, row.noticed, row.event, row.channel),
            row.sent_at, row.tries, row.complaint,
        )
        for row in connection.execute(sa.select(ALERT).order_by(ALERT.c.id))
    ]  # fmt: skip


def claim(connection: Connection, notices: Sequence[Notice], now: datetime) -> list[Notice]:
    """Those of some notices that nobody else is sending and nobody has sent; they are this process's to send."""
    mine = []
    for notice in notices:
        same = _is(notice)
        known = connection.execute(sa.select(ALERT.c.claimed_at).where(same)).first()
        if known is None:
            row = {
                "incident": notice.incident, "series": notice.series, "noticed": notice.noticed,
                "event": notice.event, "channel": notice.channel, "claimed_at": now, "tries": 1,
            }  # fmt: skip
            taken = _inserted(connection, row)
        else:
            stale = same & ALERT.c.sent_at.is_(None) & (ALERT.c.claimed_at <= now - STALE)
            values = {"claimed_at": now, "tries": ALERT.c.tries + 1}
            taken = connection.execute(ALERT.update().where(stale).values(values)).rowcount == 1
        if taken:
            mine.append(notice)
    return mine


def sent(connection: Connection, notices: Sequence[Notice], now: datetime) -> None:
    """Note that the other side has taken them."""
    for notice in notices:
        connection.execute(ALERT.update().where(_is(notice)).values(sent_at=now, complaint=None))


def not_sent(connection: Connection, notices: Sequence[Notice], complaint: str, now: datetime) -> None:
    """Note why they could not be sent; the next check may try again at once."""
    values = {"complaint": complaint, "claimed_at": now - STALE}
    for notice in notices:
        connection.execute(ALERT.update().where(_is(notice), ALERT.c.sent_at.is_(None)).values(values))


def _inserted(connection: Connection, row: dict[str, object]) -> bool:
    """Whether the row is this process's: the unique key decides where two come at once."""
    try:
        with connection.begin_nested():
            connection.execute(ALERT.insert(), row)
    except IntegrityError:
        return False
    return True


def _is(notice: Notice) -> sa.ColumnElement[bool]:
    return (ALERT.c.incident == notice.incident) & (ALERT.c.event == notice.event) & (ALERT.c.channel == notice.channel)
