"""What is said of an incident: in words, as JSON, and in blocks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from arena.reports import watch_wording as wording

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    from arena.domain.watch import Incident

SCHEMA = "arena.watch/1"
TEST = "test"
MOST_BLOCKS = 20
"""Slack takes 50 blocks of 3,000 letters; the rest is counted."""


@dataclass(frozen=True, slots=True)
class News:
    """That an incident began, ended, or turned out to be none; `incident` is None for what is no longer found."""

    event: Literal["opened", "closed"]
    key: str
    series: str
    noticed: date
    incident: Incident | None

    @property
    def words(self) -> str:
        """One or two sentences."""
        if self.key == TEST:
            return self.series
        if self.incident is None:
            since = "what was measured since does not bear it out, or it is watched no longer"
            return f"withdrawn: {self.series}, noticed on {self.noticed}: {since}"
        said = sentence(self.incident)
        return said if self.event == "opened" else f"{ended(self.incident)} It was: {said}"


def sentence(incident: Incident) -> str:
    """What changed, since when, by how much, and how sure that is."""
    told = ""
    if incident.before is not None and incident.now is not None:
        before, now = (wording.value(incident, number) for number in (incident.before, incident.now))
        told = f"{before} before, {now} since; "
    return (
        f"{wording.endpoint(incident)}: {wording.figure(incident)} {wording.change(incident)}, "
        f"since {wording.since(incident)}; {told}n {incident.n:,}, noticed {incident.noticed}"
    )


def ended(incident: Incident) -> str:
    """How it ended."""
    if incident.ending == "new normal":
        return f"settled by {incident.until}: this level has lasted and is what later days are compared with."
    return f"{incident.ending} on {incident.until}."


def subject(news: Sequence[News]) -> str:
    """A line for many of them."""
    if any(n.key == TEST for n in news):
        return "Arena watch: a test"
    opened = sum(n.event == "opened" for n in news)
    parts = [f"{opened} changed" if opened else "", f"{len(news) - opened} over" if len(news) > opened else ""]
    names = sorted({n.series.split(" ")[0] for n in news})
    more = f" and {len(names) - 2} more" if len(names) > 2 else ""
    return f"Arena watch: {', '.join(p for p in parts if p)} ({', '.join(names[:2])}{more})"


def text(news: Sequence[News]) -> str:
    """All of them as plain text, with the command behind each."""
    lines = []
    for one in news:
        lines.append(one.words)
        if one.incident is not None:
            lines.append(f"    {one.incident.command}")
    return "\n".join(lines)


def payload(news: Sequence[News], now: datetime) -> dict[str, Any]:
    """What webhooks and files get; `schema` changes when a field changes its meaning."""
    return {"schema": SCHEMA, "sent_at": now.isoformat(), "events": [_event(one) for one in news]}


def _event(one: News) -> dict[str, Any]:
    about = None if one.incident is None else incident_json(one.incident)
    return {
        "event": one.event,
        "withdrawn": about is None and one.key != TEST,
        "id": one.key,
        "words": one.words,
        "incident": about,
    }


def incident_json(incident: Incident) -> dict[str, Any]:
    """An incident for machines; days as ISO dates, relative changes as ratios."""
    days = ("since", "earliest", "latest", "noticed", "last", "baseline_from", "baseline_to")
    return {
        "id": incident.key,
        "endpoint": incident.endpoint,
        "simulated": incident.simulated,
        "figure": incident.figure.value,
        "by": incident.by or None,
        "direction": incident.direction.value,
        "state": "open" if incident.open else incident.ending,
        **{day: getattr(incident, day).isoformat() for day in days},
        "until": None if incident.until is None else incident.until.isoformat(),
        "unit": incident.unit,
        "before": incident.before,
        "now": incident.now,
        "change": incident.change,
        "change_low": incident.change_low,
        "change_high": incident.change_high,
        "n": incident.n,
        "command": incident.command,
    }


def slack(news: Sequence[News]) -> dict[str, Any]:
    """`text` for notifications and `blocks` for the channel; names of providers cannot become links or mentions."""
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": escaped(subject(news))[:150]}}
    ]
    for one in news[:MOST_BLOCKS]:
        command = "" if one.incident is None else f"\n`{escaped(one.incident.command)}`"
        said = f"{escaped(one.words)[:2500]}{command}"
        blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": said, "verbatim": True}})
    if len(news) > MOST_BLOCKS:
        more = f"and {len(news) - MOST_BLOCKS} more; `arena watch` lists them"
        blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": more}})
    return {"text": escaped(subject(news)), "blocks": blocks}


def escaped(words: str) -> str:
    """Text in which Slack finds no link, no mention and no formatting."""
    plain = words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    for mark in "*_~`":
        plain = plain.replace(mark, f"\N{WORD JOINER}{mark}\N{WORD JOINER}" if mark != "`" else "'")
    return plain
