"""Fixtures with a real gunicorn of two workers, on a new database of the run's server."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.databases import HERE
from tests.faults.databases import database
from tests.faults.mail_servers import PostOffice
from tests.faults.processes import end, free_port, start_redis
from tests.faults.servers import Server


@pytest.fixture(scope="session")
def address(template) -> Iterator[str]:
    with database(copy_of=template.address) as address:
        yield address


@pytest.fixture(scope="session")
def running(template, address) -> Iterator[Server]:
    with Server(address) as server:
        server.new_users = list(template.users)
        server.secrets.add(template.admin_password)
        server.start()
        yield server


@pytest.fixture
def server(running) -> Server:
    """Return the server with both workers alive, whatever the test before did to them."""
    running.wait()
    return running


@pytest.fixture(scope="session")
def sync(address) -> Iterator[Server]:
    """Start a gunicorn with sync workers on the same database."""
    with Server(address, THREADS="1") as server:
        server.start()
        yield server


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
