"""The schema's version: what it is, what it should be, and the way up (Alembic scripts beside this file)."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

if TYPE_CHECKING:
    from sqlalchemy import Engine

SCRIPTS = Path(__file__).parent / "migrations"


class State(Enum):
    """How a database's schema relates to this version of Arena."""

    EMPTY = "empty"
    OLDER = "older"
    CURRENT = "current"
    NEWER = "newer"
    FOREIGN = "foreign"


def config(connection: sa.Connection | None = None) -> Config:
    """Alembic's configuration, with the connection that its scripts shall use."""
    settings = Config()
    settings.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    settings.attributes["connection"] = connection
    return settings


def head() -> str:
    """The newest revision that this version knows."""
    revision = ScriptDirectory.from_config(config()).get_current_head()
    if revision is None:
        raise RuntimeError("no migration is shipped")
    return revision


def current(engine: Engine) -> str | None:
    """The database's revision, or None if it has none."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def state(engine: Engine) -> State:
    """How the database's schema relates to this version."""
    with engine.connect() as connection:  # one snapshot: another process may be making the tables just now
        revision = MigrationContext.configure(connection).get_current_revision()
        tables = sa.inspect(connection).get_table_names() if revision is None else []
    if revision is None:
        return State.FOREIGN if tables else State.EMPTY
    if revision == head():
        return State.CURRENT
    known = {script.revision for script in ScriptDirectory.from_config(config()).walk_revisions()}
    return State.OLDER if revision in known else State.NEWER


def complaint(found: State, where: str) -> str | None:
    """One sentence on why the database cannot be used, or None if it can."""
    return {
        State.EMPTY: f"the database {where} is empty; `arena run PLAN` or `arena db upgrade` prepares it",
        State.OLDER: f"the database {where} is from an older version; run `arena db upgrade`",
        State.NEWER: f"the database {where} is from a newer version; upgrade provider-arena to read it",
        State.FOREIGN: f"the database {where} holds tables of something else; set ARENA_DATABASE_URL to another one",
        State.CURRENT: None,
    }[found]


def upgrade(engine: Engine) -> None:
    """Bring the schema to the newest revision, in one transaction where the database can do that."""
    with engine.execution_options(arena_write=True).begin() as connection:
        command.upgrade(config(connection), "head")
