"""Alembic's entry: uses the connection it is given, or the settings' database under Alembic's own command."""

from __future__ import annotations

from alembic import context

from arena.store.schema import METADATA


def run() -> None:
    """Run the migrations in the caller's transaction."""
    connection = context.config.attributes.get("connection")
    if connection is not None:
        context.configure(connection=connection, target_metadata=METADATA, render_as_batch=True)
        context.run_migrations()
        return
    from arena.settings import Settings
    from arena.store.engine import connect

    with connect(Settings(), create=True).begin() as own:
        context.configure(connection=own, target_metadata=METADATA, render_as_batch=True)
        with context.begin_transaction():
            context.run_migrations()


run()
