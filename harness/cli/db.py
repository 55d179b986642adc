"""`arena db`: the database's schema and health."""

from __future__ import annotations

import typer

from harness.cli import console

cli = typer.Typer(name="db", help="Upgrade and check the database.", no_args_is_help=True)


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
def check() -> None:
    """Check the schema's version, the database's integrity, and that every recorded image is there; exit 2 if not."""
    from arena.store.check import check as examine
    from arena.store.engine import open_database

    settings = console.settings()
    report = examine(open_database(settings), settings.images_dir)
    for line in report:
        typer.echo(console.shown(line))
