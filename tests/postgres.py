"""Databases of their own on a real PostgreSQL server."""

import secrets

import sqlalchemy as sa


def new_postgres_database(url):
    """The URL of an empty database."""
    name = f"arena_{secrets.token_hex(6)}"
    admin = sa.create_engine(sa.make_url(url).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    admin.dispose()
    return sa.make_url(url).set(database=name).render_as_string(hide_password=False)
