"""The pool of hashing threads: attempts beyond its queue are refused at once."""

import json
import os
import threading
from functools import partial

import pytest
from django.contrib.auth.hashers import make_password
from django.db import connection

from accounts import password_reset, passwords
from accounts.errors import HashingOverloaded
from accounts.hashing.pool import HashingPool, pool
from accounts.models import AuditEvent, User
from tests.concurrency import at_once
from tests.conftest import PASSWORD
from tests.contracts.clients import CLIENTS
from tests.core.stored_hashes import busy, full_queue

pytestmark = pytest.mark.django_db


def test_work_beyond_the_queue_is_refused_at_once_and_accepted_later():
    pool = HashingPool(2, queue=3)
    go, threads = busy(pool, 5)
    with pytest.raises(HashingOverloaded):
        pool.run(len, "abc")
    go.set()
    for thread in threads:
        thread.join()
    assert pool.run(len, "abc") == 3


@pytest.mark.parametrize(
    ("queue", "threads", "places"),
    [(8, 16, 10), (8, 4, 3), (8, 2, 1), (8, 1, 1), (8, 0, 10), (64, 16, 15)],
)
def test_one_thread_of_a_web_process_is_always_left_for_other_requests(queue, threads, places):
    assert HashingPool(2, queue, threads).places == places


def test_no_more_hashes_run_at_once_than_there_are_processors():
    """Each hash takes 19 MiB and a processor."""
    pool, lock, running, most = HashingPool(2, queue=10), threading.Lock(), 0, 0

    def work(number):
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        os.sched_yield()
        with lock:
            running -= 1
        return number

    assert at_once(*(partial(pool.run, work, number) for number in range(12))) == list(range(12))
    assert most <= 2


def test_work_inside_a_hash_takes_no_second_place():
    pool = HashingPool(1, queue=0)
    assert pool.run(lambda: pool.run(len, "abc")) == 3


def test_an_import_waits_where_a_login_is_refused():
    pool = HashingPool(1, queue=0)
    go, (thread,) = busy(pool, 1)
    threading.Timer(0.1, go.set).start()
    assert pool.run_patiently(len, "abc") == 3
    thread.join()


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_a_thread_that_waits_for_a_hash_lends_the_last_database_connection(alice):
    connections = connection.pool  # type: ignore[attr-defined]
    taken = [connections.getconn() for _ in range(connections.max_size - 1)]
    try:
        assert connections.get_stats()["pool_available"] == 0
        assert pool.run(lambda: connections.get_stats()["pool_available"]) == 1
        assert User.objects.count() == 1
    finally:
        for each in taken:
            connections.putconn(each)


def test_a_failing_hash_gives_its_place_back():
    pool = HashingPool(1, queue=0)
    for _ in range(3):
        with pytest.raises(ValueError, match="broken"):
            pool.run(partial(int, "broken"))


def test_the_log_says_once_a_minute_that_attempts_are_refused(caplog):
    pool = HashingPool(1, queue=0)
    go, (thread,) = busy(pool, 1)
    for _ in range(5):
        with pytest.raises(HashingOverloaded):
            pool.run(len, "abc")
    go.set()
    thread.join()
    assert [record.getMessage() for record in caplog.records] == [
        "1 attempts refused: the hashing queue is full (HASHING_QUEUE, THREADS)"
    ]


def test_an_old_hash_is_upgraded_at_a_later_login_if_the_queue_is_full(alice):
    """The queue fills up after the old hash was compared."""
    old = make_password(PASSWORD, hasher="pbkdf2_sha1")
    User.objects.update(password=old)
    user = User.objects.get()
    go, threads = busy(pool, pool.places)
    passwords._upgrade_hash(user, PASSWORD)
    go.set()
    for thread in threads:
        thread.join()
    assert User.objects.get().password == user.password == old


@pytest.mark.parametrize("client", CLIENTS, ids=str)
def test_a_login_that_fits_no_queue_is_503_in_its_contracts_shape(caller, alice, client):
    with full_queue():
        answers = [
            client.log_in(caller, name, password)
            for name in ("alice", "nobody")
            for password in (PASSWORD, "wrong")
        ]
    assert {(answer.status_code, answer["Retry-After"]) for answer in answers} == {(503, "1")}
    assert {json.dumps(answer.json()) for answer in answers} == {
        json.dumps(client.refusal(503, "Service temporarily unavailable"))
    }
    assert client.log_in(caller).status_code == 200


def test_other_requests_are_answered_while_the_queue_is_full(caller, alice):
    access, refresh = CLIENTS[0].tokens(caller)
    with full_queue():
        answers = [
            caller.get("/healthz"),
            caller.get("/api/v1/auth/me", access),
            CLIENTS[0].refresh(caller, access, refresh),
        ]
    assert [answer.status_code for answer in answers] == [200] * 3


def test_an_attempt_beyond_the_queue_spends_no_guess_and_is_no_event(caller, alice):
    with full_queue():
        for _ in range(30):
            assert CLIENTS[0].log_in(caller, password="wrong").status_code == 503
    assert not AuditEvent.objects.exists()
    assert CLIENTS[0].log_in(caller).status_code == 200


def test_a_code_that_fits_no_queue_is_not_used_up(caller, alice):
    reset_secrets = password_reset.make(alice)
    asked = {
        "username": "alice",
        "confirmation_code": reset_secrets.code,
        "password": "four small green lamps",
    }
    with full_queue():
        refused = caller.json("/v1/forgot-password-confirm", asked)
    assert (refused.status_code, refused["Retry-After"]) == (503, "1")
    assert caller.json("/v1/forgot-password-confirm", asked).status_code == 200


def test_users_are_asked_to_send_the_form_again(client, alice):
    form = {"identifier": "alice", "current": PASSWORD, "password": "four small green lamps"}
    with full_queue():
        page = client.post("/change-password", form)
    assert (page.status_code, page["Retry-After"]) == (503, "1")
    assert "send the form again in a moment" in page.content.decode()
    assert client.post("/change-password", form).status_code == 302


def test_operators_are_asked_to_sign_in_again_in_a_moment(client, olga):
    form = {"username": "olga", "password": PASSWORD}
    with full_queue():
        page = client.post("/admin/login/", form)
    assert (page.status_code, page["Retry-After"]) == (503, "1")
    assert "Please try again in a moment" in page.content.decode()
    assert client.post("/admin/login/", form).status_code == 302


def test_an_operators_other_pages_say_so_too(client, olga, alice):
    client.force_login(olga)
    client.raise_request_exception = False
    form = {"ids": str(alice.pk), "reason": "she asked for it", "password": PASSWORD, "sure": "yes"}
    with full_queue():
        page = client.post(
            "/admin/accounts/user/action/temporary_password/", form, headers={"Accept": "text/html"}
        )
    assert (page.status_code, page["Retry-After"]) == (503, "1")
    assert "Nothing was changed" in page.content.decode()
