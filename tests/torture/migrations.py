"""An upgrade of an older database is killed: its schema is the old one or the new one, its rows are all there."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from alembic import command
from alembic.script import ScriptDirectory

from arena.store import migrate
from arena.store.engine import connect
from tests.arena.battles.conftest import fill
from tests.torture import killing
from tests.torture.killing import Told
from tests.torture.place import Place, demand

if TYPE_CHECKING:
    import random
    from contextlib import ExitStack
    from pathlib import Path

    from tests.torture.killing import Whole

Schema = dict[str, Any]
Content = dict[str, str]
EMPTY = "empty"


@dataclass(frozen=True)
class Known:
    """A database at a revision, how an upgrade of it goes, and what is there before and after."""

    place: Place
    old: tuple[Schema, Content]
    whole: Whole
    new: tuple[Schema, Content]


class Migrations:
    """Kills `arena db upgrade` of a database at each earlier revision, the empty one included."""

    def __init__(self, template: Place, _stack: ExitStack) -> None:
        self._template = template
        self._full = replace(template.copy(template.directory.with_name("full")), planted=None)
        fill(self._full.settings, prompts=40, repetitions=3).close()
        template.settings.require_writable()
        self._known: dict[str, Known] = {}

    def _from(self, revision: str) -> Known:
        """The database at a revision, made when it is first asked for."""
        if revision not in self._known:
            place = self._template
            if revision != EMPTY:
                place = place.copy(place.directory.with_name(f"at-{revision}"))
                _older(place, self._full, revision)
            probe = place.copy(place.directory.with_name("probe"))
            whole = killing.whole(probe, ["db", "upgrade"])
            self._known[revision] = Known(place, _state(place), whole, _state(probe))
            probe.drop()
        return self._known[revision]

    def kill(self, rng: random.Random, directory: Path) -> Told:
        revision = rng.choice([EMPTY, *_revisions()[:-1]])
        known = self._from(revision)
        place = known.place.copy(directory)
        killed = killing.kill(place, ["db", "upgrade"], known.whole.aim(rng))
        found = _state(place)
        old, new = known.old, known.new
        where = "old" if found[0] == old[0] else "new" if found[0] == new[0] else "neither"
        demand(where != "neither", f"the schema is neither that of {revision} nor the newest")
        demand(found[1] == (old if where == "old" else new)[1], "rows have changed")
        if where == "new":
            place.check()
        done = killing.run(place, "db", "upgrade")
        demand(done.returncode == 0, f"exit {done.returncode}: {done.stderr}")
        demand(_state(place) == new, "upgrading again does not end where one upgrade alone ends")
        place.check()
        place.drop()
        lasted = f"from {revision}, of {known.whole.lasts_s:.2f} s"
        return Told(killed, f"{lasted}; schema: {where}", {f"{where} schema": 1})


def _revisions() -> list[str]:
    """Oldest first."""
    walked = ScriptDirectory.from_config(migrate.config()).walk_revisions()
    return [script.revision for script in walked][::-1]


def _older(place: Place, full: Place, revision: str) -> None:
    """A database at that revision with the rows of a full one, in the columns that there were."""
    engine, source = connect(place.settings, create=True), connect(full.settings, create=False)
    with engine.execution_options(arena_write=True).begin() as connection:
        command.upgrade(migrate.config(connection), revision)
    tables, newest = sa.MetaData(), sa.MetaData()
    tables.reflect(engine)
    newest.reflect(source)
    with engine.begin() as connection, source.connect() as reading:
        for table in tables.sorted_tables:
            if table.name == "alembic_version" or table.name not in newest.tables:
                continue
            rows = reading.execute(sa.select(newest.tables[table.name])).mappings().all()
            kept = [{c.name: row[c.name] for c in table.columns if c.name in row} for row in rows]
            connection.execute(table.delete())  # a migration may have filled it
            if kept:
                connection.execute(table.insert(), kept)
    engine.dispose()
    source.dispose()
    shutil.copytree(full.settings.images_dir, place.settings.images_dir)


def _state(place: Place) -> tuple[Schema, Content]:
    """Every table: columns, constraints and a hash of its rows; digests, which are copies, and lots are left out."""
    engine = connect(place.settings, create=True)
    inspector = sa.inspect(engine)
    schema: Schema = {"revision": migrate.current(engine)}
    content: Content = {}
    for name in sorted(inspector.get_table_names()):
        schema[name] = {
            "columns": [(c["name"], str(c["type"]), c["nullable"]) for c in inspector.get_columns(name)],
            "checks": sorted(str(c["name"]) for c in inspector.get_check_constraints(name)),
            "foreign": sorted(str(f["constrained_columns"]) for f in inspector.get_foreign_keys(name)),
            "indexes": sorted(str(i["name"]) for i in inspector.get_indexes(name)),
        }
        if name not in {"digest", "export_clock"}:
            content[name] = _rows(engine, name)
    engine.dispose()
    return schema, content


def _rows(engine: sa.Engine, name: str) -> str:
    table = sa.Table(name, sa.MetaData(), autoload_with=engine)
    with engine.connect() as connection:
        rows = sorted(str(tuple(row)) for row in connection.execute(sa.select(table)))
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()
