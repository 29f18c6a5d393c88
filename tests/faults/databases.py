"""Databases of servers that tests start: empty ones, and copies of what is made once.

To migrate takes longer than to start a server.
"""

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
from django.db import connections
from psycopg.sql import SQL, Identifier

from tests.databases import HERE


def address_of(name: str) -> str:
    """Return the URL of a database on the run's server; for SQLite, of a file."""
    if server := os.environ.get("DATABASE_URL"):
        return urlsplit(server)._replace(path=f"/{name}").geturl()
    return f"sqlite:///{name}"


@contextmanager
def database(copy_of: str = "") -> Iterator[str]:
    """Return the URL of a new database, or of a copy of one that nobody uses."""
    if not os.environ.get("DATABASE_URL"):
        folder = Path(tempfile.mkdtemp(dir=HERE))
        if copy_of:
            shutil.copy(copy_of.removeprefix("sqlite:///"), folder / "db.sqlite3")
        yield address_of(f"{folder}/db.sqlite3")
        shutil.rmtree(folder)
        return
    name, template = f"faults_{secrets.token_hex(4)}", urlsplit(copy_of).path[1:] or "template1"
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as server:
        server.execute(
            SQL("CREATE DATABASE {} TEMPLATE {}").format(Identifier(name), Identifier(template))
        )
        yield address_of(name)
        server.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


@contextmanager
def tables() -> Iterator[str]:
    """Return the URL of a copy of the tests' database, which was migrated and not used yet."""
    used: Any = connections["default"]
    used.close()
    if used.vendor == "postgresql":
        used.close_pool()
    with database(copy_of=address_of(str(used.settings_dict["NAME"]))) as copy:
        yield copy
