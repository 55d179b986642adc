"""Schedules as they are written: read, checked, and made ready to be asked for their slots."""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from arena.catalog import parse, read_toml
from arena.domain.schedule import Schedule
from arena.errors import ConfigError, UnknownNameError
from harness.schedules.cron import Cron, zone

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from arena.catalog import Catalog

LOOKED_AT = 200
"""How many slots from now on are looked at for the least distance between two."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A schedule with its slots, and where it was read. `plan`: what `Catalog.plan` takes."""

    schedule: Schedule
    cron: Cron
    where: str
    plan: str

    def due_at(self, slot_at: datetime) -> datetime:
        """When a slot is to begin: drawn from schedule and slot, so that every scheduler draws the same."""
        drawn = hashlib.sha256(f"{self.schedule.name} {slot_at.astimezone(UTC).isoformat()}".encode()).digest()
        share = int.from_bytes(drawn[:8]) / 2**64
        return slot_at + timedelta(seconds=round(share * self.schedule.jitter_s))

    def month(self, moment: datetime) -> str:
        """The calendar month of an instant in the schedule's zone, as `2026-11`."""
        return f"{moment.astimezone(self.cron.zone):%Y-%m}"

    def local(self, moment: datetime) -> datetime:
        """An instant by the schedule's clocks."""
        return moment.astimezone(self.cron.zone)


def read(catalog: Catalog, names: Sequence[str] = ()) -> list[Entry]:
    """The named schedules, each a file or the name of a known one; without names, all known ones.

    ConfigError names file and field; UnknownNameError for a name or a plan that is not there. Whether a plan can be
    run is not looked at.
    """
    known = _known(catalog)
    entries: list[Entry] = []
    for name in names or known:
        path = Path(name)
        if path.suffix != ".toml" or not path.is_file():
            if name not in known:
                raise UnknownNameError("schedule (file or name)", name, known, "schedule")
            path = known[name]
        entry = _entry(path, catalog)
        if any(e.schedule.name == entry.schedule.name for e in entries):
            raise ConfigError(f"{path}: the schedule {entry.schedule.name!r} is given twice; names are unique")
        entries.append(entry)
    return entries


def _known(catalog: Catalog) -> dict[str, Path]:
    """Every schedule file by the name of the schedule; one's own win over shipped ones."""
    known: dict[str, Path] = {}
    for paths in catalog.schedule_files():
        here: dict[str, Path] = {}
        for path in paths:
            name = parse(Schedule, read_toml(path), str(path)).name
            if name in here:
                raise ConfigError(f"{path}: the name {name!r} is that of {here[name]}, too; names are unique")
            here[name] = path
        known = here | known
    return known


def _entry(path: Path, catalog: Catalog) -> Entry:
    schedule = parse(Schedule, read_toml(path), str(path))
    try:
        zone(schedule.timezone)
    except ValueError as error:
        raise ConfigError(f"{path}: `timezone`: {error}") from None
    try:
        cron = Cron(schedule.cron, schedule.timezone)
    except ValueError as error:
        raise ConfigError(f"{path}: `cron`: {error}") from None
    closest = _closest(cron.after(datetime.now(UTC))) if schedule.jitter_s else timedelta.max
    if timedelta(seconds=schedule.jitter_s) >= closest:
        raise ConfigError(
            f"{path}: `jitter_s`: must be less than {closest.total_seconds():.0f}, the seconds between two slots of "
            f"{schedule.cron!r}"
        )
    beside = path.parent / schedule.plan
    plan = str(beside) if beside.is_file() else schedule.plan
    try:
        catalog.plan(plan)
    except UnknownNameError as error:
        raise ConfigError(f"{path}: `plan`: {str(error).removeprefix('plan: ')}") from None
    if schedule.score:
        _check_metrics(schedule.score, path)
    return Entry(schedule, cron, str(path), plan)


def _check_metrics(names: Sequence[str], path: Path) -> None:
    from harness.scoring.metrics import chosen_metrics

    try:
        chosen_metrics(names)
    except UnknownNameError as error:
        raise ConfigError(f"{path}: `score`: {str(error).removeprefix('--metric: ')}") from None


def _closest(slots: Iterable[datetime]) -> timedelta:
    looked_at = itertools.pairwise(itertools.islice(slots, LOOKED_AT))
    return min((later - earlier for earlier, later in looked_at), default=timedelta(days=1))
