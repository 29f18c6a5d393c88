"""SQLite has one writer: what a client sees while somebody else holds its place, and after."""

import sqlite3
import time

from tests.faults.servers import PASSWORD


def test_a_writer_that_does_not_let_go(server, user):
    """Who only reads goes on; who has to write is told to come back, in time and in shape."""
    pair = server.log_in_by_form(user)
    connection = sqlite3.connect(server.database.removeprefix("sqlite:///"), isolation_level=None)
    try:
        connection.execute("BEGIN EXCLUSIVE")
        begun = time.monotonic()
        assert server.me(pair["access"]) == 200
        refused = server.call("/v1/login", {"username": user, "password": PASSWORD})
        assert (refused.status, refused.json()["status"], refused.headers["Retry-After"].isdigit()) == (503, 503, True)
        assert server.rotate(pair).status == 503
        assert time.monotonic() - begun < 20
        assert server.call("/healthz").status == 200
    finally:
        connection.close()
    assert server.rotate(pair).status == 200
    assert server.call("/v1/login", {"username": user, "password": PASSWORD}).status == 200
