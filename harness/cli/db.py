"""`arena db`: the database's schema and health, and copies of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import console

if TYPE_CHECKING:
    from arena.settings import Settings

cli = typer.Typer(name="db", help="Upgrade, check, back up and restore the database.", no_args_is_help=True)


@cli.command()
def upgrade() -> None:
    """Bring the database to this version's schema; makes it if it is not there."""
    from arena.errors import StoreError
    from arena.store import digests, migrate
    from arena.store.engine import Database, connect, translated, where

    engine = connect(console.settings(), create=True)
    with translated(engine):
        found = migrate.state(engine)
        if found in {migrate.State.NEWER, migrate.State.FOREIGN}:
            raise StoreError(migrate.complaint(found, where(engine)) or "")
        before = migrate.current(engine)
        migrate.upgrade(engine)
    digests.refresh(Database(engine))
    typer.echo(f"{where(engine)}: {before or 'empty'} -> {migrate.head()}")


@cli.command()
def check(
    *,
    every_byte: Annotated[
        bool, typer.Option("--all", help="Read every image to its last byte, not only some.")
    ] = False,
) -> None:
    """Check the schema's version, the database's integrity, and that every recorded image is there; exit 2 if not."""
    from arena.store.check import check as examine
    from arena.store.engine import open_database

    settings = console.settings()
    report = examine(open_database(settings), settings.images_dir, every_byte=every_byte)
    for line in report:
        typer.echo(console.shown(line))


@cli.command()
def backup(
    to: Annotated[Path, typer.Argument(metavar="DIRECTORY", help="Where the copy goes; no backup may be there.")],
    *,
    images: Annotated[bool, typer.Option("--images", help="Copy the images, too, not only their list.")] = False,
) -> None:
    """Copy the database while it is in use, with a list of its images."""
    from arena.store.backup import back_up
    from arena.store.engine import connect

    settings = console.settings()
    file = _sqlite_file(settings, "pg_dump --format=custom --file=arena.dump")
    connect(settings, create=False)  # says so if there is none
    made = back_up(file, settings.images_dir, to, with_images=images)
    copied = f", {made.images_copied} copied" if images else " listed; --images copies them, too"
    typer.echo(f"{to}: {_megabytes(made.size_bytes)}, {made.images} images{copied}")
    if made.images_missing:
        console.say(f"{made.images_missing} images are recorded and missing; `arena db check` names the first")


@cli.command()
def restore(
    backup: Annotated[Path, typer.Argument(metavar="DIRECTORY", help="A directory that `arena db backup` made.")],
) -> None:
    """Verify a backup and put it where no database is; nothing is overwritten."""
    from arena.errors import StoreError
    from arena.store.backup import restore as put_back
    from arena.store.engine import open_database

    settings = console.settings()
    file = _sqlite_file(settings, "pg_restore --dbname=… arena.dump")
    settings.require_writable()
    made = put_back(backup, file, settings.images_dir)
    typer.echo(f"{file}: {_megabytes(made.size_bytes)}, {made.images} images, {made.images_copied} of them copied")
    if made.images_missing:
        console.say(
            f"{made.images_missing} images are neither in the backup nor in {settings.images_dir}; "
            f"copy them there by the list {backup / 'IMAGES.sha256'}"
        )
    try:
        open_database(settings).close()
    except StoreError as error:  # a backup of an older version says what comes next
        console.say(str(error))


@cli.command()
def vacuum() -> None:
    """Give the room of deleted rows back to the disk; nobody may write meanwhile."""
    from datetime import UTC, datetime

    from arena.store import pruning
    from arena.store.check import vacuum as shrink
    from arena.store.engine import open_database

    settings = console.settings()
    file = _sqlite_file(settings, "psql -c 'VACUUM ANALYZE'")
    database = open_database(settings)
    with database.read() as connection:
        pruning.refuse_while_running(connection, datetime.now(UTC), "vacuum once it has ended")
    before, after = shrink(database)
    typer.echo(f"{file}: {_megabytes(before)} -> {_megabytes(after)}")


def _sqlite_file(settings: Settings, instead: str) -> Path:
    """The database's file; ConfigError naming PostgreSQL's own command where the rows are in PostgreSQL."""
    from arena.errors import ConfigError
    from arena.store.engine import connect

    if settings.database_url is None:
        return settings.data_dir / "arena.db"
    url = connect(settings, create=True).url
    if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
        raise ConfigError(f"the rows are in PostgreSQL, which has its own tools: `{instead}`")
    return Path(url.database)


def _megabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:.1f} MB"
