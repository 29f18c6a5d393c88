"""Uses of keys are written soon, also by a process that is told to stop."""

import http.client
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.processes import end
from tests.faults.servers import Server

pytestmark = pytest.mark.own_sql

USED = (
    "SELECT k.last_used_at, "
    "(SELECT count(*) FROM apikeys_knownaddress a WHERE a.key_id = k.id) "
    "FROM apikeys_apikey k WHERE k.id = '{}'"
)


def new_key(server: Server, user: str) -> str:
    made = server.call("/api/v1/auth/keys", {}, server.log_in(user)["access"])
    assert made.status == 201
    return str(made.json()["apiKey"])


def lost(server: Server, key: str) -> list[str]:
    """Wait until the use is in the database; return what is missing."""
    ((used, addresses),) = server.query(USED.format(key[8:16]))
    return [name for name, there in (("use", used), ("address", addresses == 1)) if not there]


def test_the_first_use_shows_soon(server, user):
    """The last use is shown within seconds."""
    key = new_key(server, user)
    assert server.me(key) == 200
    until(lambda: lost(server, key) == [])
    access = server.log_in(user)["access"]
    (listed,) = server.call("/api/v1/auth/keys", None, access).json()
    assert listed["lastUsed"]


@pytest.mark.parametrize("threads", ["1", "4"])
def test_uses_right_before_the_end_are_written(server, user, address, threads):
    """Of one key the request comes before SIGTERM, and its response may come after."""
    *keys, late = (new_key(server, user) for _ in range(9))
    with Server(address, THREADS=threads) as ending:
        ending.start()
        for key in keys:
            assert ending.me(key) == 200
        connections = [ending.connect() for _ in range(6)]
        for connection in connections:
            connection.request("GET", "/api/v1/auth/me", headers={"X-API-Key": late})
        assert ending.process
        ending.process.terminate()
        answered = [answer for answer in map(status, connections) if answer]
        assert end(ending.process) == 0
        assert [lost(ending, key) for key in keys] == [[]] * 8
        assert set(answered) <= {200}
        assert not answered or lost(ending, late) == []
        for secret in (*keys, late):
            assert secret not in ending.log.read_text()


def test_a_use_is_written_by_a_worker_that_alone_is_told_to_stop(server, user):
    key = new_key(server, user)
    (worker, _) = server.workers()
    with server.connection_to(worker) as connection:
        assert server.me(key, over=connection) == 200
        os.kill(worker, signal.SIGTERM)
    wait_for_the_end_of(worker)
    assert lost(server, key) == []


def status(connection: http.client.HTTPConnection) -> int:
    """Return the status of the response; 0 without one."""
    try:
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


def wait_for_the_end_of(worker: int) -> None:
    until(lambda: not Path(f"/proc/{worker}").exists())


def until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.05)
