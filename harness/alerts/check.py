"""Looks for incidents and tells of them: each once to each channel, and once that it is over."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal

from arena.domain.watch import Direction, Watchable
from arena.errors import ArenaError
from arena.reports.watch import report
from arena.store import alerts
from arena.store.alerts import CLOSED, OPENED, Notice
from harness.alerts import config
from harness.alerts.channels import deliver
from harness.alerts.messages import News

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from arena.domain.watch import Incident
    from arena.reports.watch import Report
    from arena.settings import Settings
    from arena.store.alerts import Told
    from arena.store.engine import Database
    from harness.alerts.config import Channel, WatchConfig

SAME_WITHIN = timedelta(days=3)
"""Data that came late may move the day on which an incident was noticed by so much; it is the same incident."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check found, what it told, and what it could not.

    `complaints` are of messages that the next check tries again, `remarks` of those that some of a channel lack.
    """

    report: Report
    told: list[News]
    complaints: list[str]
    remarks: list[str]


def check(
    database: Database,
    watch: WatchConfig,
    beside: Path,
    *,
    now: datetime | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Checked:
    """Look, and tell every channel what it has not been told; safe to repeat, and to run twice at once."""
    moment = now or datetime.now(UTC)
    with database.read() as connection:
        found = report(connection, moment, watch.rules)
        before = alerts.told(connection)
    worth_telling = [i for i in found.incidents if watch.tell_better or _worth_telling(i)]
    told: dict[tuple[str, str], News] = {}
    complaints: list[str] = []
    remarks: list[str] = []
    for channel in watch.channel:
        due = news_for(worth_telling, [t for t in before if t.notice.channel == channel.name])
        try:
            sent, remark = _tell(database, channel, due, beside, moment, environ)
            told |= {(one.key, one.event): one for one in sent}
            remarks += [remark] if remark else []
        except ArenaError as error:
            complaints.append(str(error))
    return Checked(found, list(told.values()), complaints, remarks)


def _worth_telling(incident: Incident) -> bool:
    """What is better is told only if it is the price."""
    return incident.direction is not Direction.BETTER or incident.figure is Watchable.PRICE


def news_for(incidents: Sequence[Incident], told: Sequence[Told]) -> list[News]:
    """What a channel has yet to hear, given everything it was told or is being told.

    That an incident is over is told to those only who heard of it; one that is no longer found at all is withdrawn.
    What a channel did not take and is over by now is told as both: it was to be tried again.
    """
    current = {i.key: i for i in incidents}
    opened = {t.notice.incident: t for t in told if t.notice.event == OPENED}
    known_as = {i.key: _known_as(i, opened, current) for i in incidents}
    due = [
        News("opened", known_as[i.key] or i.key, i.series, i.noticed, i)
        for i in incidents
        if i.open and not _sent(opened.get(known_as[i.key] or i.key))
    ]
    closed = {t.notice.incident for t in told if t.notice.event == CLOSED and t.sent_at is not None}
    now_called = {name: key for key, name in known_as.items() if name is not None}
    for key, entry in opened.items():
        incident = current.get(now_called.get(key, ""))
        if entry.sent_at is None and incident is not None and not incident.open:
            both: tuple[Literal["opened", "closed"], ...] = ("opened", "closed")
            due += [News(event, key, incident.series, incident.noticed, incident) for event in both]
        if key not in closed and entry.sent_at is not None and (incident is None or not incident.open):
            due.append(News("closed", key, entry.notice.series, entry.notice.noticed, incident))
    return due


def _sent(entry: Told | None) -> bool:
    return entry is not None and entry.sent_at is not None


def _known_as(incident: Incident, opened: Mapping[str, Told], current: Mapping[str, Incident]) -> str | None:
    """Under which key an incident was told of: its own, or that of one of its series that was noticed about then."""
    if incident.key in opened:
        return incident.key
    for key, entry in opened.items():
        near = abs(entry.notice.noticed - incident.noticed) <= SAME_WITHIN
        if entry.notice.series == incident.series and near and key not in current:
            return key
    return None


def _tell(
    database: Database,
    channel: Channel,
    due: Sequence[News],
    beside: Path,
    now: datetime,
    environ: Mapping[str, str],
) -> tuple[list[News], str | None]:
    """Claim, send as one message, and note that it was sent; also what must be said of how it was taken."""
    if not due:
        return [], None
    notices = {_notice(one, channel): one for one in due}
    with database.write() as connection:
        mine = alerts.claim(connection, list(notices), now)
    if not mine:
        return [], None
    sending = [notices[notice] for notice in mine]
    try:
        remark = deliver(channel, sending, now, beside, environ)
    except ArenaError as error:
        with database.write() as connection:
            alerts.not_sent(connection, mine, str(error), now)
        raise
    with database.write() as connection:
        alerts.sent(connection, mine, datetime.now(UTC))
    return sending, remark


def _notice(one: News, channel: Channel) -> Notice:
    return Notice(one.key, one.series, one.noticed, one.event, channel.name)


def after_run(settings: Settings, database: Database, say: Callable[[str], None]) -> None:
    """The check after a run: only where there is a watch.toml, and whatever happens, the run has ended as it has."""
    try:
        path = config.find(settings)
        if path is None:
            return
        checked = check(database, config.load(path), path.parent)
    except ArenaError as error:
        say(f"watch: {error}; `arena watch check` tries again")
        return
    except Exception as error:  # noqa: BLE001 - what was measured and paid for must not look failed for this
        say(f"watch: a bug, {type(error).__name__}: {error}; the run is stored as it ended")
        return
    for one in checked.told:
        say(f"watch: {one.words}")
    for remark in checked.remarks:
        say(f"watch: {remark}")
    for complaint in checked.complaints:
        say(f"watch: {complaint}; it is tried again at the next check")
