"""SQLite while another process writes, or while the disk is full, and after."""

import resource
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from tests.faults.http_client import PASSWORD
from tests.faults.processes import in_parallel
from tests.faults.servers import Server

pytestmark = pytest.mark.sqlite


def test_a_writer_that_does_not_let_go(server, user):
    """Reads go on; writes are refused in time, in the contract's shape."""
    pair = server.log_in_by_form(user)
    connection = sqlite3.connect(server.database.removeprefix("sqlite:///"), isolation_level=None)
    try:
        connection.execute("BEGIN EXCLUSIVE")
        begun = time.monotonic()
        assert server.me(pair["access"]) == 200
        login = partial(server.call, "/v1/login", {"username": user, "password": PASSWORD})
        refused, rotated = in_parallel([login, partial(server.rotate, pair)])
        assert (
            refused.status,
            refused.json()["status"],
            refused.headers["Retry-After"].isdigit(),
        ) == (503, 503, True)
        assert rotated.status == 503
        assert time.monotonic() - begun < 10
        assert server.call("/healthz").status == 200
    finally:
        connection.close()
    assert server.rotate(pair).status == 200
    assert server.call("/v1/login", {"username": user, "password": PASSWORD}).status == 200


def test_a_full_disk(server, user):
    """No file may grow: writes are refused in the contract's shape, and nothing is lost."""
    pair, login = server.log_in_by_form(user), {"username": user, "password": PASSWORD}
    with no_file_grows(server):
        refused = server.call("/v1/login", login)
        assert (
            refused.status,
            refused.json()["status"],
            refused.headers["Retry-After"].isdigit(),
        ) == (503, 503, True)
        assert server.rotate(pair).status == 503
        assert server.call("/healthz").status == 200
    assert server.rotate(pair).status == 200
    assert server.call("/v1/login", login).status == 200


@contextmanager
def no_file_grows(server: Server) -> Iterator[None]:
    workers, before = server.workers(), resource.getrlimit(resource.RLIMIT_FSIZE)
    for worker in workers:
        resource.prlimit(worker, resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        for worker in workers:
            resource.prlimit(worker, resource.RLIMIT_FSIZE, before)
