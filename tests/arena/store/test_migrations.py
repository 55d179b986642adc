"""Migrations make exactly the tables that the code uses, on both databases; versions are told apart."""

import threading

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from arena.errors import ConfigError, StoreError
from arena.settings import Settings
from arena.store import migrate
from arena.store.engine import connect, open_database
from arena.store.schema import METADATA


def constraints(engine):
    """What alembic's own comparison leaves out: CHECKs, unique and foreign keys, primary keys, indexes."""
    inspector = sa.inspect(engine)
    found = {}
    for table in METADATA.tables:
        found[table] = {
            "checks": {c["name"]: " ".join(c["sqltext"].split()) for c in inspector.get_check_constraints(table)},
            "unique": {tuple(u["column_names"]) for u in inspector.get_unique_constraints(table)},
            "foreign": {
                (tuple(f["constrained_columns"]), f["referred_table"]) for f in inspector.get_foreign_keys(table)
            },
            "primary": tuple(inspector.get_pk_constraint(table)["constrained_columns"]),
            "indexes": {tuple(i["column_names"]) for i in inspector.get_indexes(table) if not i["unique"]},
        }
    return found


@pytest.fixture(autouse=True)
def _copied_databases():
    """Here every database is migrated from nothing."""


@pytest.fixture
def engines():
    """Engines that are closed at the end."""
    opened = []
    yield lambda engine: opened.append(engine) or engine
    for engine in opened:
        engine.dispose()


def test_migrations_and_tables_agree(any_settings, second_settings, engines):
    migrated = engines(open_database(any_settings, create=True).engine)
    with migrated.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
    created = engines(connect(second_settings, create=True))
    METADATA.create_all(created)
    assert constraints(migrated) == constraints(created)


def test_there_is_one_head_and_every_migration_is_reachable():
    scripts = ScriptDirectory.from_config(migrate.config())
    assert len(scripts.get_heads()) == 1
    assert len(list(scripts.walk_revisions())) == len(list((migrate.SCRIPTS / "versions").glob("*.py")))


def stamp(settings, revision):
    engine = open_database(settings, create=True).engine
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = :r"), {"r": revision})
    engine.dispose()


def test_a_newer_database_is_left_alone(any_settings):
    stamp(any_settings, "9999")
    with pytest.raises(StoreError, match="is from a newer version; upgrade provider-arena"):
        open_database(any_settings, create=True)


def test_somebody_elses_database_is_left_alone(any_settings):
    engine = connect(any_settings, create=True)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE customers (id INTEGER)"))
    engine.dispose()
    with pytest.raises(StoreError, match="holds tables of something else"):
        open_database(any_settings, create=True)


def test_upgrading_twice_changes_nothing(any_settings, engines):
    engine = engines(open_database(any_settings, create=True).engine)
    migrate.upgrade(engine)
    assert migrate.current(engine) == migrate.head()


def test_a_database_that_another_process_is_making_is_waited_for(any_settings, engines):
    any_settings.data_dir.mkdir(parents=True, exist_ok=True)
    engine = engines(connect(any_settings, create=True))
    engine.connect().close()  # there it is, and empty
    making = threading.Timer(0.5, migrate.upgrade, [engine])
    making.start()
    open_database(any_settings).close()
    making.join()


def test_an_empty_database_that_nobody_makes_is_called_empty(any_settings, engines):
    any_settings.data_dir.mkdir(parents=True, exist_ok=True)
    engines(connect(any_settings, create=True)).connect().close()
    with pytest.raises(StoreError, match="is empty; `arena run PLAN` or `arena db upgrade` prepares it"):
        open_database(any_settings)


def test_a_missing_database_names_the_command_that_makes_one(settings):
    with pytest.raises(StoreError, match=r"there is no database at .*arena.db yet; `arena run PLAN` makes one"):
        open_database(settings)


@pytest.mark.parametrize(
    ("url", "expected"),
    [("nonsense", "is no database URL"), ("mysql://x/y", "mysql is not supported; use sqlite or postgresql")],
)
def test_a_bad_database_url_is_refused(tmp_path, url, expected):
    with pytest.raises(ConfigError, match=expected):
        open_database(Settings(data_dir=tmp_path, database_url=url), create=True)


def test_a_password_is_in_no_message(tmp_path):
    url = "postgresql://me:canary-password@127.0.0.1:1/none"
    with pytest.raises(StoreError, match="cannot be used") as caught:
        open_database(Settings(data_dir=tmp_path, database_url=url), create=True)
    assert "canary-password" not in str(caught.value)


def test_a_damaged_file_is_said_to_be_damaged(settings):
    settings.require_writable()
    (settings.data_dir / "arena.db").write_bytes(b"this is no database, it is a text " * 100)
    with pytest.raises(StoreError, match="is damaged: file is not a database; restore it from a backup"):
        open_database(settings)


def test_a_directory_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="cannot be written"):
        open_database(Settings(data_dir=tmp_path / "file" / "data"), create=True)
