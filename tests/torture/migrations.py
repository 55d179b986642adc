"""An upgrade of an older database is killed: its schema is the old one or the new one, its rows are all there."""

from __future__ import annotations

import hashlib
import shutil
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from alembic import command
from alembic.script import ScriptDirectory

from arena.store import migrate
from arena.store.engine import connect
from tests.arena.battles.conftest import fill
from tests.torture import killing
from tests.torture.place import Place, demand

if TYPE_CHECKING:
    import random
    from contextlib import ExitStack
    from pathlib import Path

Schema = dict[str, Any]
Content = dict[str, str]


class Migrations:
    """Kills `arena db upgrade` of a database at each earlier revision, the empty one included."""

    def __init__(self, template: Place, _stack: ExitStack) -> None:
        full = template.copy(template.directory.with_name("full"))
        fill(full.settings, prompts=40, repetitions=3).close()
        self._old: dict[str, Place] = {"empty": template}
        template.settings.require_writable()
        for revision in _revisions()[:-1]:
            place = self._old[revision] = template.copy(template.directory.with_name(f"at-{revision}"))
            _older(place, full, revision)
        self._state = {revision: _state(place) for revision, place in self._old.items()}
        self._whole_s: dict[str, float] = {}
        self._new: dict[str, tuple[Schema, Content]] = {}
        for revision, place in self._old.items():
            probe = place.copy(template.directory.with_name("probe"))
            self._whole_s[revision] = killing.whole_s(probe, ["db", "upgrade"])
            self._new[revision] = _state(probe)
            probe.drop()
        full.drop()

    def kill(self, rng: random.Random, directory: Path) -> str:
        revision = rng.choice(sorted(self._old))
        place = self._old[revision].copy(directory)
        killed = killing.kill(place, ["db", "upgrade"], rng.uniform(0, self._whole_s[revision] * 1.05))
        found = _state(place)
        old, new = self._state[revision], self._new[revision]
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
        return (
            f"from {revision}, killed after {killed.after_s:.2f} s of {self._whole_s[revision]:.2f} s; schema: {where}"
        )


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
