"""Fixtures with a real gunicorn of two workers, on a new database of the run's server."""

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from tests.databases import HERE
from tests.faults.mail_servers import PostOffice
from tests.faults.processes import end, free_port, start_redis
from tests.faults.servers import Server


@contextmanager
def database(address: str) -> Iterator[str]:
    """Return the URL of a new database on the server of ``address``; for SQLite, of a new file."""
    if not address:
        folder = tempfile.mkdtemp(dir=HERE)
        yield f"sqlite:///{folder}/db.sqlite3"
        shutil.rmtree(folder)
        return
    name = f"faults_{secrets.token_hex(4)}"
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
        yield urlsplit(address)._replace(path=f"/{name}").geturl()
        connection.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    with database(os.environ.get("DATABASE_URL", "")) as address:
        yield address


@pytest.fixture(scope="session")
def running(address) -> Iterator[Server]:
    with Server(address) as server:
        server.set_up()
        server.start()
        yield server


@pytest.fixture
def server(running) -> Server:
    """Return the server with both workers alive, whatever the test before did to them."""
    running.wait()
    return running


@pytest.fixture
def user(server) -> str:
    """Return the name of an account that only this test uses."""
    return server.new_user()


@pytest.fixture
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(dir=HERE))
    yield made
    shutil.rmtree(made)


@pytest.fixture
def redis_url() -> Iterator[str]:
    port = free_port()
    process = start_redis(port)
    yield f"redis://127.0.0.1:{port}/0"
    end(process)


@pytest.fixture
def office(settings) -> Iterator[PostOffice]:
    """Start a mail server for this test."""
    made = PostOffice()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_USE_TLS, settings.EMAIL_TIMEOUT = (
        "127.0.0.1",
        made.port,
        False,
        2,
    )
    yield made.open()
    made.close()
