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
def test_a_use_right_before_the_end_is_written(server, user, address, threads):
    keys = [new_key(server, user) for _ in range(8)]
    with Server(address, THREADS=threads) as ending:
        ending.start()
        for key in keys:
            assert ending.me(key) == 200
        assert ending.process
        assert end(ending.process) == 0
        assert [lost(ending, key) for key in keys] == [[]] * 8
        for secret in keys:
            assert secret not in ending.log.read_text()


def test_a_use_is_written_by_a_worker_that_alone_is_told_to_stop(server, user):
    key = new_key(server, user)
    (worker, _) = server.workers()
    with server.connection_to(worker) as connection:
        assert server.me(key, over=connection) == 200
        os.kill(worker, signal.SIGTERM)
    wait_for_the_end_of(worker)
    assert lost(server, key) == []


def test_a_use_that_is_being_answered_at_the_end_is_written(server, user, address):
    """The request came before SIGTERM, its response after."""
    key = new_key(server, user)
    with Server(address) as ending:
        ending.start()
        connections = [ending.connect() for _ in range(6)]
        for connection in connections:
            connection.request("GET", "/api/v1/auth/me", headers={"X-API-Key": key})
        assert ending.process
        ending.process.terminate()
        answered = [answer for answer in map(status, connections) if answer]
        end(ending.process)
        assert set(answered) <= {200}
        assert not answered or lost(ending, key) == []


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
    deadline = time.monotonic() + 20
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.05)
